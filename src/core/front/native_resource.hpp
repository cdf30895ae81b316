// The native front's calls about what Google keeps for a project: caches,
// files, batches, operations, and what makes them. Bytes pass; beside, it is
// read which names they hold.
// Source: reference/endpoints.md sections 10 to 12.
#pragma once

#include "core/front/front.hpp"
#include "core/gemini/native_route.hpp"
#include "core/gemini/resource_names.hpp"
#include "core/gemini/upload.hpp"

#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace gw::front {

class NativeResource final : public Front {
public:
    /// query: of the client's request line. step: of an upload. Views outlive
    /// the front.
    NativeResource(const gemini::NativeRoute &route, std::string_view query,
        gemini::UploadStep step, std::pmr::memory_resource *memory);

    /// Whether a route is for this front.
    static bool serves(Operation operation);

    Result<void> read(std::string_view body) override;
    std::string_view requested_model() const override;
    bool streams() const override
    {
        return route_.operation == Operation::download;
    }
    gemini::Apis apis() const override
    {
        return gemini::only(gemini::Api::gemini);
    }
    Result<void> write_body(std::string_view model, gemini::Api api,
        Output &out) override;
    void write_path(std::string_view model, const gemini::Place &place,
        Output &out) const override;
    bool keeps_model() const override { return true; }
    void hide(std::string_view secret) override { secret_ = secret; }
    std::string_view upstream_method() const override
    {
        return route_.method;
    }
    std::vector<std::string_view> resources() const override;
    bool creates() const override;
    std::vector<Learned> learned() const override;
    bool reads_body() const override;
    std::string head_field(std::string_view name, std::string_view value,
        std::string_view here) override;
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    translate::StreamState feed(std::string_view bytes,
        Output &out) override;
    translate::StreamState finish(translate::StreamEnd end,
        Output &out) override;
    int status_for(int upstream) const override;
    bool passes_file() const override { return streams(); }
    void write_error_event(const Error &, Output &) const override {}
    int write_error(const Error &error, const gemini::UpstreamError *reason,
        std::string_view body, Output &out) const override;
    bool takes_comments() const override { return false; }
    void start_over() override;
    const Error &error() const override { return error_; }
    const translate::Outcome &outcome() const override { return outcome_; }

private:
    bool uploads() const { return route_.operation == Operation::upload; }

    gemini::NativeRoute route_;
    std::string_view query_;
    gemini::UploadStep step_;
    std::pmr::memory_resource *memory_;
    std::string_view body_;
    std::string_view secret_;
    gemini::RequestNames names_;
    std::string upload_;            // its name; empty: none yet
    std::string begun_;             // the one an answer has begun
    std::vector<Learned> learned_;
    Error error_;
    translate::Outcome outcome_;
};

}

// A list of caches, files, batches or operations: each project of the pool is
// asked for its own, and the client is shown what is its.
#pragma once

#include "core/front/front.hpp"
#include "core/gemini/native_route.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace gw::front {

class NativeList final : public Front {
public:
    /// So many calls to upstream for one page that shows something, and for
    /// one that shows nothing yet.
    static constexpr std::size_t usual_calls = 8;
    static constexpr std::size_t most_calls = 64;

    /// projects: that may have something, in the order to ask them. holdings,
    /// query and what route points to outlive the front.
    NativeList(const gemini::NativeRoute &route, std::string_view query,
        std::vector<std::uint64_t> projects, Holdings &holdings,
        std::pmr::memory_resource *memory);

    /// Reads the query's pageToken, which is one of ours, and pageSize.
    Result<void> read(std::string_view body) override;
    std::string_view requested_model() const override { return {}; }
    bool streams() const override { return false; }
    gemini::Apis apis() const override
    {
        return gemini::only(gemini::Api::gemini);
    }
    Result<void> write_body(std::string_view, gemini::Api, Output &) override
    {
        return {};
    }
    void write_path(std::string_view model, const gemini::Place &place,
        Output &out) const override;
    void hide(std::string_view secret) override { secret_ = secret; }
    std::string_view upstream_method() const override { return "GET"; }
    std::uint64_t project() const override;
    Whole skip_project(Output &out) override;
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    void write_error_event(const Error &, Output &) const override {}
    int write_error(const Error &error, const gemini::UpstreamError *reason,
        std::string_view body, Output &out) const override;
    void start_over() override { error_ = {}; }
    const Error &error() const override { return error_; }
    const translate::Outcome &outcome() const override { return outcome_; }

    /// The page without asking anybody: nobody has anything.
    static void write_empty(Output &out);

private:
    bool take(std::string_view body);
    Whole go_on(Output &out);
    void write(Output &out) const;

    gemini::NativeRoute route_;
    std::string_view query_;
    std::vector<std::uint64_t> projects_;
    Holdings &holdings_;
    std::pmr::memory_resource *memory_;
    std::string_view secret_;
    std::size_t at_ = 0;                // in projects_
    std::string page_token_;            // of that project; empty: its first
    std::size_t page_size_ = 0;         // 0: the client did not say
    std::size_t calls_ = 0;
    bool answered_ = false;             // somebody has
    std::string collection_;
    std::string items_;                 // with commas between them
    std::size_t item_count_ = 0;
    Error error_;
    translate::Outcome outcome_;
};

}

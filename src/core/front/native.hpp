// The native front: Google's own APIs, byte for byte. What passes is read
// beside, for usage, the finish reason and errors.
// Source: reference/endpoints.md section 10.
#pragma once

#include "core/front/front.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/gemini/native_route.hpp"
#include "core/gemini/vertex_route.hpp"
#include "core/sse/splitter.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace gw::front {

class Native final : public Front {
public:
    /// query: of the client's request line. max_event: bytes, of one stream
    /// event. Views outlive the front.
    Native(const gemini::NativeRoute &route, std::string_view query,
        std::size_t max_event, std::pmr::memory_resource *memory);

    Result<void> read(std::string_view body) override;
    std::string_view requested_model() const override
    {
        return route_.model;
    }
    bool streams() const override
    {
        return route_.operation == Operation::stream_generate_content;
    }
    gemini::Place named_place() const override;
    Result<void> write_body(std::string_view model, gemini::Api api,
        Output &out) override;
    void write_path(std::string_view model, const gemini::Place &place,
        Output &out) const override;
    void hide(std::string_view secret) override { secret_ = secret; }
    std::string_view upstream_method() const override
    {
        return route_.method;
    }
    gemini::Apis apis() const override;
    std::vector<std::string_view> resources() const override;
    std::int64_t estimated_tokens() const override { return tokens_; }
    Whole whole(std::string_view body, bool last_try, Output &out) override;
    translate::StreamState feed(std::string_view bytes,
        Output &out) override;
    translate::StreamState finish(translate::StreamEnd end,
        Output &out) override;
    bool accept_empty(Output &out) override;
    void write_error_event(const Error &error, Output &out) const override;
    int write_error(const Error &error, const gemini::UpstreamError *reason,
        std::string_view body, Output &out) const override;
    bool takes_comments() const override { return false; }
    void start_over() override;
    bool empty() const override { return empty_; }
    const gemini::UpstreamError *upstream_error() const override
    {
        return has_upstream_error_ ? &upstream_error_ : nullptr;
    }
    const Error &error() const override { return error_; }
    const translate::Outcome &outcome() const override { return outcome_; }

private:
    /// The route's path on Vertex AI, for either kind of client.
    gemini::VertexRoute vertex_route() const;
    bool take(std::string_view data);
    void note(const gemini::GenerateReply &reply);
    void note_finish(const gemini::Candidate &candidate);
    void pass_framing(Output &out);
    translate::StreamState fail(ErrorKind kind, std::string_view message);

    gemini::NativeRoute route_;
    std::string_view query_;
    std::string_view body_;
    std::vector<std::string> names_;        // of what is kept upstream
    std::string_view secret_;
    bool events_;                   // a stream of events, not an array
    std::size_t max_event_;
    std::pmr::memory_resource *memory_;
    std::int64_t tokens_ = 0;

    // of one try
    Arena scratch_;
    sse::Splitter splitter_;
    translate::StreamState state_ = translate::StreamState::quiet;
    std::string pending_;           // behind the last event that was passed
    int unread_ = 0;                // events since the last that was read
    bool empty_ = false;
    bool has_upstream_error_ = false;
    gemini::UpstreamError upstream_error_;
    std::string error_text_;        // its JSON
    Error error_;
    translate::Outcome outcome_;
    gemini::UsageMetadata usage_;
    bool called_ = false;           // a function call was among the parts
};

}

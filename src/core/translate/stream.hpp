// Gemini's events -> completion chunks, one object per stream.
// Source: reference/stream-framing.md, reference/chat-response.md section 9.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/error.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/gemini/usage.hpp"
#include "core/openai/chat_chunk.hpp"
#include "core/sse/splitter.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/choice_chunks.hpp"
#include "core/translate/outcome.hpp"
#include "core/translate/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string_view>
#include <vector>

namespace gw::translate {

enum class StreamState {
    quiet,      // nothing worth a head has come: role, thoughts' silence
    started,    // content, a finish reason or a block has come
    failed      // upstream sent an error, or bytes that are not a stream
};

enum class StreamEnd {
    complete,   // the body ended as its framing says it should
    cut,        // the connection ended inside the body
    timed_out
};

/// Holds what must survive between events: whether the role was sent, tool
/// call indexes, the finish reasons, usage. Memory does not grow with the
/// stream: per-event scratch is an arena that is reset.
///
/// Bytes go in cut anywhere; whole SSE events come out. Nothing is written
/// while the state is quiet, so that a failure can still be answered
/// otherwise; what was held is written with the first content.
class ChatStream {
public:
    /// max_event: largest event, bytes. The head's strings must outlive this.
    ChatStream(const ReplyOptions &options, std::size_t max_event,
        std::pmr::memory_resource *memory);

    /// Takes any bytes of the upstream body. After failed nothing more is
    /// taken.
    StreamState feed(std::string_view bytes, Output &out);

    /// The upstream ended. complete with a finish reason seen: finish chunks,
    /// usage if asked for, [DONE]; state started. Without one, or not
    /// complete: failed, error() says so (truncated, timeout), nothing
    /// written. With nothing at all having come: failed and empty().
    StreamState finish(StreamEnd end, Output &out);

    /// Writes an error event; for a stream whose head has gone out. No [DONE]
    /// and nothing else follows.
    void write_error(const Error &error, Output &out);

    StreamState state() const { return state_; }

    /// failed: whether it failed by saying nothing (no candidates, a STOP
    /// without a word, MALFORMED_FUNCTION_CALL at the start): another try may
    /// help and no credential is to blame.
    bool empty() const { return empty_; }

    /// Writes the ending of an empty answer for a client that will get no
    /// other try: what finish() would have written had it been accepted.
    /// false: nothing sensible can be written, answer error() instead.
    bool accept_empty(Output &out);

    /// failed by an error object of upstream's.
    const gemini::UpstreamError *upstream_error() const
    {
        return has_upstream_error_ ? &upstream_error_ : nullptr;
    }

    /// failed: what to tell the client.
    const Error &error() const { return error_; }

    const Outcome &outcome() const { return outcome_; }

    /// Whether a text, a call or an image has been written.
    bool saw_output() const { return saw_output_; }

private:
    bool take(std::string_view data, Output &out);
    bool take_elements(std::string_view data, Output &out);
    bool take_object(std::string_view text, Output &out);
    void take_candidate(const gemini::Candidate &candidate, Output &out);
    void take_block(const gemini::PromptFeedback &feedback, Output &out);
    StreamedChoice *choice_of(std::int64_t index);

    bool sniff(std::string_view bytes);
    StreamState fail(ErrorKind kind, std::string_view message);
    StreamState fail_empty();
    void write_ending(Output &out);
    ChunkTools tools();

    ReplyOptions options_;
    sse::Splitter splitter_;
    openai::ChunkWriter chunk_;
    Arena scratch_;
    std::pmr::vector<StreamedChoice> choices_;
    CallIds call_ids_;
    StreamState state_ = StreamState::quiet;
    bool sniffed_ = false;          // the body's first character is known
    bool ended_ = false;            // [DONE] or an error event is written
    bool empty_ = false;
    bool has_upstream_error_ = false;
    bool saw_output_ = false;
    gemini::UpstreamError upstream_error_;
    Error error_;
    Outcome outcome_;
    gemini::UsageMetadata usage_;
};

}

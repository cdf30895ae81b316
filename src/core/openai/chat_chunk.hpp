// Completion chunks: the events of a streamed answer, of a chat or, in a form
// that differs where a chat has its delta, of a text completion.
// Source: reference/chat-response.md section 9.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/value.hpp"
#include "core/openai/chat_reply.hpp"

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace gw::openai {

enum class ChunkForm : std::uint8_t { chat, text };

/// Writes the chunks of one stream, each a whole SSE event. What all of them
/// begin with is put together once.
class ChunkWriter {
public:
    /// include_usage: the client asked for the usage chunk, so all others
    /// carry "usage":null.
    ChunkWriter(const ReplyHead &head, bool include_usage,
        std::pmr::memory_resource *memory,
        ChunkForm form = ChunkForm::chat);

    /// A chunk of one choice in two halves: between them goes what stands
    /// inside the braces of "delta".
    void begin_delta(std::int64_t index, Output &out) const;
    void end_delta(Output &out) const;

    /// Instead of end_delta, for a chunk that has the probabilities of its
    /// tokens: between the halves goes the value of "logprobs".
    void begin_logprobs(Output &out) const;
    void end_logprobs(Output &out) const;

    /// The same for a delta that is one string: between the halves goes the
    /// escaped inside of that string. begin_logprobs may end the delta behind
    /// a quote as well. Of a text completion there is one such string, and no
    /// other delta.
    void begin_text(std::int64_t index, std::string_view name,
        Output &out) const;
    void end_text(Output &out) const;

    /// The first chunk of a choice of a chat.
    void role(std::int64_t index, Output &out) const;

    /// The last chunk of a choice. native and message, which may be empty,
    /// are escaped as they stood.
    void finish(std::int64_t index, std::string_view reason,
        std::string_view native, std::string_view message,
        Output &out) const;

    void usage(const gemini::Usage &usage, Output &out) const;

    /// The end of the stream.
    void done(Output &out) const;

private:
    void begin_choice(std::int64_t index, Output &out) const;
    void begin_rest(Output &out) const;
    void end_choice(Output &out) const;

    std::pmr::string prefix_;
    bool include_usage_;
    ChunkForm form_;
};

}

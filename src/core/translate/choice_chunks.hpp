// One choice of a streamed answer: what must be known of it between events,
// and its pieces as chunks.
// Source: reference/chat-response.md section 9.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"
#include "core/openai/chat_chunk.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/finish.hpp"
#include "core/translate/parts.hpp"

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace gw::translate {

struct StreamedChoice {
    StreamedChoice(std::int64_t number, Thoughts thoughts,
        std::pmr::memory_resource *memory)
        : index(number), walk(thoughts), native(memory), message(memory),
          signature(memory)
    {
    }

    /// By what has come so far.
    Finish finish() const;

    std::int64_t index;
    PartWalk walk;
    TextJoin content;
    TextJoin reasoning;
    std::int64_t tool_calls = 0;
    std::int64_t images = 0;
    bool role_sent = false;
    bool blocked = false;
    bool finished = false;          // a finish reason has come
    std::pmr::string native;        // it, and its message, escaped
    std::pmr::string message;
    std::pmr::string signature;     // came before there was a role to send
};

/// Writes the pieces of one choice that one event brought; neighbours of the
/// same kind share a chunk. The role goes before anything else.
class ChoiceChunks : public PartSink {
public:
    ChoiceChunks(const openai::ChunkWriter &chunk, CallIds &call_ids,
        StreamedChoice &choice, Output &out)
        : chunk_(chunk), call_ids_(call_ids), choice_(choice), out_(out)
    {
    }

    /// The role, if it has not been sent.
    void start();

    void content(const json::String &text);
    void reasoning(const json::String &text);
    void tool_call(const gemini::ReplyFunctionCall &call,
        const json::String &signature);
    void image(const gemini::ReplyBlob &blob);
    void signature(const json::String &signature);
    void refusal(const gemini::PromptFeedback &feedback);

    /// Ends the chunk of the last piece.
    void close();

    /// Nothing more comes for this choice but its finish chunk.
    void end();

private:
    StreamedChoice &open(std::string_view name);
    void begin();
    void write_signature(const json::String &signature);

    const openai::ChunkWriter &chunk_;
    CallIds &call_ids_;
    StreamedChoice &choice_;
    Output &out_;
    std::string_view open_;         // the string a chunk is open for
};

}

// One choice of a streamed answer: what must be known of it between events,
// and its pieces as chunks.
// Source: reference/chat-response.md section 9.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"
#include "core/openai/chat_chunk.hpp"
#include "core/translate/annotations.hpp"
#include "core/translate/audio.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/finish.hpp"
#include "core/translate/parts.hpp"
#include "core/translate/reply.hpp"
#include "core/translate/text_map.hpp"

#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>

namespace gw::translate {

struct StreamedChoice {
    StreamedChoice(std::int64_t number, const PartRules &rules,
        std::pmr::memory_resource *memory)
        : index(number), walk(rules), map(memory), cited(memory),
          native(memory), message(memory), signature(memory)
    {
    }

    /// By what has come so far.
    Finish finish() const;

    std::int64_t index;
    PartWalk walk;
    TextJoin content;
    TextJoin reasoning;
    TextMap map;
    Cited cited;
    Base64Join audio;
    std::int64_t tool_calls = 0;
    std::int64_t text_offset = 0;   // of a text completion's next token
    std::int64_t images = 0;
    bool audio_begun = false;
    bool role_sent = false;
    bool blocked = false;
    bool finished = false;          // a finish reason has come
    std::pmr::string native;        // it, and its message, escaped
    std::pmr::string message;
    std::pmr::string signature;     // came before there was a role to send
};

/// What is the same for all choices of a stream.
struct ChunkTools {
    const openai::ChunkWriter &chunk;
    const ReplyOptions &options;
    CallIds &call_ids;
    Arena &scratch;                 // of one event
};

/// Writes the pieces of one choice that one event brought; neighbours of the
/// same kind share a chunk. The role goes before anything else.
class ChoiceChunks : public PartSink {
public:
    ChoiceChunks(const ChunkTools &tools, StreamedChoice &choice, Output &out)
        : tools_(tools), chunk_(tools.chunk), choice_(choice), out_(out)
    {
    }

    /// All that one event says of the choice, its finish reason apart.
    void take(const gemini::Candidate &candidate);

    /// What comes first of a choice, if it has not been sent: the role of a
    /// chat's, the echo of a text completion's.
    void start();

    void content(const json::String &text, std::int64_t part);
    void reasoning(const json::String &text);
    void tool_call(const gemini::ReplyFunctionCall &call,
        const json::String &signature);
    void image(const gemini::ReplyBlob &blob);
    void audio(const gemini::ReplyBlob &blob);
    void signature(const json::String &signature);
    void refusal(const gemini::PromptFeedback &feedback);

    /// Nothing more comes for this choice but its finish chunk.
    void end();

private:
    StreamedChoice &open(std::string_view name);
    void begin();
    void write_echo();
    void close();
    void close_with_logprobs();
    void write_signature(const json::String &signature);
    void write_sources(const gemini::Candidate &candidate);

    const ChunkTools &tools_;
    const openai::ChunkWriter &chunk_;
    StreamedChoice &choice_;
    Output &out_;
    std::string_view open_;         // the string a chunk is open for
    json::Raw logprobs_;            // of this event, not yet written
};

}

// One choice of a whole answer: what a first look at its parts says, and its
// message.
// Source: reference/chat-response.md sections 2, 2.1.
#pragma once

#include "core/base/arena.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"
#include "core/translate/call_ids.hpp"
#include "core/translate/finish.hpp"
#include "core/translate/parts.hpp"
#include "core/translate/reply.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::translate {

struct WholeChoice {
    const gemini::Candidate *candidate = nullptr;
    std::string_view native;
    Finish finish{};
    bool has_content = false;
    bool has_reasoning = false;
    bool has_tool_calls = false;
    bool has_images = false;
    bool has_audio = false;
    std::size_t audio_bytes = 0;
    json::String audio_type;        // of the first piece
    json::String signature;         // the last one outside the tool calls
};

WholeChoice choice_of(const gemini::Candidate &candidate,
    const PartRules &rules);

/// What all choices of an answer are written with.
struct Writing {
    const ReplyOptions &options;
    CallIds &ids;
    Arena &arena;
    json::Writer &writer;
};

/// The text, as a JSON string; with the prompt before it, where it is echoed.
void write_content(const WholeChoice &choice, const Writing &to);

/// The inside of that prompt's JSON string, if it is echoed.
void write_echo(const TextForm &form, Output &out);

/// Its length in characters, as clients count them.
std::int64_t echo_length(const TextForm &form, Arena &arena);

/// The value of "message".
void write_message(const WholeChoice &choice, const Writing &to);

}

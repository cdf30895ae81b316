// What both forms of a chat answer repeat: the object's head, its usage, and
// the values that stand in a message and in a delta alike.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"

#include <cstdint>
#include <string_view>

namespace gw::openai {

/// The same in the whole answer, and in every chunk of one stream.
struct ReplyHead {
    std::string_view id;            // "chatcmpl-…"
    std::int64_t created = 0;       // Unix seconds
    std::string_view model;         // as the client asked for it, as it stood
                                    // in its JSON (already escaped)
};

/// The object as far as the first choice: {"id":…,"choices":[
void write_head(const ReplyHead &head, std::string_view object, Output &out);

/// What follows a choice's finish_reason: Gemini's own word for it and its
/// explanation. Both are escaped as they stood, and left out when empty.
void write_native_finish(std::string_view native, std::string_view message,
    Output &out);

/// The value of "usage".
void write_usage(const gemini::Usage &usage, json::Writer &writer);

/// JSON text as the inside of a JSON string, white space between its tokens
/// left out; "{}" for none. Numbers stay as they were written.
void write_arguments(std::string_view arguments, Output &out);

/// The value of a tool call's "function".
void write_function(const json::String &name, std::string_view arguments,
    json::Writer &writer);

/// An element of "images", in the form OpenRouter and LiteLLM agreed on.
void write_image(std::int64_t index, const json::String &mime_type,
    const json::String &data, json::Writer &writer);

/// The value of "extra_content" with a thought signature, Google's own form.
void write_signature(const json::String &signature, json::Writer &writer);

}

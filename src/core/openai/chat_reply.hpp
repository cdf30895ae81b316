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

/// JSON text without the white space between its tokens; on one line for sure,
/// which an event needs.
void write_compact(std::string_view json, Output &out);

/// The value of a tool call's "function" or, of a client that speaks the API
/// before tools, of "function_call". A signature that is not empty stands
/// within it.
void write_function(const json::String &name, std::string_view arguments,
    const json::String &signature, json::Writer &writer);

/// An element of "images", in the form OpenRouter and LiteLLM agreed on.
void write_image(std::int64_t index, const json::String &mime_type,
    const json::String &data, json::Writer &writer);

/// The member "audio" of a message: between the halves goes base64. seed and
/// index make the id. Nothing of it is kept for later turns, so it expires as
/// it is made. OpenAI's transcript is text that Gemini does not give.
void begin_audio(std::int64_t index, std::string_view seed,
    json::Writer &writer);
void end_audio(std::int64_t created, json::Writer &writer);
void write_audio_id(std::int64_t index, std::string_view seed, Output &out);

/// An element of "annotations"; the range is in code points of the content.
void write_annotation(const json::String &url, const json::String &title,
    std::int64_t begin, std::int64_t end, json::Writer &writer);

/// What only Google's answers have. Empty members are left out.
struct GoogleExtra {
    json::String thought_signature;
    json::String continuation_token;
    /// JSON, in two pieces because something may have been cut out.
    std::string_view grounding_metadata[2];
    std::string_view url_context_metadata;

    bool empty() const
    {
        return thought_signature.empty() && continuation_token.empty()
               && grounding_metadata[0].empty()
               && url_context_metadata.empty();
    }
};

/// The value of "extra_content", in the form of Google's own compatible API.
void write_extra(const GoogleExtra &extra, json::Writer &writer);

/// The same with a thought signature alone.
void write_signature(const json::String &signature, json::Writer &writer);

}

// The body of POST /v1/chat/completions, as clients send it.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/json/value.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::openai {

/// One element of a message's content array, by its type.
struct ContentPart {
    json::String type;
    json::String text;              // text, input_text; refusal's text too
    json::String image_url;         // image_url.url, or a bare string
    json::String audio_data;        // input_audio.data
    json::String audio_format;
    json::String file_data;         // file.file_data
    json::String file_id;
    json::String filename;
    json::String video_url;
};

struct ToolCall {
    json::String id;
    json::String type;
    json::String name;              // function.name
    json::String arguments;         // function.arguments, JSON in a string
    json::Raw arguments_object;     // sloppy clients: JSON itself
    json::String thought_signature; // extra_content.google.thought_signature
                                    // and the other carriers
};

struct Message {
    json::String role;
    json::String name;
    std::optional<json::String> text;   // content as a string
    List<ContentPart> parts;            // content as an array
    bool has_parts = false;
    json::String refusal;
    List<ToolCall> tool_calls;
    std::optional<ToolCall> function_call;      // legacy
    json::String tool_call_id;
    json::String thought_signature;     // extra_content of a text answer
};

struct StreamOptions {
    std::optional<bool> include_usage;
};

struct ChatRequest {
    json::String model;
    List<Message> messages;
    bool has_messages = false;
    std::optional<std::int64_t> max_tokens;
    std::optional<std::int64_t> max_completion_tokens;
    std::optional<json::Number> temperature;
    std::optional<json::Number> top_p;
    std::optional<json::Number> top_k;
    std::optional<std::int64_t> n;
    List<json::String> stop;            // a string or an array
    bool stop_too_many = false;
    std::optional<json::Number> seed;   // int64, and beyond
    std::optional<json::Number> presence_penalty;
    std::optional<json::Number> frequency_penalty;
    std::optional<bool> logprobs;
    std::optional<std::int64_t> top_logprobs;
    std::optional<bool> stream;
    StreamOptions stream_options;
    // Content kinds and tools: whole here, translated by translate/tools,
    // translate/schema and translate/thinking.
    json::Raw tools;
    json::Raw tool_choice;
    json::Raw functions;
    json::Raw function_call;
    json::Raw response_format;
    json::Raw reasoning_effort;         // a string, or {"effort":…}
    json::Raw reasoning;
    json::Raw thinking;
    json::Raw modalities;
    json::Raw audio;
    json::Raw web_search_options;
    json::Raw service_tier;
    json::Raw google;                   // extra_body.google or google
};

/// Strict: a known field of a wrong type is a bad_request that names it; null
/// is absent; unknown fields are ignored. Checks what holds whatever the
/// model: model and messages present, ranges. Slices point into text.
Result<void> parse(std::string_view text, Arena &arena, ChatRequest &request);

}

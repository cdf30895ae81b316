// The body of POST /v1/chat/completions, as clients send it.
// Source: reference/chat-request.md sections 2, 5.3, 5.4, 6, 10.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::openai {

// What one request may hold, whatever its size in bytes.
constexpr std::size_t max_messages = 20000;
constexpr std::size_t max_content_parts = 4096;         // of all messages
constexpr std::size_t max_tool_calls = 20000;           // of all messages
constexpr std::size_t max_tools = 2048;
constexpr std::size_t max_stop = 5;                     // Gemini's bound
constexpr std::size_t max_modalities = 4;

/// One element of a message's content array, by its type.
struct ContentPart {
    json::String type;
    std::optional<json::String> text;   // text, input_text; refusal's text
    json::String image_url;         // image_url.url, or a bare string
    json::String audio_data;        // input_audio.data
    json::String audio_format;
    json::String file_data;         // file.file_data
    json::String file_id;
    json::String file_url;
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

enum class Role : std::uint8_t {
    system, developer, user, assistant, tool, function
};

struct Message {
    json::String role_name;
    Role role = Role::user;
    json::String name;
    std::optional<json::String> text;   // content as a string
    List<ContentPart> parts;            // content as an array
    bool has_parts = false;
    json::String refusal;
    List<ToolCall> tool_calls;
    bool has_tool_calls = false;
    std::optional<ToolCall> function_call;      // legacy
    json::String tool_call_id;
    json::String thought_signature;     // extra_content of a text answer
    json::String reasoning_signature;   // reasoning_details, thinking_blocks

    /// What the messages before this one hold, for the bounds.
    std::size_t parts_before = 0;
    std::size_t tool_calls_before = 0;
};

struct StreamOptions {
    std::optional<bool> include_usage;
};

struct ResponseFormat {
    json::String type;
    json::Raw schema;                   // json_schema.schema
};

/// An element of `tools` (or of `functions`, which have no type).
struct Tool {
    json::String type;
    json::String name;
    json::String description;
    json::Raw parameters;
    std::optional<bool> strict;
    /// Gemini's own tools: the member's name as Gemini spells it, static, and
    /// its value. {"google_search":{}}
    std::string_view built_in;
    json::Raw built_in_value;
};

/// tool_choice, or the legacy function_call.
struct ToolChoice {
    json::String word;                  // "auto", "none", "required"
    json::String type;                  // "function", "allowed_tools"
    json::String name;                  // of the one function
    json::String allowed_mode;
    List<json::String> allowed;
};

/// OpenRouter's way to ask for thoughts.
struct Reasoning {
    json::String effort;
    std::optional<std::int64_t> max_tokens;
    std::optional<bool> exclude;
    std::optional<bool> enabled;
};

/// Anthropic's.
struct Thinking {
    json::String type;
    std::optional<std::int64_t> budget_tokens;
};

/// google.thinking_config: Gemini's own names.
struct ThinkingConfig {
    std::optional<std::int64_t> budget;
    json::String level;
    std::optional<bool> include_thoughts;
};

/// extra_body.google, or google: what only Gemini knows, and its
/// generation_config. Some of it stands at the top level too, in the dialects
/// of other gateways. Where OpenAI has a word for the same, what stands here
/// counts.
struct Google {
    ThinkingConfig thinking_config;
    json::Raw safety_settings;
    json::String cached_content;
    List<Tool> tools;
    std::optional<json::Number> temperature;
    std::optional<json::Number> top_p;
    std::optional<std::int64_t> top_k;
    std::optional<std::int64_t> candidate_count;
    std::optional<std::int64_t> max_output_tokens;
    List<json::String> stop_sequences;
    std::optional<json::Number> seed;
    std::optional<json::Number> presence_penalty;
    std::optional<json::Number> frequency_penalty;
    std::optional<bool> response_logprobs;
    std::optional<std::int64_t> logprobs;
    json::String response_mime_type;
    json::Raw response_schema;          // either dialect
    List<json::String> response_modalities;
    json::Raw speech_config;
    json::Raw image_config;
    json::String aspect_ratio;
    json::String media_resolution;
};

/// How a spoken answer is to sound, when modalities ask for one.
struct SpokenAnswer {
    json::String voice;
    json::String format;
};

struct ChatRequest {
    json::String model;
    List<Message> messages;
    bool has_messages = false;
    std::optional<std::int64_t> max_tokens;
    std::optional<std::int64_t> max_completion_tokens;
    std::optional<json::Number> temperature;
    std::optional<json::Number> top_p;
    std::optional<std::int64_t> top_k;
    std::optional<std::int64_t> n;
    List<json::String> stop;            // a string or an array
    std::optional<json::Number> seed;   // int64, and beyond
    std::optional<json::Number> presence_penalty;
    std::optional<json::Number> frequency_penalty;
    std::optional<bool> logprobs;
    std::optional<std::int64_t> top_logprobs;
    std::optional<bool> stream;
    StreamOptions stream_options;
    List<Tool> tools;
    List<Tool> functions;
    std::optional<ToolChoice> tool_choice;
    std::optional<ToolChoice> function_call;
    /// No part of upstream's request: it has no switch for it.
    std::optional<bool> parallel_tool_calls;
    std::optional<ResponseFormat> response_format;
    json::String reasoning_effort;      // a string, or {"effort":…}
    Reasoning reasoning;
    Thinking thinking;
    List<json::String> modalities;
    SpokenAnswer audio;
    bool web_search = false;            // web_search_options
    json::String service_tier;
    Google google;
};

/// Strict: a known field of a wrong type is a bad_request that names it; null
/// is absent; unknown fields are ignored. Checks what holds whatever the
/// model: model and messages present, roles known, ranges, bounds. A list that
/// stands twice is an error too, or repeating it would pass the bounds. Slices
/// point into text.
Result<void> parse(std::string_view text, Arena &arena, ChatRequest &request);

}

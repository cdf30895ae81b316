// GenerateContentRequest as we write it. The types mirror Google's; every
// front fills them, every back writes them. Strings are slices of the client's
// request, so they must outlive this.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/output.hpp"
#include "core/json/value.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::gemini {

/// Base64 in Google's form.
struct Blob {
    std::string_view mime_type;
    std::string_view data;
};

struct FileData {
    std::string_view mime_type;     // may be empty
    json::String file_uri;
};

struct FunctionCall {
    json::String id;                // empty: not sent
    json::String name;
    json::Raw args;                 // an object; absent: {}
};

struct FunctionResponse {
    json::String id;                // empty: not sent
    json::String name;
    json::Raw response;             // an object
    List<Blob> parts;
};

struct Part {
    enum class Kind : std::uint8_t {
        text, inline_data, file_data, function_call, function_response
    };

    Kind kind = Kind::text;
    bool thought = false;
    json::String text;
    Blob inline_data;
    FileData file_data;
    FunctionCall function_call;
    FunctionResponse function_response;
    json::String thought_signature; // empty: none
};

enum class Role : std::uint8_t { user, model };

struct Content {
    Role role = Role::user;
    List<Part> parts;
};

struct FunctionDeclaration {
    json::String name;
    json::String description;
    json::Raw parameters_json_schema;
    json::Raw parameters;           // the OpenAPI form; one of the two
};

struct Tools {
    List<FunctionDeclaration> functions;
    List<json::Raw> others;         // whole Tool objects: {"googleSearch":{}}
};

struct FunctionCallingConfig {
    std::string_view mode;          // empty: not sent
    List<json::String> allowed_names;
};

struct SafetySetting {
    std::string_view category;
    std::string_view threshold;
};

struct ThinkingConfig {
    std::optional<std::int64_t> budget;
    std::string_view level;         // empty: not sent
    std::optional<bool> include_thoughts;

    bool present() const
    {
        return budget || !level.empty() || include_thoughts;
    }
};

struct GenerationConfig {
    std::optional<std::int64_t> candidate_count;
    List<json::String> stop_sequences;
    std::optional<std::int64_t> max_output_tokens;
    std::optional<json::Number> temperature;
    std::optional<json::Number> top_p;
    std::optional<std::int64_t> top_k;
    std::optional<std::int64_t> seed;
    std::optional<json::Number> presence_penalty;
    std::optional<json::Number> frequency_penalty;
    std::optional<bool> response_logprobs;
    std::optional<std::int64_t> logprobs;
    std::string_view response_mime_type;
    json::Raw response_json_schema;
    json::Raw response_schema;      // the OpenAPI form; one of the two
    List<std::string_view> response_modalities;
    ThinkingConfig thinking;
    json::Raw speech_config;
    json::Raw image_config;
    std::string_view media_resolution;      // empty: not sent
};

struct GenerateRequest {
    List<Part> system_instruction;  // empty: not sent
    List<Content> contents;
    Tools tools;
    FunctionCallingConfig function_calling;
    /// Upstream's own tools beside functions.
    bool server_side_tool_invocations = false;
    List<SafetySetting> safety;
    json::Raw raw_safety;           // the client's own, sent instead
    GenerationConfig generation;
    json::String cached_content;    // empty: not sent
    std::string_view service_tier;  // empty: not sent
};

/// Writes the request body, lowerCamelCase names only, absent fields left out.
/// Long slices are given to Output::append_lasting.
void write(const GenerateRequest &request, Output &out);

/// Tokens the input will cost, roughly: within a fifth for usual text. Media
/// are reckoned by their size, which says less.
/// Source: reference/quotas.md section 6.
std::int64_t estimate_tokens(const GenerateRequest &request);

}

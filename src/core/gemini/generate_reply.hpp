// GenerateContentResponse as it comes, whole or as one event of a stream.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/gemini/error.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/value.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::gemini {

struct ReplyBlob {
    json::String mime_type;
    json::String data;
};

struct ReplyFunctionCall {
    json::String id;
    json::String name;
    json::Raw args;
};

struct ExecutableCode {
    json::String language;
    json::String code;
};

struct CodeExecutionResult {
    json::String outcome;
    json::String output;
};

/// Which members were there says what kind it is; unknown kinds have none.
struct ReplyPart {
    std::optional<json::String> text;
    bool thought = false;
    json::String thought_signature;
    std::optional<ReplyFunctionCall> function_call;
    std::optional<ReplyBlob> inline_data;
    std::optional<ExecutableCode> executable_code;
    std::optional<CodeExecutionResult> code_execution_result;
};

struct ReplyContent {
    List<ReplyPart> parts;
};

struct Candidate {
    std::int64_t index = 0;
    ReplyContent content;
    json::String finish_reason;     // empty: none yet; a number in raw when
                                    // upstream sends enums as integers
    json::String finish_message;
    json::String continuation_token;    // of an answer that can be gone on
    json::Raw grounding_metadata;
    json::Raw citation_metadata;
    json::Raw url_context_metadata;
    json::Raw logprobs_result;
};

struct PromptFeedback {
    json::String block_reason;
    json::String block_reason_message;
};

struct GenerateReply {
    List<Candidate> candidates;
    std::optional<PromptFeedback> prompt_feedback;
    std::optional<UsageMetadata> usage;
    json::String model_version;
    json::String response_id;
    json::Raw error;                // set: the event is an error object
};

/// Lenient: unknown names and wrong types are as if absent. Error
/// (upstream_failed): not JSON, or not an object.
Result<void> parse(std::string_view text, Arena &arena, GenerateReply &reply);

}

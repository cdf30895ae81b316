// finishReason and blockReason -> finish_reason, one table.
// Source: reference/chat-response.md sections 3, 4.
#pragma once

#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/generate_reply.hpp"
#include "core/translate/parts.hpp"

#include <string_view>

namespace gw::translate {

enum class FinishKind {
    normal,             // an answer, whole or cut short
    wordless,           // stopped as if done, and nothing came: another try
                        // often helps, but it can be told as it is
    retryable           // nothing came and it cannot be told as an answer:
                        // OTHER, MALFORMED_FUNCTION_CALL and their like
};

struct Finish {
    std::string_view reason;        // OpenAI's; static memory
    FinishKind kind;
};

/// native: Gemini's enum, empty when the upstream gave none. saw_tool_call:
/// this choice had a function call anywhere in the response. saw_output: it
/// had text, a call, an image or audio.
Finish finish_of(std::string_view native, bool saw_tool_call,
    bool saw_output);

/// By what came, in the words of the API the client speaks.
Finish finish_of(std::string_view native, const PartWalk &walk);

/// The name behind an enum that upstream may have sent as an integer
/// (reference/pitfalls.md B8): static memory when the name is known, else the
/// text as it stood. Empty for FINISH_REASON_UNSPECIFIED, which means "not
/// yet".
std::string_view finish_name(std::string_view raw);
std::string_view block_name(std::string_view raw);

/// Whether the prompt was refused. Ratings alone are no refusal.
bool is_block(const gemini::PromptFeedback &feedback);

/// The inside of the refusal's JSON string.
void write_refusal(const gemini::PromptFeedback &feedback, Output &out);

/// What a client is told of an answer in which nothing came. native: may be
/// empty. message: finishMessage, decoded, or empty.
Error empty_answer(std::string_view native, std::string_view message);

}

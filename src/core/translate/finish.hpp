// finishReason and blockReason -> finish_reason, one table.
// Source: reference/chat-response.md sections 3, 4.
#pragma once

#include <string_view>

namespace gw::translate {

enum class FinishKind {
    normal,             // an answer, whole or cut short
    retryable,          // nothing came and another try often helps: OTHER,
                        // MALFORMED_FUNCTION_CALL and their like
};

struct Finish {
    std::string_view reason;        // OpenAI's; static memory
    FinishKind kind;
};

/// native: Gemini's enum, empty when the upstream gave none. saw_tool_call:
/// this choice had a function call anywhere in the response. saw_output: it
/// had text, a call or an image.
Finish finish_of(std::string_view native, bool saw_tool_call,
    bool saw_output);

}

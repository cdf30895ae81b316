// The conversation: OpenAI's messages -> system instruction and contents.
// Source: reference/chat-request.md sections 5.1, 5.2, 5.4.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/result.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"
#include "core/translate/names.hpp"
#include "core/translate/request.hpp"

namespace gw::translate {

/// What stands where a signature is demanded and nobody has it: upstream's own
/// word for "do not look". Source: reference/chat-request.md section 7.
constexpr std::string_view skip_signature =
    "skip_thought_signature_validator";

struct ConversationRules {
    const gemini::Family &family;
    const NameMap &names;
    SignatureSource *signatures;        // nullptr: there is none
    gemini::Api api;
};

/// Fills out.system_instruction and out.contents, which afterwards keep what
/// to_generate_request promises of them; and each turn with calls is followed
/// by one with their results, in order, before anything else. Error
/// (bad_request): a result without its call, content nobody takes.
Result<void> set_contents(const openai::ChatRequest &request,
    const ConversationRules &rules, Arena &arena,
    gemini::GenerateRequest &out);

}

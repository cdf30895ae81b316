// The conversation: OpenAI's messages -> system instruction and contents.
// Source: reference/chat-request.md sections 5.1, 5.2, 5.4.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/result.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"

namespace gw::translate {

/// Fills out.system_instruction and out.contents, which afterwards keep what
/// to_generate_request promises of them.
Result<void> set_contents(const openai::ChatRequest &request,
    const gemini::Family &family, Arena &arena,
    gemini::GenerateRequest &out);

}

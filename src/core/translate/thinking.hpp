// How much the model shall think, from every way clients say it.
// Source: reference/chat-request.md section 9.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/result.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"

namespace gw::translate {

/// What google.thinking_config says comes first, then reasoning_effort,
/// reasoning, thinking. Whatever the client's words, the outcome is something
/// the family accepts: levels where it knows levels, a budget within its
/// range where it knows budgets, nothing where it does not think. Error
/// (bad_request): an effort or a level nobody knows.
Result<void> set_thinking(const openai::ChatRequest &request,
    const gemini::Family &family, Arena &arena,
    gemini::ThinkingConfig &out);

}

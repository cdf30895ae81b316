// What the model may call, and whether it must.
// Source: reference/chat-request.md section 6.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/result.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"
#include "core/translate/names.hpp"

namespace gw::translate {

/// Fills out.tools and out.function_calling from tools, functions,
/// web_search_options, google.tools and tool_choice, and takes out again what
/// the family does not take together: functions come before a JSON answer and
/// that before upstream's own tools. So it runs when out.generation is
/// complete. Error (bad_request): a tool upstream has nothing like, a name
/// that stands twice, a choice of a function nobody declared.
Result<void> set_tools(const openai::ChatRequest &request,
    const gemini::Family &family, const NameMap &names, Arena &arena,
    gemini::GenerateRequest &out);

}

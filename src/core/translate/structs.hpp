// What goes into upstream's Struct fields: the arguments of a call and its
// result, which there must be objects and with OpenAI can be anything.
// Source: reference/chat-request.md section 5.4.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"
#include "core/openai/chat_request.hpp"

#include <cstddef>
#include <string_view>

namespace gw::translate {

/// Deeper objects are handed on as text, so that the request as a whole stays
/// within json::max_depth.
constexpr std::size_t max_struct_depth = 48;

/// The arguments of a call as they stood in it or in its string. Nothing, null
/// and an empty array are no arguments; another value becomes {"value":…},
/// and what is no JSON (a call that was cut) {"_raw":"…"}. Absent: none.
json::Raw call_arguments(const openai::ToolCall &call, Arena &arena);

/// A tool's answer: itself when it is an object, else {"output":"…"}.
json::Raw tool_response(const json::String &text, Arena &arena);

}

// Safety settings as an operator writes them.
// Source: reference/chat-request.md section 4.
#pragma once

#include "core/base/result.hpp"
#include "core/gemini/generate_request.hpp"

#include <cstddef>
#include <string_view>

namespace gw::translate {

/// "HARASSMENT=BLOCK_ONLY_HIGH", the category with or without
/// "HARM_CATEGORY_", letters of any case. The setting's strings are static.
/// Error (bad_request): an unknown category or threshold, named.
Result<gemini::SafetySetting> parse_safety(std::string_view text);

/// Every text category, all filters off.
const gemini::SafetySetting *safety_off(std::size_t &count);

}

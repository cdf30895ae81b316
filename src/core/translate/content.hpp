// An OpenAI content part -> a Gemini part.
// Source: reference/chat-request.md section 5.3.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/gemini/generate_request.hpp"
#include "core/openai/chat_request.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace gw::translate {

/// The longest URL that is handed on.
constexpr std::size_t max_url = 8192;

/// Where a part stands in the client's request.
struct PartPlace {
    std::size_t message = 0;
    std::size_t part = 0;

    /// "messages[2].content[1]", and ".member" unless empty.
    std::string param(std::string_view member = {}) const;
};

/// Appends what the part means; an empty text means nothing. Media are checked
/// and stay slices of the request where they can. Error (bad_request): an
/// unknown type, a media type or a URL that upstream does not take, data that
/// is not base64.
Result<void> add_part(const openai::ContentPart &part,
    const PartPlace &place, Arena &arena, List<gemini::Part> &out);

/// Whether the part is text: text, input_text, refusal.
bool is_text(const openai::ContentPart &part, Arena &arena);

/// A text part.
gemini::Part text_part(const json::String &text);

}

// Base64 of RFC 4648 section 5 without padding, in its one canonical form: what
// stands in fields and values that are split at spaces.
#pragma once

#include "core/base/base64.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace gw {

inline std::string base64url(std::string_view bytes)
{
    std::string text = base64::encode(bytes);

    while (!text.empty() && text.back() == '=') {
        text.pop_back();
    }

    for (char &c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }

    return text;
}

/// nullopt: base64url() writes no bytes so.
inline std::optional<std::string> from_base64url(std::string_view text)
{
    std::optional<std::string> bytes = base64::decode(text);

    if (!bytes || base64url(*bytes) != text) {
        return std::nullopt;
    }

    return bytes;
}

}

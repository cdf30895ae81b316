// The \uXXXX escapes of a JSON string, which come in pairs for characters
// outside the basic plane and sometimes in halves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::json {

constexpr std::uint32_t replacement_character = 0xfffd;

/// One character written with one or two \u escapes.
struct UnicodeEscape {
    std::uint32_t code;
    std::size_t size;           // of the escapes in bytes: 6 or 12
    bool unpaired;              // a lone surrogate; code is U+FFFD
};

namespace detail {

constexpr std::uint32_t not_hex = 0xffffffff;

inline std::uint32_t hex4(std::string_view text)
{
    if (text.size() < 4) {
        return not_hex;
    }

    std::uint32_t value = 0;

    for (std::size_t i = 0; i < 4; ++i) {
        char c = text[i];
        value <<= 4;

        if (c >= '0' && c <= '9') {
            value |= static_cast<std::uint32_t>(c - '0');

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            value |= static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);

        } else {
            return not_hex;
        }
    }

    return value;
}

}

/// The escape that `text` begins with: a backslash and a 'u'. Text that ends
/// within it, which no parsed document has, counts as unpaired.
inline UnicodeEscape unicode_escape(std::string_view text)
{
    std::uint32_t code = detail::hex4(text.substr(2));

    if (code == detail::not_hex) {
        return {replacement_character, text.size() < 6 ? text.size() : 6,
            true};
    }

    if (code < 0xd800 || code > 0xdfff) {
        return {code, 6, false};
    }

    if (code < 0xdc00 && text.size() >= 12 && text[6] == '\\'
        && text[7] == 'u')
    {
        std::uint32_t low = detail::hex4(text.substr(8));

        if (low >= 0xdc00 && low <= 0xdfff) {
            return {0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00), 12,
                false};
        }
    }

    return {replacement_character, 6, true};
}

}

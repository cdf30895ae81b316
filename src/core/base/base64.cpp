// Base64 in the forms met in the wild. Images come through here by the
// megabyte, mostly in Google's form already, so that case is a vectorised
// check and no copy.
#include "core/base/base64.hpp"

#include <array>
#include <cstdint>

namespace gw::base64 {

namespace {

constexpr char standard[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// What a byte means: its six bits, or one of these.
constexpr std::uint8_t space = 64;
constexpr std::uint8_t pad = 65;
constexpr std::uint8_t foreign = 66;

constexpr std::array<std::uint8_t, 256> make_meaning()
{
    std::array<std::uint8_t, 256> meaning{};

    for (auto &each : meaning) {
        each = foreign;
    }

    for (std::uint8_t i = 0; i < 64; ++i) {
        meaning[static_cast<unsigned char>(standard[i])] = i;
    }

    meaning['-'] = 62;
    meaning['_'] = 63;
    meaning['='] = pad;
    meaning[' '] = meaning['\t'] = meaning['\r'] = meaning['\n'] = space;

    return meaning;
}

constexpr auto meaning = make_meaning();

std::uint8_t meaning_of(char c)
{
    return meaning[static_cast<unsigned char>(c)];
}

// How many characters of the standard alphabet text begins with, found in
// blocks that compilers turn into vector compares.
std::size_t standard_run(std::string_view text)
{
    constexpr std::size_t block = 64;

    std::size_t size = 0;

    for (; text.size() - size >= block; size += block) {
        const char *p = text.data() + size;
        std::uint8_t all = 1;

        for (std::size_t i = 0; i < block; ++i) {
            auto c = static_cast<std::uint8_t>(p[i]);
            auto letter = static_cast<std::uint8_t>((c | 0x20) - 'a');
            auto digit = static_cast<std::uint8_t>(c - '/');

            // '/' stands before '0' in ASCII.
            all &= static_cast<std::uint8_t>(
                (letter < 26) | (digit < 11) | (c == '+'));
        }

        if (all == 0) {
            break;
        }
    }

    while (size < text.size()) {
        char c = text[size];

        if (meaning_of(c) >= 64 || c == '-' || c == '_') {
            break;
        }

        ++size;
    }

    return size;
}

// What there is besides padding and white space.
struct Content {
    bool valid;
    std::size_t digits;
};

Content inspect(std::string_view text)
{
    std::size_t digits = 0;
    std::size_t pads = 0;

    for (char c : text) {
        std::uint8_t bits = meaning_of(c);

        if (bits < 64 && pads == 0) {
            ++digits;
        } else if (bits == pad) {
            ++pads;
        } else if (bits != space) {
            return {false, 0};
        }
    }

    // One digit is less than a byte; padding may be short, never too long.
    std::size_t last = digits % 4;
    bool valid = last != 1 && pads <= (last == 0 ? 0 : 4 - last);

    return {valid, digits};
}

}

std::string encode(std::string_view bytes)
{
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);

    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        std::size_t have = bytes.size() - i < 3 ? bytes.size() - i : 3;
        std::uint32_t bits = 0;

        for (std::size_t j = 0; j < 3; ++j) {
            bits <<= 8;
            bits |= j < have ? static_cast<unsigned char>(bytes[i + j]) : 0U;
        }

        text += standard[bits >> 18];
        text += standard[(bits >> 12) & 63];
        text += have > 1 ? standard[(bits >> 6) & 63] : '=';
        text += have > 2 ? standard[bits & 63] : '=';
    }

    return text;
}

std::optional<std::string> decode(std::string_view text)
{
    Content content = inspect(text);

    if (!content.valid) {
        return std::nullopt;
    }

    std::string bytes;
    bytes.reserve(content.digits * 3 / 4);

    std::uint32_t bits = 0;
    unsigned have = 0;

    for (char c : text) {
        std::uint8_t six = meaning_of(c);

        if (six >= 64) {
            continue;
        }

        bits = (bits << 6 | six) & 0xffff;
        have += 6;

        if (have >= 8) {
            have -= 8;
            bytes += static_cast<char>(bits >> have & 0xff);
        }
    }

    return bytes;
}

std::optional<std::string_view> normalise(std::string_view text, Arena &arena)
{
    std::size_t run = standard_run(text);
    std::string_view rest = text.substr(run);
    std::size_t last = run % 4;

    if ((last == 0 && rest.empty()) || (last == 2 && rest == "==")
        || (last == 3 && rest == "="))
    {
        return text;
    }

    Content content = inspect(text);

    if (!content.valid) {
        return std::nullopt;
    }

    std::size_t size = (content.digits + 3) / 4 * 4;
    char *begin = arena.allocate_text(size);
    char *out = begin;

    for (char c : text) {
        std::uint8_t six = meaning_of(c);

        if (six < 64) {
            *out++ = standard[six];
        }
    }

    while (out < begin + size) {
        *out++ = '=';
    }

    return std::string_view(begin, size);
}

}

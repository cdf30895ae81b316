// What the slices of a document mean: escapes decoded, digits counted.
#include "core/json/value.hpp"

#include "core/json/escape.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace gw::json {

namespace {

char *put_utf8(char *out, std::uint32_t code)
{
    auto tail = [](std::uint32_t bits) {
        return static_cast<char>(0x80 | (bits & 0x3f));
    };

    if (code < 0x80) {
        *out++ = static_cast<char>(code);

    } else if (code < 0x800) {
        *out++ = static_cast<char>(0xc0 | (code >> 6));
        *out++ = tail(code);

    } else if (code < 0x10000) {
        *out++ = static_cast<char>(0xe0 | (code >> 12));
        *out++ = tail(code >> 6);
        *out++ = tail(code);

    } else {
        *out++ = static_cast<char>(0xf0 | (code >> 18));
        *out++ = tail(code >> 12);
        *out++ = tail(code >> 6);
        *out++ = tail(code);
    }

    return out;
}

char unescaped(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

// A number as digits * 10^exponent, without zeros at either end of digits.
// Zero has no digits.
struct Decimal {
    bool valid = false;
    bool negative = false;
    std::size_t digits = 0;
    // The first 19 digits, which is what fits; only meaningful up to there.
    std::uint64_t value = 0;
    std::int64_t exponent = 0;
};

// No document is long enough to bring an exponent this large back to use.
constexpr std::int64_t huge_exponent = std::int64_t{1} << 48;

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

std::int64_t read_exponent(std::string_view text, bool &valid)
{
    bool negative = false;

    if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
        negative = text[0] == '-';
        text.remove_prefix(1);
    }

    valid = !text.empty();
    std::int64_t exponent = 0;

    for (char c : text) {
        if (!is_digit(c)) {
            valid = false;
            return 0;
        }

        if (exponent < huge_exponent) {
            exponent = exponent * 10 + (c - '0');
        }
    }

    return negative ? -exponent : exponent;
}

Decimal read_decimal(std::string_view text)
{
    Decimal decimal;

    if (!text.empty() && text[0] == '-') {
        decimal.negative = true;
        text.remove_prefix(1);
    }

    // Zeros are counted until a digit follows them: the last ones only move
    // the exponent.
    std::size_t zeros = 0;
    std::size_t i = 0;
    bool fraction = false;

    for (; i < text.size(); ++i) {
        char c = text[i];

        if (c == '.' && !fraction) {
            fraction = true;
            continue;
        }

        if (!is_digit(c)) {
            break;
        }

        decimal.valid = true;

        if (fraction) {
            --decimal.exponent;
        }

        if (c == '0') {
            ++zeros;
            continue;
        }

        if (decimal.digits > 0) {
            for (; zeros > 0 && decimal.digits < 19; --zeros) {
                decimal.value *= 10;
                ++decimal.digits;
            }

            decimal.digits += zeros;
        }

        zeros = 0;

        if (decimal.digits < 19) {
            decimal.value = decimal.value * 10
                            + static_cast<std::uint64_t>(c - '0');
        }

        ++decimal.digits;
    }

    decimal.exponent += static_cast<std::int64_t>(zeros);

    if (i < text.size()) {
        if (text[i] != 'e' && text[i] != 'E') {
            decimal.valid = false;

        } else if (decimal.valid) {
            decimal.exponent += read_exponent(text.substr(i + 1),
                decimal.valid);
        }
    }

    return decimal;
}

}

std::string_view String::decode(Arena &arena) const
{
    if (!escaped) {
        return raw;
    }

    // No escape is shorter than what it stands for.
    char *begin = arena.allocate_text(raw.size());
    char *out = begin;
    std::string_view rest = raw;

    while (!rest.empty()) {
        std::size_t plain = rest.find('\\');

        if (plain == std::string_view::npos) {
            plain = rest.size();
        }

        std::memcpy(out, rest.data(), plain);
        out += plain;
        rest.remove_prefix(plain);

        if (rest.size() < 2) {
            break;
        }

        if (rest[1] != 'u') {
            *out++ = unescaped(rest[1]);
            rest.remove_prefix(2);
            continue;
        }

        UnicodeEscape escape = unicode_escape(rest);
        out = put_utf8(out, escape.code);
        rest.remove_prefix(escape.size);
    }

    return {begin, static_cast<std::size_t>(out - begin)};
}

bool Number::is_integer() const
{
    Decimal decimal = read_decimal(text);
    return decimal.valid && (decimal.digits == 0 || decimal.exponent >= 0);
}

std::optional<std::int64_t> Number::integer() const
{
    Decimal decimal = read_decimal(text);

    if (!decimal.valid) {
        return std::nullopt;
    }

    if (decimal.digits == 0) {
        return 0;
    }

    if (decimal.exponent < 0 || decimal.digits > 19
        || decimal.exponent > 19 - static_cast<std::int64_t>(decimal.digits))
    {
        return std::nullopt;
    }

    std::uint64_t value = decimal.value;

    for (; decimal.exponent > 0; --decimal.exponent) {
        value *= 10;
    }

    constexpr auto largest = static_cast<std::uint64_t>(
        std::numeric_limits<std::int64_t>::max());

    if (decimal.negative) {
        if (value > largest + 1) {
            return std::nullopt;
        }

        return static_cast<std::int64_t>(0 - value);
    }

    if (value > largest) {
        return std::nullopt;
    }

    return static_cast<std::int64_t>(value);
}

double Number::real() const
{
    double value = 0;
    auto parsed = std::from_chars(text.data(), text.data() + text.size(),
        value);

    if (parsed.ec != std::errc::result_out_of_range) {
        return value;
    }

    Decimal decimal = read_decimal(text);
    bool large = static_cast<std::int64_t>(decimal.digits) + decimal.exponent
                 > 0;
    double limit = large ? HUGE_VAL : 0.0;

    return decimal.negative ? -limit : limit;
}

}

#include "core/json/scanner.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gw::json {

namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}

bool Scanner::escape()
{
    constexpr std::string_view letters = "\"\\/bfnrtu";

    if (++at_ == end_ || letters.find(*at_) == std::string_view::npos) {
        return fail();
    }

    int digits = *at_++ == 'u' ? 4 : 0;

    for (/* void */; digits != 0; --digits, ++at_) {
        if (at_ == end_ || !is_hex(*at_)) {
            return fail();
        }
    }

    return true;
}

bool Scanner::beyond_ascii()
{
    if (at_ == end_ || static_cast<unsigned char>(*at_) < ' ') {
        return fail();
    }

    while (at_ != end_ && static_cast<unsigned char>(*at_) >= 0x80) {
        std::size_t size = utf8_sequence(
            {at_, static_cast<std::size_t>(end_ - at_)});

        if (size == 0) {
            problem_ = Problem::not_utf8;
            return false;
        }

        at_ += size;
    }

    return true;
}

bool Scanner::number(std::string_view &digits)
{
    const char *from = at_;

    auto run = [this] {
        const char *start = at_;

        while (at_ != end_ && is_digit(*at_)) {
            ++at_;
        }

        return at_ != start || fail();
    };

    at_ += *at_ == '-';

    if (at_ != end_ && *at_ == '0') {
        ++at_;

    } else if (!run()) {
        return false;
    }

    if (at_ != end_ && *at_ == '.') {
        ++at_;

        if (!run()) {
            return false;
        }
    }

    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
        ++at_;
        at_ += at_ != end_ && (*at_ == '+' || *at_ == '-');

        if (!run()) {
            return false;
        }
    }

    digits = {from, static_cast<std::size_t>(at_ - from)};
    return true;
}

bool Scanner::wrong_literal(std::string_view word)
{
    for (std::size_t i = 0; at_ != end_ && i < word.size()
         && *at_ == word[i]; ++i)
    {
        ++at_;
    }

    return fail();
}

bool Scanner::skip_scalar(char first)
{
    std::string_view whatever;
    bool escaped;

    switch (first) {
    case '"':
        return string(whatever, escaped);
    case 't':
        return literal("true");
    case 'f':
        return literal("false");
    case 'n':
        return literal("null");
    default:
        return first == '-' || is_digit(first) ? number(whatever) : fail();
    }
}

bool Scanner::skip(std::size_t depth)
{
    std::uint64_t objects = 0;      // a bit for each open bracket, innermost
                                    // lowest: it is an object's
    std::size_t open = 0;
    std::string_view name;
    bool escaped;

    // A value is due, its first byte is at_.
    for (;;) {
        char c = *at_;

        if (c == '{' || c == '[') {
            if (open == depth) {
                too_deep_ = true;
                return false;
            }

            objects = objects << 1 | (c == '{');
            ++open;
            step();

            if (peek() != (c == '{' ? '}' : ']')) {
                if (c == '{' && !member(name, escaped)) {
                    return false;
                }

                peek();

                if (at_ == end_) {
                    return fail();
                }

                continue;
            }

        } else if (!skip_scalar(c)) {
            return false;
        }

        for (;;) {
            bool object = (objects & 1) != 0;
            c = peek();

            if (c == ',') {
                step();
                peek();

                if (object && !member(name, escaped)) {
                    return false;
                }

                break;
            }

            if (at_ == end_ || c != (object ? '}' : ']')) {
                return fail();
            }

            step();
            objects >>= 1;

            if (--open == 0) {
                return true;
            }
        }

        peek();

        if (at_ == end_) {
            return fail();
        }
    }
}

}

// Where the tokens of a JSON text begin and end (RFC 8259). Nothing is decoded
// and nothing is copied; what it lets pass is JSON to the letter, and UTF-8.
//
// Our own, since this is where a stream's time goes: yajl needs 30
// instructions for a byte of an event, this about four. t/fuzz/json_scanner_fuzz
// holds it against yajl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace gw::json {

class Scanner {
public:
    explicit Scanner(std::string_view text)
        : begin_(text.data()), at_(text.data()), end_(at_ + text.size())
    {
    }

    /// The byte after any white space, which becomes the position; '\0' at the
    /// end, where no token has it.
    char peek()
    {
        for (/* void */; at_ != end_; ++at_) {
            if (!is_space(*at_)) {
                return *at_;
            }
        }

        return '\0';
    }

    bool at_end() const { return at_ == end_; }
    std::size_t position() const
    {
        return static_cast<std::size_t>(at_ - begin_);
    }
    const char *here() const { return at_; }

    /// Over the byte that peek() has shown.
    void step() { ++at_; }

    /// What follows has failed, or the text has ended in the midst of it; the
    /// position is where.
    enum class Problem : std::uint8_t { none, invalid, unfinished, not_utf8 };

    Problem problem() const { return problem_; }

    /// From an opening quote to behind the closing one; inside: what is
    /// between them. false: problem() says why not.
    bool string(std::string_view &inside, bool &escaped)
    {
        const char *from = ++at_;
        escaped = false;

        for (;;) {
            at_ = plain_end(at_);

            if (at_ != end_ && *at_ == '"') {
                inside = {from, static_cast<std::size_t>(at_ - from)};
                ++at_;
                return true;
            }

            if (at_ != end_ && *at_ == '\\') {
                escaped = true;

                if (!escape()) {
                    return false;
                }

            } else if (!beyond_ascii()) {
                return false;
            }
        }
    }

    /// From its first byte, a digit or '-', to behind its last.
    bool number(std::string_view &digits);

    /// From its first letter to behind its last.
    bool literal(std::string_view word)
    {
        if (static_cast<std::size_t>(end_ - at_) >= word.size()
            && std::memcmp(at_, word.data(), word.size()) == 0)
        {
            at_ += word.size();
            return true;
        }

        return wrong_literal(word);
    }

    /// Whether a string that is just this begins at the position, without
    /// escapes; then it is behind it. text: not empty.
    bool take(std::string_view text)
    {
        if (static_cast<std::size_t>(end_ - at_) < text.size() + 2
            || at_[1] != text.front() || at_[text.size() + 1] != '"'
            || std::memcmp(at_ + 1, text.data(), text.size()) != 0)
        {
            return false;
        }

        at_ += text.size() + 2;
        return true;
    }

    /// The colon behind a member's name.
    bool colon()
    {
        if (peek() != ':') {
            return fail();
        }

        step();
        return true;
    }

    /// A member's name and the colon behind it. name: as string() has it.
    bool member(std::string_view &name, bool &escaped)
    {
        if (peek() != '"') {
            return fail();
        }

        return string(name, escaped) && colon();
    }

    /// From an opening bracket to behind the one that closes it. depth: how
    /// many more brackets may be open with it; at most 64.
    bool skip(std::size_t depth);

    /// skip() has met more open brackets than it might.
    bool too_deep() const { return too_deep_; }

    bool fail()
    {
        problem_ = at_ == end_ ? Problem::unfinished : Problem::invalid;
        return false;
    }

private:
    static bool is_space(char c)
    {
        return c <= ' '
               && (c == ' ' || c == '\n' || c == '\r' || c == '\t');
    }

    static bool is_plain(char c)
    {
        auto byte = static_cast<unsigned char>(c);

        return byte >= ' ' && byte < 0x80 && c != '"' && c != '\\';
    }

    /// The first byte from p on that is no plain part of a string: a quote, a
    /// backslash, a control character, a part of what is not ASCII.
    const char *plain_end(const char *p) const
    {
        // Most strings are short.
        if (const char *found = odd_among_eight(p)) {
            return found;
        }

        // What the processor takes at once; gcc and clang have it for all.
        using Bytes [[gnu::vector_size(16)]] = signed char;
        using Words [[gnu::vector_size(16)]] = std::uint64_t;

        while (static_cast<std::size_t>(end_ - p) >= sizeof(Bytes)) {
            Bytes bytes;
            std::memcpy(&bytes, p, sizeof(bytes));

            // Beyond ASCII they are negative.
            auto odd = reinterpret_cast<Words>((bytes == '"')
                | (bytes == '\\') | (bytes < ' '));

            if ((odd[0] | odd[1]) != 0) {
                break;
            }

            p += sizeof(bytes);
        }

        while (static_cast<std::size_t>(end_ - p) >= sizeof(std::uint64_t)) {
            if (const char *found = odd_among_eight(p)) {
                return found;
            }

            p += sizeof(std::uint64_t);
        }

        while (p != end_ && is_plain(*p)) {
            ++p;
        }

        return p;
    }

    /// The same of eight bytes; nullptr: all are plain, or there are fewer.
    const char *odd_among_eight(const char *p) const
    {
        constexpr std::uint64_t ones = UINT64_C(0x0101010101010101);
        constexpr std::uint64_t high = ones << 7;

        std::uint64_t eight;

        if (static_cast<std::size_t>(end_ - p) < sizeof(eight)) {
            return nullptr;
        }

        std::memcpy(&eight, p, sizeof(eight));

        // A byte below the limit borrows from its high bit. What borrows from
        // a byte above it in the same word is such a byte too, so the lowest
        // high bit is right.
        std::uint64_t quote = eight ^ ones * '"';
        std::uint64_t slash = eight ^ ones * '\\';
        std::uint64_t odd = ((eight - ones * ' ') | (quote - ones)
                             | (slash - ones) | eight) & high;

        if (odd == 0) {
            return nullptr;
        }

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return p + (__builtin_ctzll(odd) >> 3);
#else
        while (is_plain(*p)) {
            ++p;
        }

        return p;
#endif
    }

    bool escape();
    bool beyond_ascii();
    bool wrong_literal(std::string_view word);
    bool skip_scalar(char first);

    const char *begin_;
    const char *at_;
    const char *end_;
    Problem problem_ = Problem::none;
    bool too_deep_ = false;
};

}

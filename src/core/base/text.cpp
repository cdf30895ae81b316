// Small things about text; the one with consequences is scrub(), which stands
// between what upstream says and everybody who reads it.
#include "core/base/text.hpp"

#include <cstring>

namespace gw {

namespace {

constexpr std::string_view redacted = "[redacted]";
constexpr std::string_view replacement = "\xef\xbf\xbd";

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_token(char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '_'
           || c == '-';
}

// RFC 6750 section 2.1.
bool is_bearer(char c)
{
    return is_token(c) || c == '.' || c == '~' || c == '+' || c == '/'
           || c == '=';
}

bool is_dotted_token(char c)
{
    return is_token(c) || c == '.';
}

bool is_query_value(char c)
{
    return static_cast<unsigned char>(c) > ' '
           && std::string_view("&\"'<>(){},;").find(c)
              == std::string_view::npos;
}

template <typename Predicate>
std::size_t run_of(std::string_view text, Predicate belongs)
{
    std::size_t size = 0;

    while (size < text.size() && belongs(text[size])) {
        ++size;
    }

    return size;
}

bool istarts_with(std::string_view text, std::string_view prefix)
{
    return text.size() >= prefix.size()
           && iequals(text.substr(0, prefix.size()), prefix);
}

// A part of a text: `kept` bytes that may be shown, `hidden` ones that not.
struct Secret {
    std::size_t kept = 0;
    std::size_t hidden = 0;
};

// A token of at least `least` characters behind a prefix that is part of it.
Secret prefixed(std::string_view text, std::string_view prefix,
    std::size_t least, bool (*belongs)(char))
{
    if (!starts_with(text, prefix)) {
        return {};
    }

    std::size_t size = run_of(text.substr(prefix.size()), belongs);
    return size < least ? Secret{} : Secret{0, prefix.size() + size};
}

// Shorter than any real token, longer than what prose puts after "Bearer"
// unless it holds a digit.
constexpr std::size_t least_token = 20;
constexpr std::size_t least_bearer = 16;
constexpr std::size_t least_bearer_with_digit = 8;

Secret bearer(std::string_view text)
{
    constexpr std::string_view scheme = "bearer ";

    if (!istarts_with(text, scheme)) {
        return {};
    }

    std::size_t spaces = run_of(text.substr(scheme.size()),
        [](char c) { return c == ' '; });
    std::string_view rest = text.substr(scheme.size() + spaces);
    std::string_view value = rest.substr(0, run_of(rest, is_bearer));
    bool digit = run_of(value, [](char c) { return !is_digit(c); })
                 < value.size();

    if (value.size() < (digit ? least_bearer_with_digit : least_bearer)) {
        return {};
    }

    return {scheme.size() + spaces, value.size()};
}

// "key=" ends api_key= and x-goog-api-key= as well, "token=" access_token=;
// an URL within an URL has its '=' as "%3D".
Secret query_value(std::string_view text)
{
    for (std::string_view name : {"key=", "token=", "key%3d", "token%3d"}) {
        if (istarts_with(text, name)) {
            return {name.size(),
                run_of(text.substr(name.size()), is_query_value)};
        }
    }

    return {};
}

Secret secret_at(std::string_view text, std::string_view known)
{
    if (!known.empty() && starts_with(text, known)) {
        return {0, known.size()};
    }

    switch (text[0]) {
    case 'A':
        if (Secret key = prefixed(text, "AIza", least_token, is_token);
            key.hidden > 0)
        {
            return key;
        }

        return prefixed(text, "AQ.", least_token, is_dotted_token);

    case 'y':
        return prefixed(text, "ya29.", 1, is_dotted_token);

    case 'B':
    case 'b':
        return bearer(text);

    case 'K':
    case 'k':
    case 'T':
    case 't':
        return query_value(text);

    default:
        return {};
    }
}

// Whole UTF-8 on one line: a control character inside a token would hide it
// from the patterns and vanish later.
std::string one_line(std::string_view text)
{
    std::string line;
    line.reserve(text.size());

    while (!text.empty()) {
        auto c = static_cast<unsigned char>(text[0]);
        std::size_t size = utf8_sequence(text);

        if (size == 0) {
            line += replacement;
            text.remove_prefix(1);
            continue;
        }

        bool space = c == '\n' || c == '\t';
        bool control = c < 0x20 || c == 0x7f
                       || (size == 2 && c == 0xc2
                           && static_cast<unsigned char>(text[1]) < 0xa0);

        if (space) {
            line += ' ';
        } else if (!control) {
            line += text.substr(0, size);
        }

        text.remove_prefix(size);
    }

    return line;
}

}

std::string_view trim(std::string_view text)
{
    constexpr std::string_view spaces = " \t\r\n\f\v";

    std::size_t begin = text.find_first_not_of(spaces);

    if (begin == std::string_view::npos) {
        return {};
    }

    return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
}

bool iequals_of_size(std::string_view a, std::string_view b)
{
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) {
            return false;
        }
    }

    return true;
}

bool starts_with(std::string_view text, std::string_view prefix)
{
    return text.substr(0, prefix.size()) == prefix;
}

bool ends_with(std::string_view text, std::string_view suffix)
{
    return text.size() >= suffix.size()
           && text.substr(text.size() - suffix.size()) == suffix;
}

bool glob_match(std::string_view pattern, std::string_view text)
{
    constexpr std::size_t none = std::string_view::npos;

    std::size_t p = 0;
    std::size_t t = 0;
    // Only the last star needs a second chance: what an earlier one took
    // could as well be taken by it.
    std::size_t star = none;
    std::size_t star_text = 0;

    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_text = t;

            if (p == pattern.size()) {
                return true;
            }

        } else if (p < pattern.size()
                   && (pattern[p] == '?' || pattern[p] == text[t]))
        {
            ++p;
            ++t;

        } else if (star != none) {
            p = star + 1;
            t = ++star_text;

        } else {
            return false;
        }
    }

    while (p < pattern.size() && pattern[p] == '*') {
        ++p;
    }

    return p == pattern.size();
}

std::string mask(std::string_view secret)
{
    constexpr std::size_t hide_all_under = 12;
    constexpr std::size_t show_less_under = 20;

    bool none = secret.size() < hide_all_under;
    bool less = secret.size() < show_less_under;
    std::size_t head = none ? 0 : less ? 2 : 4;
    std::size_t tail = none ? 0 : less ? 1 : 3;

    std::string shown(secret.substr(0, head));
    shown += "\xe2\x80\xa6";
    shown += secret.substr(secret.size() - tail);

    return shown;
}

bool constant_time_equal(std::string_view a, std::string_view b)
{
    if (a.size() != b.size()) {
        return false;
    }

    // volatile keeps the compiler from leaving at the first difference.
    volatile unsigned char difference = 0;

    for (std::size_t i = 0; i < a.size(); ++i) {
        difference = static_cast<unsigned char>(
            difference | (static_cast<unsigned char>(a[i])
                          ^ static_cast<unsigned char>(b[i])));
    }

    return difference == 0;
}

std::uint64_t hash64(std::string_view text, std::uint64_t seed)
{
    std::uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

    for (char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= UINT64_C(0x100000001b3);
    }

    // FNV leaves the low bits of short texts alike; MurmurHash3's finalizer.
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;

    return hash;
}

std::string scrub(std::string_view text, std::string_view secret,
    std::size_t limit)
{
    const std::string line = one_line(text);

    // The line has whole characters only; what is none could match a part of
    // one.
    if (!valid_utf8(secret)) {
        secret = {};
    }

    std::string_view rest = line;
    std::string out;

    while (!rest.empty() && out.size() <= limit) {
        Secret found = secret_at(rest, secret);

        if (found.hidden == 0) {
            out += rest[0];
            rest.remove_prefix(1);
            continue;
        }

        out += rest.substr(0, found.kept);
        out += redacted;
        rest.remove_prefix(found.kept + found.hidden);
    }

    if (out.size() > limit) {
        while (limit > 0 && (out[limit] & 0xc0) == 0x80) {
            --limit;
        }

        out.resize(limit);
    }

    return out;
}

bool valid_utf8(std::string_view text)
{
    while (!text.empty()) {
        std::uint64_t eight;

        if (text.size() >= sizeof(eight)) {
            std::memcpy(&eight, text.data(), sizeof(eight));

            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                text.remove_prefix(sizeof(eight));
                continue;
            }
        }

        std::size_t size = utf8_sequence(text);

        if (size == 0) {
            return false;
        }

        text.remove_prefix(size);
    }

    return true;
}

std::size_t utf8_sequence(std::string_view text)
{
    if (text.empty()) {
        return 0;
    }

    auto at = [&](std::size_t i) {
        return static_cast<unsigned char>(text[i]);
    };

    unsigned char first = at(0);

    if (first < 0x80) {
        return 1;
    }

    // The table of Unicode 3.9, well-formed byte sequences: only the second
    // byte's range depends on the first.
    std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned char high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;

    if (first < 0xc2 || first > 0xf4 || text.size() < size || at(1) < low
        || at(1) > high)
    {
        return 0;
    }

    for (std::size_t i = 2; i < size; ++i) {
        if ((at(i) & 0xc0) != 0x80) {
            return 0;
        }
    }

    return size;
}

}

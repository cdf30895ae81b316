// The first byte says how much of the input is a pattern or a secret. What
// scrub() gives is bounded UTF-8 on one line without anything it looks for.
#include "core/base/text.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace gw;

void require(bool holds)
{
    if (!holds) {
        __builtin_trap();
    }
}

// The definition itself, for patterns so short that it ends.
bool glob_by_definition(std::string_view pattern, std::string_view text)
{
    if (pattern.empty()) {
        return text.empty();
    }

    if (pattern[0] == '*') {
        return glob_by_definition(pattern.substr(1), text)
               || (!text.empty()
                   && glob_by_definition(pattern, text.substr(1)));
    }

    return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0])
           && glob_by_definition(pattern.substr(1), text.substr(1));
}

bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

void check_scrub(std::string_view text, std::string_view secret,
    std::size_t limit)
{
    std::string out = scrub(text, secret, limit);

    require(out.size() <= limit);
    require(valid_utf8(out));

    for (char c : out) {
        require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }

    std::size_t at = 0;

    while ((at = out.find("AIza", at)) != std::string::npos) {
        at += 4;
        std::size_t size = 0;

        while (at + size < out.size() && is_token(out[at + size])) {
            ++size;
        }

        require(size < 35);
    }

    require(scrub(out, {}, limit).size() <= limit);
}

}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size == 0) {
        return 0;
    }

    std::string_view input(reinterpret_cast<const char *>(bytes) + 1,
        size - 1);
    std::string_view head = input.substr(0, bytes[0] % 16);
    std::string_view text = input.substr(head.size());

    if (text.size() <= 64 && head.size() <= 6) {
        require(glob_match(head, text) == glob_by_definition(head, text));
    }

    check_scrub(input, {}, 2048);
    check_scrub(input, {}, bytes[0]);
    check_scrub(text, head, 2048);

    // Valid exactly when sequences cover it.
    std::string_view rest = input;

    while (std::size_t taken = utf8_sequence(rest)) {
        rest.remove_prefix(taken);
    }

    require(valid_utf8(input) == rest.empty());

    std::string_view trimmed = trim(input);
    require(trim(trimmed) == trimmed);
    require(iequals(input, input) && constant_time_equal(input, input));
    require(input.size() < 12
            || mask(input).size() <= 7 + sizeof("\u2026") - 1);

    return 0;
}

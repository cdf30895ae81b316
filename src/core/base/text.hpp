// Small things about text that every part needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw {

std::string_view trim(std::string_view text);

/// The same for texts of one size.
bool iequals_of_size(std::string_view a, std::string_view b);

/// ASCII case only.
inline bool iequals(std::string_view a, std::string_view b)
{
    return a.size() == b.size() && iequals_of_size(a, b);
}
bool starts_with(std::string_view text, std::string_view prefix);
bool ends_with(std::string_view text, std::string_view suffix);

/// '*' stands for any run of characters, '?' for one; everything else for
/// itself. Linear in text for each '*', never exponential.
bool glob_match(std::string_view pattern, std::string_view text);

/// A secret as it may be shown: the first four and the last three characters
/// ("AIza…w3k"), fewer of a short one, none of one under 12 characters.
std::string mask(std::string_view secret);

/// Compares every byte whatever the outcome; the lengths are not secret.
bool constant_time_equal(std::string_view a, std::string_view b);

/// 64-bit FNV-1a with a final mix; for tables and identities of public
/// names, not for secrets.
std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0);

/// Takes everything that looks like a Google credential out of a text that
/// came from upstream ("AIza" + 35, "AQ." + 20 or more, "ya29.…", and the
/// value of key=, access_token=) and puts "[redacted]" there, cuts it to
/// at most `limit` bytes at a code point boundary, and drops control
/// characters. Also replaces each occurrence of `secret`, if not empty.
std::string scrub(std::string_view text, std::string_view secret = {},
    std::size_t limit = 2048);

/// By the letter of RFC 3629: no overlong forms, no surrogates, nothing above
/// U+10FFFF.
bool valid_utf8(std::string_view text);

/// The bytes of the UTF-8 sequence that text begins with; 0: it begins with
/// none.
std::size_t utf8_sequence(std::string_view text);

}

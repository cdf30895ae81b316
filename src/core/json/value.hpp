// The scalars of a JSON document as the parsers hand them on: slices of the
// document, decoded only when somebody needs the decoded form.
#pragma once

#include "core/base/arena.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::json {

enum class Type : std::uint8_t {
    null, boolean, number, string, object, array
};

/// The inside of a JSON string as it stood in the document, quotes taken off.
/// Known to be well formed. Since what comes in as JSON mostly goes out as
/// JSON, `raw` is usually written as it is (Writer::text).
struct String {
    std::string_view raw;
    bool escaped = false;

    String() = default;
    explicit String(std::string_view plain) : raw(plain) {}
    String(std::string_view text, bool has_escapes)
        : raw(text), escaped(has_escapes)
    {
    }

    /// An escaped string is never empty.
    bool empty() const { return raw.empty(); }

    /// The decoded characters: `raw` itself when nothing is escaped, else in
    /// the arena. Unpaired surrogates become U+FFFD.
    std::string_view decode(Arena &arena) const;

    /// Whether the decoded characters are these; `plain` needs no escape.
    bool is(std::string_view plain) const { return !escaped && raw == plain; }
};

/// A number as it was written, so that nothing is lost on the way through.
struct Number {
    std::string_view text;

    bool is_integer() const;
    /// nullopt: a fraction, or outside 64 bits. "1e2" and "5.0" are integers.
    std::optional<std::int64_t> integer() const;
    double real() const;
};

/// A whole value, untouched.
struct Raw {
    std::string_view text;
    Type type = Type::null;

    bool present() const { return !text.empty(); }
};

}

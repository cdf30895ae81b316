// The table of model families, and what an id may look like.
#include "core/gemini/family.hpp"

#include "core/base/text.hpp"

#include <array>
#include <cstddef>

namespace gw::gemini {

namespace {

constexpr bool yes = true;
constexpr bool no = false;

constexpr ThinkingControl none = ThinkingControl::none;
constexpr ThinkingControl budget = ThinkingControl::budget;
constexpr ThinkingControl level = ThinkingControl::level;

constexpr std::uint8_t low_high = level_low | level_high;
constexpr std::uint8_t to_high = level_low | level_medium | level_high;
constexpr std::uint8_t all_levels = level_minimal | to_high;
constexpr std::uint8_t ends_only = level_minimal | level_high;

struct Row {
    std::string_view patterns;      // globs, separated by commas
    Family family;
};

// The first row with a matching pattern counts; the last takes every name, so
// an unknown model is treated as the newest. Where a row is unsure it says
// what no server refuses. A new model is a row here and nothing else.
// Evidence: reference/chat-request.md sections 1, 2, 5 and 9.
//
// A line each: thinking; sampling, candidates, penalties; trailing model turn,
// signatures, system instruction; JSON schema, tools with JSON, call ids;
// the most output tokens, and the most without streaming.
constexpr Row table[] = {
    {"*-tts*", {"speech",
        none, 0, 0, 0, no,
        yes, no, no,  yes, no, no,  no, no, no,  16384, 16384}},
    {"gemini-2*-image*", {"2-image",
        none, 0, 0, 0, no,
        yes, no, no,  yes, no, no,  no, no, no,  32768, 32768}},
    {"gemini-3.1-flash-lite-image*", {"3-lite-image",
        level, ends_only, 0, 0, no,
        yes, no, no,  yes, no, yes,  yes, no, yes,  32768, 32768}},
    {"gemini-*-image*", {"3-image",
        none, 0, 0, 0, no,
        yes, no, no,  yes, no, yes,  yes, no, yes,  32768, 32768}},

    {"gemma-1*,gemma-2*,gemma-3*", {"gemma-3",
        none, 0, 0, 0, no,
        yes, no, no,  yes, no, no,  no, no, no,  8192, 8192}},
    {"gemma-*", {"gemma-4",
        level, ends_only, 0, 0, no,
        yes, no, no,  yes, no, yes,  yes, no, no,  32768, 32768}},

    {"gemini-1*", {"1.5",
        none, 0, 0, 0, no,
        yes, yes, yes,  yes, no, yes,  no, no, no,  8192, 8192}},
    {"gemini-2.0-*", {"2.0",
        none, 0, 0, 0, no,
        yes, yes, no,  yes, no, yes,  yes, no, no,  8192, 8192}},

    // Announced: from 2026-12-01 on Google answers for 2.5-pro and 2.5-flash
    // with newer models, by their rules. Until that is seen the rows hold.
    {"gemini-2.5-flash-lite*", {"2.5-flash-lite",
        budget, 0, 512, 24576, yes,
        yes, yes, no,  yes, no, yes,  yes, no, no,  65536, 65536}},
    {"gemini-2.5-flash*,gemini-robotics-er-1*", {"2.5-flash",
        budget, 0, 1, 24576, yes,
        yes, yes, no,  yes, no, yes,  yes, no, no,  65536, 65536}},
    {"gemini-2.5-*", {"2.5-pro",
        budget, 0, 128, 32768, no,
        yes, yes, no,  yes, no, yes,  yes, no, no,  65536, 65536}},

    {"gemini-3-flash-lite*,gemini-3.1-flash-lite*", {"3-flash-lite",
        level, all_levels, 0, 0, no,
        yes, no, no,  yes, yes, yes,  yes, yes, yes,  65536, 65536}},
    {"gemini-3*-flash-lite*,gemini-flash-lite*", {"3.5-flash-lite",
        level, all_levels, 0, 0, no,
        no, no, no,  no, yes, yes,  yes, yes, yes,  65536, 65536}},
    {"gemini-3-pro*", {"3-pro",
        level, low_high, 0, 0, no,
        yes, no, no,  yes, yes, yes,  yes, yes, yes,  65536, 65536}},
    {"gemini-3.1-pro*", {"3.1-pro",
        level, to_high, 0, 0, no,
        yes, no, no,  yes, yes, yes,  yes, yes, yes,  65536, 65536}},
    {"gemini-3-flash*,gemini-3.1-flash*", {"3-flash",
        level, all_levels, 0, 0, no,
        yes, no, no,  yes, yes, yes,  yes, yes, yes,  65536, 65536}},
    // Documented with minimal, but live servers refused it.
    {"gemini-3.5-flash*", {"3.5-flash",
        level, to_high, 0, 0, no,
        yes, no, no,  yes, yes, yes,  yes, yes, yes,  65536, 65536}},
    {"gemini-3*", {"3.6-flash",
        level, to_high, 0, 0, no,
        no, no, no,  no, yes, yes,  yes, yes, yes,  65536, 65536}},

    {"*", {"4",
        level, to_high, 0, 0, no,
        no, no, no,  no, yes, yes,  yes, yes, yes,  65536, 32768}}
};

constexpr std::size_t row_count = sizeof(table) / sizeof(table[0]);

static_assert(table[row_count - 1].patterns == "*");

constexpr std::string_view common_beginning = "gemini-";

/// One of a row's patterns. What nearly all names begin with is compared once
/// for all of them.
struct Pattern {
    std::string_view rest;          // behind common_beginning, if it has that
    bool common = false;
    std::size_t row = 0;
};

constexpr std::size_t count_patterns()
{
    std::size_t count = row_count;

    for (const Row &row : table) {
        for (char c : row.patterns) {
            count += c == ',';
        }
    }

    return count;
}

constexpr auto split_patterns()
{
    std::array<Pattern, count_patterns()> patterns{};
    std::size_t filled = 0;

    for (std::size_t i = 0; i < row_count; ++i) {
        std::string_view rest = table[i].patterns;

        for (bool more = true; more; /* void */) {
            std::size_t comma = rest.find(',');
            std::string_view one = rest.substr(0, comma);

            more = comma != std::string_view::npos;
            rest.remove_prefix(more ? comma + 1 : rest.size());

            bool common = one.substr(0, common_beginning.size())
                          == common_beginning;

            patterns[filled++] = { common
                ? one.substr(common_beginning.size()) : one, common, i };
        }
    }

    return patterns;
}

constexpr auto patterns = split_patterns();

constexpr std::string_view wrappings[] = {
    "publishers/google/models/", "models/", "google/", "gemini/"
};

constexpr std::size_t max_model = 128;

bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_model_character(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9')
           || std::string_view("._:@-").find(c) != std::string_view::npos;
}

/// "x:generateContent", and "x:" as well, would be read as a method upstream.
bool ends_in_method(std::string_view model)
{
    std::size_t colon = model.rfind(':');

    if (colon == std::string_view::npos) {
        return false;
    }

    for (char c : model.substr(colon + 1)) {
        if (!is_letter(c)) {
            return false;
        }
    }

    return true;
}

}

const Family &family_of(std::string_view model)
{
    bool common = starts_with(model, common_beginning);
    std::string_view rest = common
        ? model.substr(common_beginning.size()) : model;

    for (const Pattern &pattern : patterns) {
        if (pattern.common ? common && glob_match(pattern.rest, rest)
                           : glob_match(pattern.rest, model))
        {
            return table[pattern.row].family;
        }
    }

    return table[row_count - 1].family;
}

std::size_t unit_vectors_from(std::string_view model)
{
    // The newer ones are normalised whatever their size.
    return model == "gemini-embedding-001" ? 3072 : 0;
}

std::string_view bare_model(std::string_view name)
{
    for (bool again = true; again; ) {
        again = false;

        for (std::string_view wrapping : wrappings) {
            if (starts_with(name, wrapping)) {
                name.remove_prefix(wrapping.size());
                again = true;
            }
        }
    }

    return name;
}

bool valid_model(std::string_view model)
{
    constexpr std::string_view collection = "tunedModels/";

    if (model.size() > max_model) {
        return false;
    }

    std::string_view id = model;

    if (starts_with(id, collection)) {
        id.remove_prefix(collection.size());
    }

    if (id.empty() || id == "."
        || id.find("..") != std::string_view::npos || ends_in_method(id))
    {
        return false;
    }

    for (char c : id) {
        if (!is_model_character(c)) {
            return false;
        }
    }

    return true;
}

}

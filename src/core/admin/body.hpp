// What the admin API is told: the JSON bodies of POST and PATCH, and the text
// of an import. Strict, so that a misspelt member is not taken for done.
#pragma once

#include "core/base/result.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::admin {

constexpr std::size_t max_json_body = 64 * 1024;
constexpr std::size_t max_import = 4 * 1024 * 1024;
constexpr std::size_t max_import_keys = 20000;
constexpr unsigned max_weight = 1000;

/// A key to be added. Wipes its secret at the end.
struct NewKey {
    std::string secret;
    std::string name;                   // empty: masked
    std::string project;                // empty: its own
    std::optional<unsigned> weight;

    NewKey() = default;
    NewKey(NewKey &&other) noexcept = default;
    NewKey &operator=(NewKey &&other) noexcept = default;
    ~NewKey();
};

/// {"key","name","weight","project"}; all but the key may be absent or null.
/// Errors: bad_request with the member as param, payload_too_large.
Result<NewKey> read_new_key(std::string_view text);

/// What is to become of a key. Outer nullopt: it stays as it is; inner: as
/// configured, or the default.
struct KeyEdit {
    std::optional<bool> enabled;
    std::optional<std::optional<std::string>> name;
    std::optional<std::optional<unsigned>> weight;
};

/// {"enabled","name","weight"}, at least one of them.
Result<KeyEdit> read_key_edit(std::string_view text);

/// A line with a key; problem: why it is none, without any of its words.
struct ImportLine {
    std::size_t number = 0;
    NewKey key;
    std::string problem;
};

/// KEY [name=…] [weight=…] [project=…], '#' begins a comment; as a key file.
/// Lines without words are left out. Errors: payload_too_large.
Result<std::vector<ImportLine>> read_import(std::string_view text);

/// Why a key of that secret cannot be called so; empty: it can.
std::string name_problem(std::string_view name, std::string_view secret);

}

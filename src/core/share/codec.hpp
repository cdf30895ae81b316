// The pool's state as text: fields and values of Redis hashes, messages on the
// bus, lines of the state file. One form for all three; people can read it.
//
//   rest   OWNER|MODEL           UNTIL CLASS WHEN REPEATS FLAGS
//   limit  OWNER|MODEL|rpm       VALUE WHEN
//   use    OWNER|MODEL           DAY REQUESTS TOKENS
//   key    ID                    WHEN FLAGS WEIGHT NAME PROJECT SECRET
//   sig    ID                    SIGNATURE
//   res    ID                    PROJECT CLIENT EXPIRES WHEN
//
// OWNER and ID are 16 hex digits, as are a resource's PROJECT and CLIENT, in
// which 0 is none. MODEL: what would end it is escaped as %XX; empty: the key
// as a whole. FLAGS: "-", or of a rest d (perhaps daily), of a key a (added), r
// (removed), d (disabled) in that order. A key's NAME, PROJECT: base64url, "-"
// for none. SECRET: sealed (seal.hpp), "-" for none. Times are Unix
// milliseconds of one clock that all agree on: Redis' own, or this host's in a
// file.
#pragma once

#include "core/keys/added.hpp"
#include "core/keys/changes.hpp"
#include "core/keys/resources.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::share {

/// A field and its value, as a Redis hash has them.
struct Entry {
    std::string field;
    std::string value;
};

/// offset_ms: the common clock less this host's; added on the way out, taken
/// off on the way in. A rest without an end (no_end_ms) is not shifted.
Entry write_rest(const keys::RestChange &change, std::int64_t offset_ms);
Entry write_limit(const keys::LearnedLimit &limit, std::int64_t offset_ms);
Entry write_total(const keys::UseTotal &total);
Entry write_resource(const keys::Resource &resource, std::int64_t offset_ms);

/// sealed: the secret as seal() has made it; empty: none goes along.
Entry write_key(const keys::KeyChange &change, std::string_view sealed,
    std::int64_t offset_ms);

/// nullopt: it is not one. What comes from outside is bounded: models as
/// ModelName, times to the years 2000 … 2200, counts not negative.
std::optional<keys::RestChange> read_rest(std::string_view field,
    std::string_view value, std::int64_t offset_ms);
std::optional<keys::LearnedLimit> read_limit(std::string_view field,
    std::string_view value, std::int64_t offset_ms);
std::optional<keys::UseTotal> read_total(std::string_view field,
    std::string_view value);

std::optional<keys::Resource> read_resource(std::string_view field,
    std::string_view value, std::int64_t offset_ms);

struct SealedKey {
    keys::KeyChange change;         // without secret
    std::string sealed;             // empty: none
};

std::optional<SealedKey> read_key(std::string_view field,
    std::string_view value, std::int64_t offset_ms);

/// 16 lower-case hex digits, and back.
std::string hex_id(std::uint64_t id);
std::optional<std::uint64_t> read_id(std::string_view text);

/// "OWNER|MODEL", the field of usage deltas ("…|r" requests, "…|t" tokens).
std::string use_field(std::uint64_t owner, std::string_view model);

/// Reads "OWNER|MODEL". false: it is not one.
bool read_use_field(std::string_view field, std::uint64_t &owner,
    std::string &model);

/// A message on the bus is the sender's host id and any number of items, each
/// "KIND FIELD VALUE" on a line of its own. Kinds: rest, limit, key, sig, res, use
/// (value: REQUESTS TOKENS, a delta), hello, bye.
class Message {
public:
    /// A longer one is not read.
    static constexpr std::size_t max_bytes = 16 * 1024 * 1024;

    explicit Message(std::uint64_t host);

    /// kind: lower-case letters. What would break the line (a space in the
    /// field, a line's end anywhere) is not added.
    void add(std::string_view kind, std::string_view field,
        std::string_view value);

    bool empty() const { return items_ == 0; }
    std::size_t size() const { return text_.size(); }
    const std::string &text() const { return text_; }

private:
    std::string text_;
    std::size_t items_ = 0;
};

struct Item {
    std::string_view kind;
    std::string_view field;
    std::string_view value;
};

/// Reads a message; the views are into text. false: it is not one. An item
/// that is not well-formed is left out.
bool read_message(std::string_view text, std::uint64_t &host,
    std::vector<Item> &items);

}

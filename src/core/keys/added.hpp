// Keys that were added, changed or removed while nginx runs: by the admin API,
// by another host, or from the state file. The configuration's keys stand in
// each worker; what differs from it lies here, for all of them.
#pragma once

#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::keys {

/// What is to hold for one key, whoever said so. Of two the later `when` wins.
struct KeyChange {
    static constexpr std::size_t max_secret = 512;
    static constexpr std::size_t max_name = 64;
    static constexpr std::size_t max_project = 64;

    std::uint64_t id = 0;               // credential_id(secret)
    bool added = false;                 // it stands in no configuration;
                                        // secret is then known
    bool removed = false;               // of an added one: it is gone
    bool enabled = true;
    std::optional<unsigned> weight;     // nullopt: as configured, or 1
    std::optional<std::string> name;    // nullopt: as configured, or masked
    std::string project;                // of an added one; empty: its own
    std::string secret;                 // of an added one that is not removed
    std::int64_t when_ms = 0;
};

struct alignas(64) AddedRecord {
    Word id;                            // 0: free
    Word version;                       // odd: being written
    Word when_ms;
    Word flags;                         // added, removed, enabled, has weight,
                                        // has name; weight
    Word sizes;                         // of secret, name, project
    Word spare[3];
    char name[KeyChange::max_name];
    char project[KeyChange::max_project];
    char secret[KeyChange::max_secret];
};
static_assert(sizeof(AddedRecord) == 64 + 640);

/// A fixed table. Readers need no lock: a record says how often it was
/// written. Writers hold the zone's lock, which the master frees when one
/// dies; a record whose writer died is not read and may be written again.
class AddedTable {
public:
    AddedTable() = default;
    AddedTable(AddedRecord *records, std::size_t capacity)
        : records_(records), capacity_(capacity)
    {
    }

    /// Writes it over what stands for the same id. false: what stands there is
    /// as new or newer (and nothing changed), or (full set) there is no room.
    /// A removed one's place may be given to another, oldest first; its secret
    /// is wiped at once.
    bool write(const KeyChange &change, bool &full);

    std::optional<KeyChange> find(std::uint64_t id) const;

    /// By place; nullopt: free, or being written.
    std::optional<KeyChange> at(std::size_t place) const;

    std::size_t capacity() const { return capacity_; }

private:
    AddedRecord *records_ = nullptr;
    std::size_t capacity_ = 0;
};

}

// Whose a cache, a file, a batch, an operation or an upload is: Google keeps
// each for the project that made it, and shows it to no other.
#pragma once

#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace gw::keys {

/// What is known of one. A project of 0: it has been deleted, and whoever
/// knows better by an earlier time is wrong.
struct Resource {
    std::uint64_t id = 0;           // resource_id()
    std::uint64_t project = 0;      // Credential::project_id
    std::uint64_t client = 0;       // Client::limit_id(); 0: nobody was asked
                                    // who they are
    std::int64_t expires_ms = 0;
    std::int64_t when_ms = 0;       // learned; of two the later counts

    /// Guessed: who could see something has not made it for that, and whoever
    /// knows who has knows better, however early that was.
    static constexpr std::int64_t guess_age_ms = std::int64_t{400} * 24
                                                 * 3600 * 1000;

    static std::int64_t guessed_at(std::int64_t now_ms)
    {
        return now_ms - guess_age_ms;
    }

    bool is_guess(std::int64_t now_ms) const
    {
        return when_ms < guessed_at(now_ms) + guess_age_ms / 16;
    }

    /// client: who asks; 0: nobody is asked who they are here.
    bool belongs_to(std::uint64_t by_client) const
    {
        return by_client == 0 || client == 0 || client == by_client;
    }
};

/// Never zero. From SHA-256, so that no name can be made up that is taken for
/// another's: the id of an upload is all that its data is authorised by.
std::uint64_t resource_id(std::string_view name);

struct alignas(64) ResourceRecord {
    Word id;                        // 0: free
    Word project;
    Word client;
    Word expires_ms;
    Word when_ms;
    Word check;                     // over all of it: of two writers at once,
                                    // or one that was killed, nothing remains
    Word spare[2];
};
static_assert(sizeof(ResourceRecord) == 64);

/// A fixed table in shared memory without a lock. Where there is no room what
/// was learned longest ago gives way.
class ResourceTable {
public:
    /// How many neighbouring places an id may lie in.
    static constexpr std::size_t reach = 16;

    /// The longest that anything is believed to live.
    static constexpr std::int64_t longest_ms = std::int64_t{366} * 24 * 3600
                                               * 1000;

    ResourceTable() = default;
    ResourceTable(ResourceRecord *records, std::size_t capacity)
        : records_(records), capacity_(capacity)
    {
    }

    /// nullopt: it is not known, deleted, or its time is over.
    std::optional<Resource> find(std::uint64_t id, std::int64_t now_ms) const;

    /// The same with what was deleted, for those who are to be told.
    std::optional<Resource> known(std::uint64_t id,
        std::int64_t now_ms) const;

    /// false: what is known is later, or says the same but for a little time.
    bool keep(const Resource &resource, std::int64_t now_ms);

    std::vector<Resource> all(std::int64_t now_ms) const;

    /// Takes over what another one holds, as far as there is room.
    void copy_from(const ResourceTable &former);

private:
    ResourceRecord &place(std::uint64_t id, std::size_t i) const
    {
        return records_[(id + i) % capacity_];
    }

    void store(const Resource &resource, std::int64_t now_ms);

    ResourceRecord *records_ = nullptr;
    std::size_t capacity_ = 0;
};

}

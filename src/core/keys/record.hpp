// What lies in the shared zone, byte for byte. A change here is a new
// layout_version: old workers go on with the old layout until they are gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gw::keys {

constexpr std::uint32_t layout_magic = 0x67777a31;      // "gwz1"
constexpr std::uint32_t layout_version = 4;

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free);

/// One credential. Found again after a reload by id; a slot never moves while
/// its credential is configured anywhere.
struct alignas(64) KeyRecord {
    Word id;                // hash of the secret; 0: free
    Word rest;              // of the whole key, packed Rest
    Word last_ticket;       // order of use, from Header::ticket
    Word last_used_ms;
    Word requests;          // tries sent with it
    Word failures;
    Word in_flight;         // (Header::epoch, tries under way since)
    Word rest_when_ms;      // when `rest` was last changed, by whatever host

    Word present;           // configuration generation that last named it
    Word spare[7];
};
static_assert(sizeof(KeyRecord) == 128);

/// What rests per (credential or project, model). What is counted per (project,
/// model) is a UseRecord, in use.hpp.
struct alignas(64) Cell {
    Word id;                // hash of owner and model; 0: free
    Word rest;              // packed Rest
    Word owner;             // KeyRecord::id, or the project's hash
    Word model;             // index of its ModelName + 1; 0: not recorded
    Word rest_when_ms;      // when `rest` was last changed, by whatever host
    Word spare[3];
};
static_assert(sizeof(Cell) == 64);

/// Names for people: cells hold hashes only.
struct ModelName {
    static constexpr std::size_t max_length = 119;

    Word id;                // hash of the name; 0: free
    char name[max_length + 1];
};
static_assert(sizeof(ModelName) == 128);

/// Models that take turns apart from each other; two of the same cursor take
/// turns together, and each of them is served a little less evenly.
constexpr std::size_t turn_cursors = 16;

struct alignas(64) Header {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t key_capacity;
    std::uint32_t cell_capacity;        // a power of two
    std::uint32_t model_capacity;
    std::uint32_t limit_capacity;       // a power of two
    std::uint32_t use_capacity;         // a power of two
    std::uint32_t added_capacity;
    std::uint32_t journal_capacity;     // a power of two
    std::uint32_t trail_capacity;
    std::uint32_t metric_capacity;      // a power of two
    std::uint32_t resource_capacity;
    std::uint32_t token_capacity;
    Word ticket;                        // uses so far, all keys
    Word cursors[turn_cursors];         // round robin, by the model's hash
    Word generation;                    // configurations seen
    Word epoch;                         // workers that died with tries open
    Word requests;                      // client requests
    Word answered;                      // with a 2xx
    Word cells_lost;                    // no room: the rest was not recorded
    Word keys_version;                  // changes with every key changed at
                                        // run time (added.hpp)
    Word hosts;                         // that share the pool, this one's
                                        // rank among them: (count, rank), 32
                                        // bits each; 0: it is alone
    Word clock_offset_ms;               // Redis' clock less ours, two's
                                        // complement
    Word journal_next;                  // number of the next event
    Word trail_next;
    Word streams;                       // open now, all workers: (epoch,
                                        // count) as KeyRecord::in_flight
    Word tokens_stored;                 // of service accounts, so far
};

}

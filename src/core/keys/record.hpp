// What lies in the shared zone, byte for byte. A change here is a new
// layout_version: old workers go on with the old layout until they are gone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace gw::keys {

constexpr std::uint32_t layout_magic = 0x67777a31;      // "gwz1"
constexpr std::uint32_t layout_version = 1;

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
    Word present;           // configuration generation that last named it
};
static_assert(sizeof(KeyRecord) == 64);

/// What rests, or later is counted, per (credential or project, model).
struct alignas(32) Cell {
    Word id;                // hash of owner and model; 0: free
    Word rest;              // packed Rest
    Word owner;             // KeyRecord::id, or the project's hash
    Word model;             // index of its ModelName + 1; 0: not recorded
};
static_assert(sizeof(Cell) == 32);

/// Names for people: cells hold hashes only.
struct ModelName {
    static constexpr std::size_t max_length = 119;

    Word id;                // hash of the name; 0: free
    char name[max_length + 1];
};
static_assert(sizeof(ModelName) == 128);

struct alignas(64) Header {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t key_capacity;
    std::uint32_t cell_capacity;        // a power of two
    std::uint32_t model_capacity;
    std::uint32_t limit_capacity;       // a power of two
    Word ticket;                        // uses so far, all keys
    Word cursor;                        // round robin
    Word generation;                    // configurations seen
    Word epoch;                         // workers that died with tries open
    Word requests;                      // client requests
    Word answered;                      // with a 2xx
    Word cells_lost;                    // no room: the rest was not recorded
};

}

// A ring in shared memory of what has changed in the pool. Whoever wants to
// know reads it: the link to Redis, the state file, the admin API's events.
// An event says where to look; what holds now is read there.
#pragma once

#include "core/gemini/error.hpp"
#include "core/keys/record.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::keys {

enum class EventKind : std::uint8_t {
    rested,             // value: the packed Rest
    woke,               // it answered again after a rest
    reset,              // its rests were ended by hand
    key_added,
    key_changed,        // enabled, disabled, renamed, weighted
    key_removed,
    limit_learned,      // value: Quantity << 56 | limit
    signature_kept,     // owner: the signature's id
    resource_kept,      // owner: the resource's id
    kinds
};

std::string_view name_of(EventKind kind);

struct Event {
    std::uint64_t number = 0;       // of the event, from 0
    EventKind kind = EventKind::rested;
    bool remote = false;            // it came from another host
    gemini::FailureClass failure = gemini::FailureClass::none;
    std::uint64_t owner = 0;        // credential or project id
    std::uint64_t model = 0;        // index of its ModelName + 1; 0: all
    std::uint64_t value = 0;
    std::int64_t at_ms = 0;
};

struct alignas(64) JournalEntry {
    Word number;                    // of the event + 1; 0: being written
    Word kind;                      // kind, remote, failure
    Word owner;
    Word model;
    Word value;
    Word at_ms;
    Word check;                     // over all of it: a writer that was asleep
                                    // while the ring went round may mix its
                                    // event into another
    Word spare;
};
static_assert(sizeof(JournalEntry) == 64);

class Journal {
public:
    Journal() = default;
    /// next: Header::journal_next. capacity: a power of two.
    Journal(Word *next, JournalEntry *entries, std::size_t capacity)
        : next_(next), entries_(entries), capacity_(capacity)
    {
    }

    /// event.number is given here.
    void append(const Event &event);

    /// The number the next event will have.
    std::uint64_t next() const { return next_->load(); }

    enum class Read : std::uint8_t {
        ok,
        none,           // not there yet
        lost            // overwritten, or its writer died: go on with the
                        // next, and look at everything
    };

    Read read(std::uint64_t number, Event &event) const;

private:
    Word *next_ = nullptr;
    JournalEntry *entries_ = nullptr;
    std::size_t capacity_ = 0;
};

}

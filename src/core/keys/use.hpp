// How much of each quota is used: requests and tokens in the current minute
// and Pacific day per (project, model), in shared memory without a lock.
// Source: reference/quotas.md sections 1, 3 and 7.
#pragma once

#include "core/keys/record.hpp"
#include "core/keys/window.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gw::keys {

/// The four quantities Google limits per project and model.
enum class Quantity : std::uint8_t {
    rpm, rpd, tpm, tpd
};

constexpr std::size_t quantities = 4;

struct alignas(64) UseRecord {
    Word id;                    // CellTable::id_of(project, model); 0: free
    Word owner;                 // the project, or the credential without one
    Word model;                 // index of its ModelName + 1
    Word last_used_ms;
    Word learned[quantities];   // packed Learned, by Quantity

    DayCount requests_day;
    DayCount tokens_day;
    Word recent;                // our own requests of the last moments, that
                                // other hosts may not know of yet
    Word unsent_requests;       // not yet told to other hosts
    Word unsent_tokens;         // signed: settling may give back
    Word recent_remote;         // those of other hosts, likewise
    Word spare[2];

    MinuteWindow requests_minute;
    MinuteWindow tokens_minute;
};
static_assert(sizeof(UseRecord) == 384);

/// A limit that upstream has told us by refusing. It holds for a day: accounts
/// change their tier.
struct Learned {
    static constexpr std::int64_t holds_ms = 24 * 3600 * 1000LL;

    std::int64_t value = 0;             // 0: nothing is known
    std::int64_t since_ms = 0;          // to the minute
};

std::uint64_t pack(const Learned &learned);
Learned unpack_learned(std::uint64_t word);

/// How many hosts draw on the same quotas. Redis is never asked on a request's
/// path, so each may only use its share of what is left between two rounds of
/// messages; as usage becomes known the rest is shared anew.
struct HostShare {
    std::uint32_t count = 1;
    std::uint32_t rank = 0;             // 0 … count - 1

    static HostShare of(std::uint64_t header_word);
    std::uint64_t word() const;
};

/// What a request takes from a quota before it is sent.
struct Reservation {
    std::uint64_t use_id = 0;           // 0: nothing was reserved
    std::int64_t tokens = 0;
    std::int64_t at_ms = 0;
};

/// The limits that hold: of a configured and a learned one the smaller.
Limits known_limits(const UseRecord *record, const Limits &configured,
    std::int64_t now_ms);

/// Where a quota stands before a request of so many tokens.
struct QuotaStanding {
    bool open = true;                   // there is room
    Quantity over = Quantity::rpm;      // when not open: what is used up
    std::int64_t back_at_ms = 0;        // when not open
    /// The largest used part of any known limit, in millionths; 0 when none
    /// is known.
    std::uint32_t used = 0;
};

/// A request larger than a whole limit may still go when nothing else is
/// counted: estimates err. record: nullptr: nothing used yet.
QuotaStanding quota_standing(const UseRecord *record, const Limits &limits,
    std::int64_t tokens, HostShare share, std::int64_t now_ms);

/// Counts one request and its estimated tokens, unless that would pass a
/// limit; concurrent callers of all workers never pass one together. false:
/// nothing was counted. Without limits it counts only.
bool reserve(UseRecord &record, const Limits &limits, std::int64_t tokens,
    HostShare share, std::int64_t now_ms, Reservation &reservation);

/// Upstream has said what it cost: the difference goes to the moment of the
/// reservation.
void settle(UseRecord &record, const Reservation &reservation,
    std::int64_t tokens);

/// The request was never sent: as if it had not been.
void give_back(UseRecord &record, const Reservation &reservation);

/// Upstream refused by this limit. value above 0. false: it was known so (the
/// time is renewed all the same).
bool learn(UseRecord &record, Quantity quantity, std::int64_t value,
    std::int64_t now_ms);

/// Usage that other hosts report, as of now.
void add_remote(UseRecord &record, std::int64_t requests, std::int64_t tokens,
    std::int64_t now_ms);

/// A day's total from elsewhere (Redis, the state file): the larger one holds,
/// since it only grows. day: as pacific_day(); another day than today's is
/// ignored.
void raise_day(UseRecord &record, std::int64_t day, std::int64_t requests,
    std::int64_t tokens, std::int64_t now_ms);

/// A fixed table of UseRecords by open addressing. When no place near is free
/// the one unused for longest gives way.
class UseTable {
public:
    UseTable() = default;
    /// capacity: a power of two, zeroed memory; dirty: a bit for each record,
    /// in words, of those that have something unsent.
    UseTable(UseRecord *records, Word *dirty, std::size_t capacity)
        : records_(records), dirty_(dirty), capacity_(capacity)
    {
    }

    /// nullptr: nothing is counted.
    UseRecord *find(std::uint64_t id) const;

    /// find() of this id follows, and a look at its first so many bytes.
    void prefetch(std::uint64_t id, std::size_t bytes) const
    {
        auto *record = reinterpret_cast<const char *>(
            &records_[static_cast<std::size_t>(id) & (capacity_ - 1)]);

        for (std::size_t i = 0; i < bytes; i += 64) {
            __builtin_prefetch(record + i);
        }
    }

    /// Never fails. owner and model are stored for people and other hosts.
    UseRecord &claim(std::uint64_t id, std::uint64_t owner,
        std::uint64_t model_index, std::int64_t now_ms);

    /// For whoever counts: other hosts are to hear of it.
    void mark(const UseRecord &record);

    /// Calls body(record) for each marked record and unmarks it. The body
    /// takes what is unsent by exchange.
    template <typename Body>
    void for_each_marked(Body &&body)
    {
        for (std::size_t i = 0; i < (capacity_ + 63) / 64; ++i) {
            if (dirty_[i].load(std::memory_order_relaxed) == 0) {
                continue;
            }

            std::uint64_t bits = dirty_[i].exchange(0);

            while (bits != 0) {
                auto bit = static_cast<std::size_t>(__builtin_ctzll(bits));
                bits &= bits - 1;
                body(records_[i * 64 + bit]);
            }
        }
    }

    UseRecord *begin() const { return records_; }
    UseRecord *end() const { return records_ + capacity_; }

    /// Takes over what another table holds; where that is more than there is
    /// room for, what was used last. Nobody else may use this one yet.
    /// model_of maps an old model index to a new one.
    template <typename ModelOf>
    void copy_from(const UseTable &former, ModelOf &&model_of)
    {
        for (const UseRecord *record : former.by_last_use()) {
            copy(*record, model_of(record->model.load()));
        }
    }

private:
    UseRecord &at(std::uint64_t id, std::size_t distance) const
    {
        return records_[(static_cast<std::size_t>(id) + distance)
                        & (capacity_ - 1)];
    }

    UseRecord &place_of(std::uint64_t id, std::int64_t now_ms);
    std::vector<const UseRecord *> by_last_use() const;
    void copy(const UseRecord &record, std::uint64_t model_index);

    UseRecord *records_ = nullptr;
    Word *dirty_ = nullptr;
    std::size_t capacity_ = 0;
};

}

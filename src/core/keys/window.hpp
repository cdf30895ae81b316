// How much was used in the last minute and today, in shared memory without a
// lock.
#pragma once

#include "core/keys/record.hpp"

#include <cstdint>

namespace gw::keys {

/// A sliding minute of 16 slots of 4 s: never forgets early, at most 4 s late.
/// Each slot is one word of (slot number, count), so a late writer cannot
/// revive an old slot.
struct MinuteWindow {
    static constexpr int slots = 16;
    static constexpr std::int64_t slot_ms = 4000;

    Word slot[slots];

    void add(std::int64_t now_ms, std::int64_t amount);
    std::int64_t sum(std::int64_t now_ms) const;
    /// Milliseconds until the sum will have fallen to `most`, if nothing is
    /// added; 0: it has.
    std::int64_t wait_for(std::int64_t now_ms, std::int64_t most) const;
};

/// A count that starts over at midnight Pacific.
struct DayCount {
    Word word;              // (day, count)

    void add(std::int64_t now_ms, std::int64_t amount);
    std::int64_t sum(std::int64_t now_ms) const;
};

/// The counters of one client, or one client address.
struct alignas(64) LimitRecord {
    Word id;                // hash; 0: free
    Word last_used_ms;
    MinuteWindow requests_minute;
    MinuteWindow tokens_minute;
    DayCount requests_day;
    DayCount tokens_day;
};

/// 0: no limit.
struct Limits {
    std::int64_t rpm = 0;
    std::int64_t rpd = 0;
    std::int64_t tpm = 0;
    std::int64_t tpd = 0;

    bool any() const { return rpm || rpd || tpm || tpd; }
};

/// Counts one request against the limits, or refuses it. 0: counted. Else
/// milliseconds until it is worth coming back, and nothing was counted.
/// Concurrent callers never pass more than the limit together.
std::int64_t take_request(LimitRecord &record, const Limits &limits,
    std::int64_t now_ms);

/// Tokens become known after the fact.
void add_tokens(LimitRecord &record, std::int64_t tokens,
    std::int64_t now_ms);

/// A fixed table of LimitRecords in shared memory, by open addressing. When
/// no slot near is free, the one unused for longest gives way.
class LimitTable {
public:
    /// capacity: a power of two. memory: zeroed, capacity records.
    LimitTable(LimitRecord *records, std::size_t capacity)
        : records_(records), capacity_(capacity)
    {
    }

    /// Never fails.
    LimitRecord &find(std::uint64_t id, std::int64_t now_ms);

    /// Takes over what another table has counted; where it holds more than
    /// there is room for, what was used last. Nobody else may use this table
    /// yet.
    void copy_from(const LimitTable &former);

private:
    LimitRecord *records_;
    std::size_t capacity_;
};

}

// What the windows and quotas are counted in: single words that hold a period
// and a count, and how something is taken from a limit by compare-and-swap.
#pragma once

#include "core/base/duration.hpp"
#include "core/keys/window.hpp"

#include <algorithm>
#include <cstdint>

namespace gw::keys {

/// A number that only grows (a slot's, a day's) and what was counted in it.
/// Both in one word, so that a count never belongs to another period.
template <int CountBits>
struct Counted {
    static constexpr std::uint64_t most =
        (std::uint64_t{1} << CountBits) - 1;

    std::uint64_t period;
    std::int64_t count;

    static Counted of(std::uint64_t word)
    {
        return { word >> CountBits, static_cast<std::int64_t>(word & most) };
    }

    std::uint64_t word() const
    {
        return period << CountBits | static_cast<std::uint64_t>(count);
    }

    void add(std::int64_t amount)
    {
        constexpr auto full = static_cast<std::int64_t>(most);

        count = amount < full - count
            ? std::max<std::int64_t>(count + amount, 0) : full;
    }
};

using InSlot = Counted<32>;
using InDay = Counted<40>;

/// Times before 1970 do not occur; a clock not yet set must not wrap.
inline std::uint64_t slot_at(std::int64_t now_ms)
{
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(now_ms, 0) / MinuteWindow::slot_ms);
}

inline std::uint64_t day_at(std::int64_t now_ms)
{
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(pacific_day(now_ms), 0));
}

/// Whether a slot's count belongs to the minute that ends in `now`. A worker
/// whose clock is a little behind sees slots of the near future: they count,
/// or two workers could each pass the limit across a slot's edge.
inline bool in_window(std::uint64_t slot, std::uint64_t now)
{
    return slot - now + (MinuteWindow::slots - 1)
        < 2 * MinuteWindow::slots - 1;
}

/// The day a count goes to: a worker still before midnight does not set back
/// what another began after it.
inline InDay in_day(std::uint64_t word, std::uint64_t today)
{
    InDay counted = InDay::of(word);

    return counted.period < today ? InDay{ today, 0 } : counted;
}

/// Whether there is room for so much more. What is larger than the whole
/// limit has room where nothing else is counted; what is nothing (an estimate
/// of no tokens) has none where the limit is used up.
inline bool has_room(std::int64_t counted, std::int64_t amount,
    std::int64_t limit)
{
    return counted == 0
        || counted + std::max<std::int64_t>(amount, 1) <= limit;
}

/// Counts into the minute, unless that would pass `limit`. The loop makes it
/// exact for those who count into the same slot, the check afterwards for
/// those who count into the next one at the same moment: of any set that has
/// passed, the last to add has seen all others.
inline bool take_minute(MinuteWindow &window, std::int64_t amount,
    std::int64_t limit, std::int64_t now_ms)
{
    std::uint64_t now = slot_at(now_ms);
    Word &word = window.slot[now % MinuteWindow::slots];
    std::uint64_t seen = word.load();

    for ( ;; ) {
        InSlot counted = InSlot::of(seen);

        if (counted.period > now) {
            // More than a minute behind everybody else: a clock set back.
            // Until it has caught up the minute cannot be counted.
            return has_room(window.sum(now_ms), amount, limit);
        }

        if (!has_room(window.sum(now_ms), amount, limit)) {
            return false;
        }

        if (counted.period < now) {
            counted = { now, 0 };
        }

        counted.add(amount);

        if (word.compare_exchange_weak(seen, counted.word())) {
            break;
        }
    }

    std::int64_t sum = window.sum(now_ms);

    if (sum > limit && sum > amount) {
        window.add(now_ms, -amount);
        return false;
    }

    return true;
}

inline bool take_day(DayCount &day, std::int64_t amount, std::int64_t limit,
    std::int64_t now_ms)
{
    std::uint64_t today = day_at(now_ms);
    std::uint64_t seen = day.word.load();

    for ( ;; ) {
        InDay counted = in_day(seen, today);

        if (!has_room(counted.count, amount, limit)) {
            return false;
        }

        counted.add(amount);

        if (day.word.compare_exchange_weak(seen, counted.word())) {
            return true;
        }
    }
}

}

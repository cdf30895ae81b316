// Windows of single words. A worker killed between two of them leaves at most
// one request counted that never ran.
#include "core/keys/window.hpp"

#include "core/base/duration.hpp"
#include "core/keys/counted.hpp"
#include "core/keys/mix.hpp"

#include <algorithm>
#include <vector>

namespace gw::keys {

namespace {

/// Until all limits that are used up have room again; 0: none is.
std::int64_t wait_of(const LimitRecord &record, const Limits &limits,
    std::int64_t now_ms)
{
    std::int64_t wait = 0;

    if (limits.rpm > 0) {
        wait = std::max(wait,
            record.requests_minute.wait_for(now_ms, limits.rpm - 1));
    }

    if (limits.tpm > 0) {
        wait = std::max(wait,
            record.tokens_minute.wait_for(now_ms, limits.tpm - 1));
    }

    if ((limits.rpd > 0 && record.requests_day.sum(now_ms) >= limits.rpd)
        || (limits.tpd > 0 && record.tokens_day.sum(now_ms) >= limits.tpd))
    {
        wait = std::max(wait, next_pacific_midnight(now_ms) - now_ms);
    }

    return wait;
}

/// Every word of a record that counts.
constexpr int record_words = 2 * MinuteWindow::slots + 2;

Word &word_of(LimitRecord &record, int i)
{
    if (i < MinuteWindow::slots) {
        return record.requests_minute.slot[i];
    }

    i -= MinuteWindow::slots;

    if (i < MinuteWindow::slots) {
        return record.tokens_minute.slot[i];
    }

    return i == MinuteWindow::slots
        ? record.requests_day.word : record.tokens_day.word;
}

/// The record is another's from now on. Only what its former owner had
/// counted goes: whoever found it under the new id in the meantime keeps his.
/// false: somebody else took it first.
bool take_over(LimitRecord &record, std::uint64_t from, std::uint64_t to)
{
    std::uint64_t old[record_words];

    for (int i = 0; i < record_words; ++i) {
        old[i] = word_of(record, i).load(std::memory_order_relaxed);
    }

    if (!record.id.compare_exchange_strong(from, to)) {
        return false;
    }

    for (int i = 0; i < record_words; ++i) {
        word_of(record, i).compare_exchange_strong(old[i], 0);
    }

    return true;
}

/// How far from its own place a record may lie.
constexpr std::size_t near = 8;

/// How exact "unused for longest" is; a busy record's line is not written by
/// every request for it.
constexpr std::int64_t touch_every_ms = 1000;

}

void MinuteWindow::add(std::int64_t now_ms, std::int64_t amount)
{
    std::uint64_t now = slot_at(now_ms);
    Word &word = slot[now % slots];
    std::uint64_t seen = word.load();

    for ( ;; ) {
        InSlot counted = InSlot::of(seen);

        if (counted.period > now) {
            return;             // what is added is over a minute old
        }

        if (counted.period < now) {
            counted = { now, 0 };
        }

        counted.add(amount);

        if (word.compare_exchange_weak(seen, counted.word())) {
            return;
        }
    }
}

std::int64_t MinuteWindow::sum(std::int64_t now_ms) const
{
    std::uint64_t now = slot_at(now_ms);
    std::int64_t total = 0;

    for (const Word &word : slot) {
        InSlot counted = InSlot::of(word.load());

        total += in_window(counted.period, now) ? counted.count : 0;
    }

    return total;
}

std::int64_t MinuteWindow::wait_for(std::int64_t now_ms,
    std::int64_t most) const
{
    std::uint64_t now = slot_at(now_ms);
    InSlot counted[slots];
    int n = 0;
    std::int64_t total = 0;

    for (const Word &word : slot) {
        InSlot one = InSlot::of(word.load());

        if (in_window(one.period, now) && one.count != 0) {
            counted[n++] = one;
            total += one.count;
        }
    }

    if (total <= most) {
        return 0;
    }

    std::sort(counted, counted + n, [](const InSlot &a, const InSlot &b) {
        return a.period < b.period;
    });

    std::int64_t end_ms = now_ms;

    for (int i = 0; i < n && total > most; ++i) {
        total -= counted[i].count;
        end_ms = static_cast<std::int64_t>(counted[i].period + slots)
            * slot_ms;
    }

    return std::max<std::int64_t>(end_ms - now_ms, 1);
}

void DayCount::add(std::int64_t now_ms, std::int64_t amount)
{
    std::uint64_t today = day_at(now_ms);
    std::uint64_t seen = word.load();

    for ( ;; ) {
        InDay counted = in_day(seen, today);
        counted.add(amount);

        if (word.compare_exchange_weak(seen, counted.word())) {
            return;
        }
    }
}

std::int64_t DayCount::sum(std::int64_t now_ms) const
{
    return in_day(word.load(), day_at(now_ms)).count;
}

std::int64_t take_request(LimitRecord &record, const Limits &limits,
    std::int64_t now_ms)
{
    std::int64_t wait = wait_of(record, limits, now_ms);

    if (wait > 0) {
        return wait;
    }

    // Counted even without a limit: status shows it, and a limit that comes
    // with the next reload holds from its first moment.
    if (limits.rpm > 0) {
        if (!take_minute(record.requests_minute, 1, limits.rpm, now_ms)) {
            return std::max<std::int64_t>(
                wait_of(record, limits, now_ms), 1);
        }

    } else {
        record.requests_minute.add(now_ms, 1);
    }

    if (limits.rpd > 0) {
        if (!take_day(record.requests_day, 1, limits.rpd, now_ms)) {
            record.requests_minute.add(now_ms, -1);
            return std::max<std::int64_t>(
                wait_of(record, limits, now_ms), 1);
        }

    } else {
        record.requests_day.add(now_ms, 1);
    }

    return 0;
}

void add_tokens(LimitRecord &record, std::int64_t tokens,
    std::int64_t now_ms)
{
    if (tokens <= 0) {
        return;
    }

    record.tokens_minute.add(now_ms, tokens);
    record.tokens_day.add(now_ms, tokens);
}

LimitRecord &LimitTable::find(std::uint64_t id, std::int64_t now_ms)
{
    if (id == 0) {
        id = 1;
    }

    auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms, 0));
    std::size_t start = static_cast<std::size_t>(mix(id));
    std::size_t reach = std::min(near, capacity_);
    LimitRecord *found = nullptr;

    while (found == nullptr) {
        LimitRecord *oldest = nullptr;
        std::uint64_t oldest_used = 0;
        std::uint64_t oldest_id = 0;

        for (std::size_t i = 0; i < reach; ++i) {
            LimitRecord &record = records_[(start + i) & (capacity_ - 1)];
            std::uint64_t holder = record.id.load();

            if (holder == 0 && record.id.compare_exchange_strong(holder, id))
            {
                holder = id;
            }

            if (holder == id) {
                found = &record;
                break;
            }

            std::uint64_t used = record.last_used_ms.load(
                std::memory_order_relaxed);

            if (oldest == nullptr || used < oldest_used) {
                oldest = &record;
                oldest_used = used;
                oldest_id = holder;
            }
        }

        // Who loses the race looks again: the winner may have wanted the
        // same id.
        if (found == nullptr && take_over(*oldest, oldest_id, id)) {
            found = oldest;
        }
    }

    if (found->last_used_ms.load(std::memory_order_relaxed) + touch_every_ms
        <= now)
    {
        found->last_used_ms.store(now, std::memory_order_relaxed);
    }

    return *found;
}

void LimitTable::copy_from(const LimitTable &former)
{
    std::vector<LimitRecord *> used;

    for (std::size_t i = 0; i < former.capacity_; ++i) {
        if (former.records_[i].id.load() != 0) {
            used.push_back(&former.records_[i]);
        }
    }

    // The last used take the place of others, should there be fewer.
    std::stable_sort(used.begin(), used.end(),
        [](const LimitRecord *a, const LimitRecord *b) {
            return a->last_used_ms.load() < b->last_used_ms.load();
        });

    for (LimitRecord *record : used) {
        LimitRecord &place = find(record->id.load(),
            static_cast<std::int64_t>(record->last_used_ms.load()));

        for (int i = 0; i < record_words; ++i) {
            word_of(place, i).store(word_of(*record, i).load());
        }

        place.last_used_ms.store(record->last_used_ms.load());
    }
}

}

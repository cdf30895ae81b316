// Counting against quotas. A worker killed between two words leaves at most one
// request counted that never ran.
#include "core/keys/use.hpp"

#include "core/base/duration.hpp"
#include "core/keys/counted.hpp"
#include "core/keys/host_part.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

constexpr int learned_value_bits = 36;
constexpr std::int64_t most_learned =
    (std::int64_t{1} << learned_value_bits) - 1;
constexpr std::int64_t minute_ms = 60 * 1000;

/// A request to be counted, and by which limits.
struct Asked {
    const Limits &limits;
    std::int64_t tokens;
    HostShare share;
    std::int64_t now_ms;
};

/// The word is changed before anything else is counted: workers of a host
/// see each other's request here at once.
bool take_recent(UseRecord &record, const Asked &asked)
{
    bool bounded = shares_requests(asked.limits, asked.share);
    std::uint64_t seen = record.recent.load();

    for ( ;; ) {
        Lately lately = Lately::of(record, asked.now_ms);
        Recent recent = Recent::of(seen, asked.now_ms);
        lately.ours = recent;

        if (bounded
            && (recent.now == Recent::most
                || recent.sum() >= part_of(record, asked.limits, lately,
                       asked.share, asked.now_ms).size))
        {
            return false;
        }

        recent.now = std::min(recent.now + 1, Recent::most);

        if (record.recent.compare_exchange_weak(seen, recent.word())) {
            return true;
        }
    }
}

void note_remote(UseRecord &record, std::int64_t requests,
    std::int64_t now_ms)
{
    std::uint64_t seen = record.recent_remote.load();
    Recent recent;

    do {
        recent = Recent::of(seen, now_ms);
        recent.now = std::min(recent.now + static_cast<std::uint64_t>(
            requests), Recent::most);

    } while (!record.recent_remote.compare_exchange_weak(seen,
        recent.word()));
}

void return_recent(UseRecord &record, std::int64_t at_ms)
{
    std::uint64_t bucket = Recent::bucket_at(at_ms);
    std::uint64_t seen = record.recent.load();
    Recent recent;

    do {
        recent = Recent::of(seen);

        if (recent.bucket > bucket + 1 || recent.sum() == 0) {
            return;
        }

        bool earlier = recent.bucket > bucket;
        auto &count = (earlier && recent.before != 0) || recent.now == 0
            ? recent.before : recent.now;
        --count;

    } while (!record.recent.compare_exchange_weak(seen, recent.word()));
}

/// Workers that came at the same moment may each have missed what another had
/// in one word but not yet in the other. Looked at again when all is counted:
/// of those that pass, the last has seen all others.
bool within_part(const UseRecord &record, const Asked &asked)
{
    if (!shares_requests(asked.limits, asked.share)) {
        return true;
    }

    Lately lately = Lately::of(record, asked.now_ms);

    return lately.ours.sum() <= part_of(record, asked.limits, lately,
               asked.share, asked.now_ms).size;
}

bool take(MinuteWindow &window, std::int64_t amount, std::int64_t limit,
    std::int64_t now_ms)
{
    if (limit > 0) {
        return take_minute(window, amount, limit, now_ms);
    }

    window.add(now_ms, amount);
    return true;
}

bool take(DayCount &day, std::int64_t amount, std::int64_t limit,
    std::int64_t now_ms)
{
    if (limit > 0) {
        return take_day(day, amount, limit, now_ms);
    }

    day.add(now_ms, amount);
    return true;
}

/// What a request is counted in, one after the other.
constexpr int steps_of_request = 5;

bool take_step(int step, UseRecord &record, const Asked &asked)
{
    const Limits &limits = asked.limits;

    switch (step) {
    case 0:
        return asked.share.count <= 1 || take_recent(record, asked);
    case 1:
        return take(record.requests_minute, 1, limits.rpm, asked.now_ms);
    case 2:
        return take(record.requests_day, 1, limits.rpd, asked.now_ms);
    case 3:
        return take(record.tokens_minute, asked.tokens, limits.tpm,
            asked.now_ms);
    default:
        return take(record.tokens_day, asked.tokens, limits.tpd,
            asked.now_ms);
    }
}

void undo_step(int step, UseRecord &record, const Asked &asked)
{
    switch (step) {
    case 0:
        if (asked.share.count > 1) {
            return_recent(record, asked.now_ms);
        }

        break;

    case 1:
        record.requests_minute.add(asked.now_ms, -1);
        break;

    case 2:
        record.requests_day.add(asked.now_ms, -1);
        break;

    case 3:
        record.tokens_minute.add(asked.now_ms, -asked.tokens);
        break;

    default:
        record.tokens_day.add(asked.now_ms, -asked.tokens);
    }
}

/// false: the moment belongs to a day that is over, and nothing is counted:
/// neither today's total nor what other hosts hear of it is to change.
bool add_on_day(DayCount &day, std::int64_t at_ms, std::int64_t amount)
{
    std::uint64_t then = day_at(at_ms);
    std::uint64_t seen = day.word.load();
    InDay counted{};

    do {
        counted = in_day(seen, then);

        if (counted.period != then) {
            return false;
        }

        counted.add(amount);

    } while (!day.word.compare_exchange_weak(seen, counted.word()));

    return true;
}

/// What others take back was counted here in slots before this one, too: the
/// newest first.
void take_out(MinuteWindow &window, std::int64_t now_ms, std::int64_t amount)
{
    std::uint64_t now = slot_at(now_ms);

    for (std::uint64_t back = 0;
         back < MinuteWindow::slots && back <= now && amount > 0; ++back)
    {
        std::uint64_t period = now - back;
        Word &word = window.slot[period % MinuteWindow::slots];
        std::uint64_t seen = word.load();
        std::int64_t taken = 0;
        InSlot counted{};

        do {
            counted = InSlot::of(seen);
            taken = counted.period == period
                ? std::min(counted.count, amount) : 0;
            counted.add(-taken);

        } while (taken != 0
                 && !word.compare_exchange_weak(seen, counted.word()));

        amount -= taken;
    }
}

void add_remote_to(MinuteWindow &minute, DayCount &day, std::int64_t amount,
    std::int64_t now_ms)
{
    if (amount > 0) {
        minute.add(now_ms, amount);

    } else {
        take_out(minute, now_ms, -amount);
    }

    day.add(now_ms, amount);
}

void raise_to(DayCount &day, std::uint64_t today, std::int64_t total)
{
    std::uint64_t seen = day.word.load();
    InDay counted{};

    do {
        counted = in_day(seen, today);

        if (counted.period != today || counted.count >= total) {
            return;
        }

        counted.count = 0;
        counted.add(total);

    } while (!day.word.compare_exchange_weak(seen, counted.word()));
}

std::uint32_t part_used(std::int64_t used, std::int64_t limit)
{
    constexpr std::int64_t whole = 1000000;

    return used >= limit ? static_cast<std::uint32_t>(whole)
        : static_cast<std::uint32_t>(static_cast<double>(used)
            / static_cast<double>(limit) * static_cast<double>(whole));
}

}

std::uint64_t pack(const Learned &learned)
{
    auto value = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(learned.value, 0, most_learned));
    auto minutes = static_cast<std::uint64_t>(
        std::max<std::int64_t>(learned.since_ms, 0) / minute_ms);

    return minutes << learned_value_bits | value;
}

Learned unpack_learned(std::uint64_t word)
{
    Learned learned;
    learned.value = static_cast<std::int64_t>(
        word & static_cast<std::uint64_t>(most_learned));
    learned.since_ms = static_cast<std::int64_t>(word >> learned_value_bits)
        * minute_ms;

    return learned;
}

HostShare HostShare::of(std::uint64_t header_word)
{
    HostShare share;
    share.count = static_cast<std::uint32_t>(header_word >> 32);
    share.rank = static_cast<std::uint32_t>(header_word);

    if (share.count == 0 || share.rank >= share.count) {
        return HostShare{};
    }

    return share;
}

std::uint64_t HostShare::word() const
{
    return static_cast<std::uint64_t>(count) << 32 | rank;
}

Limits known_limits(const UseRecord *record, const Limits &configured,
    std::int64_t now_ms)
{
    Limits limits = configured;

    if (record == nullptr) {
        return limits;
    }

    std::int64_t *all[quantities] = {
        &limits.rpm, &limits.rpd, &limits.tpm, &limits.tpd
    };

    for (std::size_t i = 0; i < quantities; ++i) {
        std::uint64_t word = record->learned[i].load(
            std::memory_order_relaxed);

        if (word == 0) {
            continue;
        }

        Learned learned = unpack_learned(word);

        if (learned.value > 0
            && now_ms - learned.since_ms < Learned::holds_ms
            && (*all[i] == 0 || learned.value < *all[i]))
        {
            *all[i] = learned.value;
        }
    }

    return limits;
}

QuotaStanding quota_standing(const UseRecord *record, const Limits &limits,
    std::int64_t tokens, HostShare share, std::int64_t now_ms)
{
    QuotaStanding standing;

    if (record == nullptr || !limits.any()) {
        return standing;
    }

    auto close = [&standing](Quantity over, std::int64_t back_at_ms) {
        if (standing.open || back_at_ms > standing.back_at_ms) {
            standing.over = over;
            standing.back_at_ms = back_at_ms;
        }

        standing.open = false;
    };

    auto note = [&standing](std::int64_t used, std::int64_t limit) {
        standing.used = std::max(standing.used, part_used(used, limit));
    };

    if (limits.rpm > 0) {
        std::int64_t used = record->requests_minute.sum(now_ms);

        note(used, limits.rpm);

        if (used >= limits.rpm) {
            close(Quantity::rpm, now_ms
                + record->requests_minute.wait_for(now_ms, limits.rpm - 1));
        }
    }

    if (limits.tpm > 0) {
        std::int64_t used = record->tokens_minute.sum(now_ms);

        note(used, limits.tpm);

        if (!has_room(used, tokens, limits.tpm)) {
            std::int64_t room = std::max<std::int64_t>(
                limits.tpm - std::max<std::int64_t>(tokens, 1), 0);
            close(Quantity::tpm,
                now_ms + record->tokens_minute.wait_for(now_ms, room));
        }
    }

    if (limits.rpd > 0) {
        std::int64_t used = record->requests_day.sum(now_ms);

        note(used, limits.rpd);

        if (used >= limits.rpd) {
            close(Quantity::rpd, next_pacific_midnight(now_ms));
        }
    }

    if (limits.tpd > 0) {
        std::int64_t used = record->tokens_day.sum(now_ms);

        note(used, limits.tpd);

        if (!has_room(used, tokens, limits.tpd)) {
            close(Quantity::tpd, next_pacific_midnight(now_ms));
        }
    }

    if (standing.open && shares_requests(limits, share)) {
        Lately lately = Lately::of(*record, now_ms);
        Part part = part_of(*record, limits, lately, share, now_ms);

        if (lately.ours.sum() >= part.size) {
            close(part.quantity, lately.ours.sum() + lately.theirs.sum() != 0
                ? std::max(lately.ours.end_ms(), now_ms + 1)
                : part.turn_at_ms);
        }
    }

    return standing;
}

bool reserve(UseRecord &record, const Limits &limits, std::int64_t tokens,
    HostShare share, std::int64_t now_ms, Reservation &reservation)
{
    tokens = std::clamp<std::int64_t>(tokens, 0, InSlot::most);

    Asked asked{ limits, tokens, share, now_ms };
    int step = 0;

    while (step < steps_of_request && take_step(step, record, asked)) {
        ++step;
    }

    if (step < steps_of_request || !within_part(record, asked)) {
        while (step > 0) {
            undo_step(--step, record, asked);
        }

        return false;
    }

    record.unsent_requests.fetch_add(1);
    record.unsent_tokens.fetch_add(static_cast<std::uint64_t>(tokens));

    reservation.use_id = record.id.load();
    reservation.tokens = tokens;
    reservation.at_ms = now_ms;

    return true;
}

void settle(UseRecord &record, const Reservation &reservation,
    std::int64_t tokens)
{
    std::int64_t difference =
        std::clamp<std::int64_t>(tokens, 0, InSlot::most)
        - reservation.tokens;

    if (difference == 0 || record.id.load() != reservation.use_id) {
        return;
    }

    record.tokens_minute.add(reservation.at_ms, difference);

    if (add_on_day(record.tokens_day, reservation.at_ms, difference)) {
        record.unsent_tokens.fetch_add(
            static_cast<std::uint64_t>(difference));
    }
}

void give_back(UseRecord &record, const Reservation &reservation)
{
    if (record.id.load() != reservation.use_id) {
        return;
    }

    return_recent(record, reservation.at_ms);
    record.requests_minute.add(reservation.at_ms, -1);

    if (add_on_day(record.requests_day, reservation.at_ms, -1)) {
        record.unsent_requests.fetch_sub(1);
    }

    settle(record, reservation, 0);
}

bool learn(UseRecord &record, Quantity quantity, std::int64_t value,
    std::int64_t now_ms)
{
    Word &word = record.learned[static_cast<std::size_t>(quantity)];
    std::uint64_t seen = word.load();

    for ( ;; ) {
        Learned before = unpack_learned(seen);
        bool known = before.value == std::min(value, most_learned)
            && now_ms - before.since_ms < Learned::holds_ms;
        // Told by a host whose clock is ahead: it must not get older.
        Learned next{ value, std::max(now_ms, before.since_ms) };

        if (word.compare_exchange_weak(seen, pack(next))) {
            return !known;
        }
    }
}

void add_remote(UseRecord &record, std::int64_t requests, std::int64_t tokens,
    std::int64_t now_ms)
{
    if (requests > 0) {
        note_remote(record, requests, now_ms);
    }

    if (requests != 0) {
        add_remote_to(record.requests_minute, record.requests_day, requests,
            now_ms);
    }

    if (tokens != 0) {
        add_remote_to(record.tokens_minute, record.tokens_day, tokens,
            now_ms);
    }
}

void raise_day(UseRecord &record, std::int64_t day, std::int64_t requests,
    std::int64_t tokens, std::int64_t now_ms)
{
    if (day != pacific_day(now_ms)) {
        return;
    }

    raise_to(record.requests_day, day_at(now_ms), requests);
    raise_to(record.tokens_day, day_at(now_ms), tokens);
}

}

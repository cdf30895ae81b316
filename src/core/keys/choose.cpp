// Which credential the next try goes out with. A few candidates are looked
// at, whatever the pool's size; all of them only when those few rest.
#include "core/keys/pool.hpp"

#include "core/base/text.hpp"
#include "core/keys/mix.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

/// 2^64 by the golden section: the step of SplitMix64's sequence.
constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;

/// Lamping and Veach, "A fast, minimal memory, consistent hash algorithm":
/// when a bucket is added, only its own share moves. O(log buckets).
std::size_t jump_hash(std::uint64_t key, std::size_t buckets)
{
    std::int64_t bucket = -1;
    std::int64_t next = 0;

    while (next < static_cast<std::int64_t>(buckets)) {
        bucket = next;
        key = key * 2862933555777941757u + 1;
        next = static_cast<std::int64_t>(
            static_cast<double>(bucket + 1)
            * (static_cast<double>(std::int64_t{1} << 31)
               / static_cast<double>((key >> 33) + 1)));
    }

    return static_cast<std::size_t>(bucket);
}

bool is_quota(FailureClass failure)
{
    return failure == FailureClass::rate_limit
        || failure == FailureClass::daily_quota;
}

}

Pool::Standing Pool::standing(const Credential &credential,
    std::uint64_t model_hash, std::int64_t now_ms) const
{
    Standing standing;

    auto heed = [&standing, now_ms](const Word &word) {
        Rest rest = unpack(word.load(std::memory_order_relaxed));

        if (!rest.active(now_ms)) {
            return false;
        }

        standing.back_at_ms = std::max(standing.back_at_ms, rest.until_ms);
        standing.quota = standing.quota || is_quota(rest.failure);

        return true;
    };

    if (KeyRecord *record = record_of(credential)) {
        if (heed(record->rest)) {
            standing.refused = true;
            return standing;
        }
    }

    if (Cell *cell = cells_.find(
            CellTable::id_of(credential.id, model_hash)))
    {
        heed(cell->rest);
    }

    if (credential.project_id == credential.id) {
        return standing;
    }

    if (Cell *cell = cells_.find(
            CellTable::id_of(credential.project_id, model_hash)))
    {
        heed(cell->rest);
    }

    return standing;
}

/// One call of choose(). Places are positions among the candidates.
class Pool::Search {
public:
    Search(Pool &pool, const Candidates &candidates, const Wanted &wanted)
        : pool_(pool), candidates_(candidates), wanted_(wanted),
          model_hash_(hash64(wanted.model)),
          ticket_(pool.header_->ticket.load(std::memory_order_relaxed) + 1)
    {
    }

    Choice run()
    {
        std::size_t place = nowhere;

        if (pool_.options_.sticky && wanted_.sticky != 0) {
            std::size_t own = jump_hash(wanted_.sticky, candidates_.size());
            place = usable(own) ? own : nowhere;
        }

        if (place == nowhere) {
            place = near();
        }

        if (place == nowhere) {
            place = anywhere();
        }

        if (place != nowhere) {
            choice_.credential = candidates_[place];
            record(place).last_ticket.store(
                pool_.header_->ticket.fetch_add(1) + 1,
                std::memory_order_relaxed);
        }

        return choice_;
    }

private:
    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    const Credential &credential(std::size_t place) const
    {
        return pool_.credentials_[candidates_[place]];
    }

    KeyRecord &record(std::size_t place) const
    {
        return pool_.keys_[credential(place).slot];
    }

    bool small() const { return candidates_.size() <= max_looked_at; }

    Balance balance() const { return pool_.options_.balance; }

    /// Round robin in the configured order: the first usable one is it.
    bool in_order() const
    {
        return balance() == Balance::round_robin && candidates_.even();
    }

    bool tried(std::size_t place) const
    {
        const std::size_t *end = wanted_.tried + wanted_.tried_count;

        return std::find(wanted_.tried, end, candidates_[place]) != end;
    }

    Standing look(std::size_t place)
    {
        ++choice_.looked_at;

        return pool_.standing(credential(place), model_hash_,
            wanted_.now_ms);
    }

    bool usable(std::size_t place)
    {
        return !tried(place) && look(place).back_at_ms == 0;
    }

    std::uint64_t next_turn(std::uint64_t turns = 1)
    {
        return pool_.header_->cursor.fetch_add(turns,
            std::memory_order_relaxed);
    }

    /// Whether to take `place` rather than `best`, by what is remembered of
    /// both.
    bool better(std::size_t place, std::size_t best) const
    {
        std::uint64_t used = last_ticket(place);
        std::uint64_t best_used = last_ticket(best);
        std::uint64_t weight = credential(place).weight;
        std::uint64_t best_weight = credential(best).weight;

        if (balance() == Balance::least_used) {
            std::uint64_t load = requests(place) * best_weight;
            std::uint64_t best_load = requests(best) * weight;

            if (load != best_load) {
                return load < best_load;
            }
        }

        // Never used first, in configured order.
        if (used == 0 || best_used == 0) {
            return best_used != 0;
        }

        return age(used) * weight > age(best_used) * best_weight;
    }

    std::uint64_t last_ticket(std::size_t place) const
    {
        return record(place).last_ticket.load(std::memory_order_relaxed);
    }

    std::uint64_t requests(std::size_t place) const
    {
        return record(place).requests.load(std::memory_order_relaxed);
    }

    /// Measured from the ticket this choice would draw, so that a heavy key
    /// may be chosen twice in a row; its share is then that of its weight but
    /// for rounding. Another worker may have drawn tickets since.
    std::uint64_t age(std::uint64_t ticket) const
    {
        return ticket_ > ticket ? ticket_ - ticket : 0;
    }

    /// Among at most max_looked_at.
    std::size_t near()
    {
        switch (balance()) {

        case Balance::round_robin:
            return candidates_.even() ? by_window() : by_turns();

        case Balance::random:
            // Of few, anywhere() draws among the usable ones at once.
            return small() ? nowhere : by_chance();

        case Balance::headroom:
        case Balance::least_used:
            break;
        }

        return by_window();
    }

    /// A window that moves on by one with each request, so that every
    /// candidate comes into view as often as any other.
    std::size_t by_window()
    {
        if (in_order() || !small()) {
            start_ = candidates_.by_turn(next_turn());
        }

        std::size_t size = std::min(candidates_.size(), max_looked_at);
        std::size_t best = nowhere;

        for (std::size_t i = 0; i < size; ++i) {
            std::size_t place = at(i);

            if (!usable(place)) {
                continue;
            }

            if (in_order()) {
                skip(i);
                return place;
            }

            if (best == nowhere || better(place, best)) {
                best = place;
            }
        }

        return best;
    }

    std::size_t by_turns()
    {
        for (std::size_t i = 0; i < max_looked_at; ++i) {
            std::size_t place = candidates_.by_turn(next_turn());

            if (usable(place)) {
                return place;
            }
        }

        return nowhere;
    }

    std::size_t by_chance()
    {
        for (std::size_t i = 0; i < max_looked_at; ++i) {
            std::size_t place = candidates_.by_chance(
                mix(wanted_.random + i * golden));

            if (usable(place)) {
                return place;
            }
        }

        return nowhere;
    }

    /// The best of all; or why there is none.
    std::size_t anywhere()
    {
        std::size_t best = nowhere;
        std::uint64_t weight = 0;
        bool all_tried = false;
        bool all_refused = true;
        bool quota = false;

        for (std::size_t i = 0; i < candidates_.size(); ++i) {
            std::size_t place = at(i);
            Standing standing = look(place);

            if (standing.back_at_ms != 0) {
                all_refused = all_refused && standing.refused;
                quota = quota || standing.quota;
                note_end(standing.back_at_ms);
                continue;
            }

            if (tried(place)) {
                all_tried = true;
                continue;
            }

            if (best == nowhere) {
                best = place;
                skip(i);

                if (in_order()) {
                    break;
                }
            }

            if (balance() == Balance::random) {
                weight += credential(place).weight;

                if (mix(wanted_.random + i * golden) % weight
                    < credential(place).weight)
                {
                    best = place;
                }

            } else if (place != best && better(place, best)) {
                best = place;
            }
        }

        if (best != nowhere) {
            choice_.back_at_ms = 0;

        } else if (all_tried) {
            choice_.shortage = Shortage::all_tried;
            choice_.back_at_ms = 0;

        } else if (quota) {
            choice_.shortage = Shortage::resting_on_quota;

        } else {
            choice_.shortage = all_refused
                ? Shortage::all_invalid : Shortage::resting;
        }

        return best;
    }

    std::size_t at(std::size_t distance) const
    {
        return (start_ + distance) % candidates_.size();
    }

    /// The turns of those that rest are over too. Else the first one behind a
    /// row of resting ones would get all of their turns.
    void skip(std::size_t candidates)
    {
        if (candidates != 0 && (in_order() || !small())) {
            next_turn(candidates);
        }
    }

    void note_end(std::int64_t end_ms)
    {
        if (end_ms != no_end_ms
            && (choice_.back_at_ms == 0 || end_ms < choice_.back_at_ms))
        {
            choice_.back_at_ms = end_ms;
        }
    }

    Pool &pool_;
    const Candidates &candidates_;
    const Wanted &wanted_;
    std::uint64_t model_hash_;
    std::uint64_t ticket_;
    std::size_t start_ = 0;
    Choice choice_;
};

Choice Pool::choose(const Wanted &wanted)
{
    const Candidates &candidates = candidates_.of(wanted.model,
        credentials_);

    if (candidates.size() == 0) {
        Choice choice;
        choice.shortage = Shortage::no_match;
        return choice;
    }

    return Search(*this, candidates, wanted).run();
}

}

// One call of Pool::choose(). choose.cpp says in which order candidates are
// looked at, look.cpp what is seen of each.
#pragma once

#include "core/keys/pool.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace gw::keys {

/// Places are positions among the candidates. It goes in rounds: a candidate
/// whose quota was lost to another request begins a new one without it.
class Pool::Search {
public:
    Search(Pool &pool, const Candidates &candidates, const Wanted &wanted,
        std::uint64_t model_hash, ModelFacts &facts)
        : pool_(pool), candidates_(candidates), wanted_(wanted),
          facts_(facts), model_hash_(model_hash), share_(pool.share()),
          ticket_(pool.header_->ticket.load(std::memory_order_relaxed) + 1),
          journal_next_(pool.journal_.next()),
          keys_version_(
              pool.header_->keys_version.load(std::memory_order_relaxed))
    {
    }

    Choice run();

private:
    /// Others may take the last of a quota between look and reservation; then
    /// another candidate is looked for, so often.
    static constexpr std::size_t most_lost = Trail::most;

    static constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

    /// What is known of a candidate.
    struct Look {
        std::size_t place = nowhere;
        std::uint64_t use_id = 0;
        QuotaStanding quota;
        Rest rest;                      // the one that ends last
        bool refused = false;           // the key as a whole
        bool on_quota = false;          // a rest is one
        bool no_token = false;          // an account, and it has none

        bool resting() const { return rest.until_ms != 0; }
        bool usable() const
        {
            return !resting() && quota.open && !no_token;
        }
    };

    const Brief &brief(std::size_t place) const
    {
        return pool_.briefs_[candidates_[place]];
    }

    KeyRecord &record(std::size_t place) const
    {
        return pool_.keys_[brief(place).slot];
    }

    std::uint64_t token_id(std::size_t place) const
    {
        return pool_.credentials_[candidates_[place]].token_id;
    }

    bool small() const { return candidates_.size() <= max_looked_at; }

    bool sticky() const
    {
        return pool_.options_.sticky && wanted_.sticky != 0;
    }

    Balance balance() const { return pool_.options_.balance; }

    /// Round robin in the configured order: the first usable one is it.
    bool in_order() const
    {
        return balance() == Balance::round_robin && candidates_.even();
    }

    /// Quotas are of models.
    bool counts() const { return !wanted_.model.empty(); }

    /// Not only some of those for the model: what becomes of it says
    /// something of them all.
    bool of_any() const
    {
        return wanted_.project == 0 && wanted_.apis == gemini::every_api;
    }

    bool tried(std::size_t place) const
    {
        const std::size_t *end = wanted_.tried + wanted_.tried_count;

        return std::find(wanted_.tried, end, candidates_[place]) != end;
    }

    bool lost(std::size_t place) const
    {
        return std::find(lost_, lost_ + lost_count_, place)
            != lost_ + lost_count_;
    }

    std::uint64_t next_turn(std::uint64_t turns = 1)
    {
        return pool_.header_->cursors[model_hash_ % turn_cursors].fetch_add(
            turns, std::memory_order_relaxed);
    }

    std::uint64_t weight_of(std::size_t place) const
    {
        return brief(place).weight;
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

    /// Of a UseRecord: which limits are known, or how much is used too.
    std::size_t looked_into() const
    {
        return facts_.limits.any() ? sizeof(UseRecord)
                                   : offsetof(UseRecord, requests_day);
    }

    // choose.cpp

    /// The client's own key, while it is usable.
    bool own();
    bool any();

    /// What was looked at before is looked at again; only what was lost
    /// stays.
    void begin_round();

    /// Those balances that need no comparison: of some drawn ones the first
    /// that is usable. Of few, walk() draws among the usable ones at once.
    bool draw(Look &best);

    /// One after the other: all of a small pool; of a large one a window that
    /// moves on by one with each request, so that every candidate comes into
    /// view as often as any other. Where most rest it goes on to the first
    /// usable one; without an order, to some more to choose from.
    bool walk(Look &best);
    std::size_t first();

    /// Of a large pool hardly anything is in the cache: all that the next few
    /// looks need is asked for at once.
    void prefetch(std::size_t from, std::size_t count) const;

    /// false: its quota was lost to another request.
    bool take(const Look &best);
    bool reserve_quota(const Brief &key, Step &step);

    /// Nobody was found.
    void report();

    bool still_shut() const;
    void shut();
    void keep() const;

    // look.cpp

    void heed(const Word &word, Look &look) const;
    Look examine(std::size_t place) const;

    /// Whether the candidate may be taken; why not is noted.
    bool look(std::size_t place, Look &look);

    static void describe(const Look &look, Step &step);
    void note_end(std::int64_t end_ms);
    void note_missing_token(const Look &look);

    /// Draws meet the same candidate more than once.
    void note(const Step &step);
    Step *step_of(std::size_t credential);

    /// Should none be usable, the rest that ends soonest.
    void offer(const Look &look);

    /// Whether to take the one rather than the best so far.
    bool better(const Look &one, const Look &best) const;

    Pool &pool_;
    const Candidates &candidates_;
    const Wanted &wanted_;
    ModelFacts &facts_;
    std::uint64_t model_hash_;
    HostShare share_;
    std::uint64_t ticket_;
    std::uint64_t journal_next_;
    std::uint64_t keys_version_;

    // Of the round.
    Look soonest_;
    std::int64_t back_at_ms_ = 0;
    bool on_quota_ = false;
    bool some_tried_ = false;
    bool all_refused_ = true;
    bool all_rest_ = true;
    bool drawing_ = false;

    std::size_t lost_[most_lost] = {};
    std::size_t lost_count_ = 0;
    Choice choice_;
};

}

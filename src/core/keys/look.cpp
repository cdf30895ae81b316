// What stands in a candidate's way: its rests, its quotas, what this request
// had of it before; and which of two is the better one.
#include "core/keys/search.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

bool is_quota(FailureClass failure)
{
    return failure == FailureClass::rate_limit
        || failure == FailureClass::daily_quota;
}

Why why_over(Quantity quantity)
{
    switch (quantity) {

    case Quantity::rpm:
        return Why::over_rpm;

    case Quantity::rpd:
        return Why::over_rpd;

    case Quantity::tpm:
        return Why::over_tpm;

    case Quantity::tpd:
        break;
    }

    return Why::over_tpd;
}

}

void Pool::Search::heed(const Word &word, Look &look) const
{
    Rest rest = unpack(word.load(std::memory_order_relaxed));

    if (!rest.active(wanted_.now_ms)) {
        return;
    }

    look.on_quota = look.on_quota || is_quota(rest.failure);

    if (rest.until_ms > look.rest.until_ms) {
        look.rest = rest;
    }
}

auto Pool::Search::examine(std::size_t place) const -> Look
{
    const Brief &key = brief(place);
    Look look;
    look.place = place;

    const KeyRecord &record = pool_.keys_[key.slot];

    // Unless a later configuration has given the slot away.
    if (record.id.load(std::memory_order_acquire) == key.id) {
        heed(record.rest, look);

        if (look.resting()) {
            look.refused = true;
            return look;
        }
    }

    if (key.token != 0) {
        look.no_token = !pool_.tokens_.usable(key.token - 1u,
            token_id(place), wanted_.now_ms);
    }

    look.use_id = CellTable::id_of(key.project_id, model_hash_);

    if (const Cell *cell = pool_.cells_.find(look.use_id)) {
        heed(cell->rest, look);
    }

    if (key.project_id != key.id) {
        if (const Cell *cell = pool_.cells_.find(
                CellTable::id_of(key.id, model_hash_)))
        {
            heed(cell->rest, look);
        }
    }

    if (!counts()) {
        return look;
    }

    const UseRecord *use = pool_.uses_.find(look.use_id);
    Limits limits = known_limits(use, facts_.limits, wanted_.now_ms);

    if (limits.any()) {
        look.quota = quota_standing(use, limits, wanted_.tokens, share_,
            wanted_.now_ms);
    }

    return look;
}

bool Pool::Search::look(std::size_t place, Look &look)
{
    ++choice_.looked_at;
    look = examine(place);

    bool before = tried(place);
    Step step;
    step.credential = static_cast<std::uint32_t>(candidates_[place]);
    step.why = Why::passed_over;

    if (!look.usable()) {
        describe(look, step);
        all_refused_ = all_refused_ && look.refused;
        all_rest_ = all_rest_ && look.resting();
        on_quota_ = on_quota_ || look.on_quota || !look.quota.open;
        note_end(std::max(look.rest.until_ms, look.quota.back_at_ms));
        note_missing_token(look);

        if (wanted_.soonest && !before) {
            offer(look);
        }

    } else {
        all_rest_ = false;
        all_refused_ = false;
    }

    if (before) {
        step.why = Why::tried;
        some_tried_ = some_tried_ || look.usable();
    }

    if (lost_count_ != 0 && lost(place)) {
        // It stands in the trail. Where others still try to take the last
        // of it, what they leave is known in a moment.
        on_quota_ = true;
        note_end(wanted_.now_ms + min_rest_ms);
        return false;
    }

    note(step);

    return !before && look.usable();
}

void Pool::Search::describe(const Look &look, Step &step)
{
    if (look.resting()) {
        step.why = Why::resting;
        step.failure = look.rest.failure;
        step.back_at_ms = look.rest.until_ms;

    } else if (look.quota.open) {
        step.why = Why::no_token;

    } else {
        step.why = why_over(look.quota.over);
        step.back_at_ms = look.quota.back_at_ms;
    }
}

/// Only where nothing else stands in the account's way.
void Pool::Search::note_missing_token(const Look &look)
{
    if (!look.no_token || look.resting() || !look.quota.open) {
        return;
    }

    if (choice_.without_token.empty()) {
        choice_.without_token
            = pool_.credentials_[candidates_[look.place]].name;
    }

    choice_.token_coming = choice_.token_coming
        || pool_.tokens_.coming(brief(look.place).token - 1u,
               token_id(look.place));
}

void Pool::Search::note_end(std::int64_t end_ms)
{
    if (end_ms > wanted_.now_ms && end_ms != no_end_ms
        && (back_at_ms_ == 0 || end_ms < back_at_ms_))
    {
        back_at_ms_ = end_ms;
    }
}

void Pool::Search::note(const Step &step)
{
    if (drawing_ && step_of(step.credential) != nullptr) {
        return;
    }

    choice_.trail.add(step);
}

Step *Pool::Search::step_of(std::size_t credential)
{
    Step *end = choice_.trail.steps + choice_.trail.count;
    Step *step = std::find_if(choice_.trail.steps, end,
        [credential](const Step &one) {
            return one.credential == credential;
        });

    return step != end ? step : nullptr;
}

void Pool::Search::offer(const Look &look)
{
    if (look.refused || look.no_token || !look.resting() || !look.quota.open
        || look.rest.until_ms == no_end_ms || lost(look.place))
    {
        return;
    }

    if (soonest_.place == nowhere
        || look.rest.until_ms < soonest_.rest.until_ms
        || (look.rest.until_ms == soonest_.rest.until_ms
            && better(look, soonest_)))
    {
        soonest_ = look;
    }
}

bool Pool::Search::better(const Look &one, const Look &best) const
{
    std::uint64_t weight = weight_of(one.place);
    std::uint64_t best_weight = weight_of(best.place);

    if (balance() == Balance::headroom) {
        std::uint64_t used = one.quota.used * best_weight;
        std::uint64_t best_used = best.quota.used * weight;

        if (used != best_used) {
            return used < best_used;
        }
    }

    if (balance() == Balance::least_used) {
        std::uint64_t load = requests(one.place) * best_weight;
        std::uint64_t best_load = requests(best.place) * weight;

        if (load != best_load) {
            return load < best_load;
        }
    }

    std::uint64_t ticket = last_ticket(one.place);
    std::uint64_t best_ticket = last_ticket(best.place);

    // Never used first, in configured order.
    if (ticket == 0 || best_ticket == 0) {
        return best_ticket != 0;
    }

    return age(ticket) * weight > age(best_ticket) * best_weight;
}

}

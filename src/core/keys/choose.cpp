// Which credential the next try goes out with. A few candidates are looked
// at, whatever the pool's size; more only when those few cannot be used.
#include "core/keys/search.hpp"

#include "core/base/text.hpp"
#include "core/keys/mix.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

/// 2^64 by the golden section: the step of SplitMix64's sequence.
constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;

/// Usable candidates of a large pool that are compared. Each is a few cache
/// lines that nobody has touched for long, so fewer than max_looked_at.
constexpr std::size_t enough = 8;

/// Two that reserve the last place of a minute in the same moment may both
/// step back from it.
constexpr int reserve_attempts = 3;

/// How long it is believed that all rest. Whatever ends a rest early writes
/// to the journal, unless its worker is killed before it comes to that.
constexpr std::int64_t shut_ms = 1000;

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

}

Choice Pool::Search::run()
{
    if (!wanted_.soonest && of_any() && still_shut()) {
        choice_.shortage = facts_.shut.shortage;
        choice_.back_at_ms = facts_.shut.back_at_ms;
        choice_.trail = facts_.shut.trail;
        keep();

        return choice_;
    }

    if (!(sticky() && own()) && !any()) {
        report();
    }

    keep();

    return choice_;
}

bool Pool::Search::own()
{
    std::size_t place = jump_hash(wanted_.sticky, candidates_.size());
    Look own;

    if (!small()) {
        prefetch(place, 1);
    }

    return look(place, own) && take(own);
}

bool Pool::Search::any()
{
    do {
        begin_round();

        Look best;

        if (!draw(best) && !walk(best)) {
            best = soonest_;
        }

        if (best.place == nowhere) {
            return false;
        }

        if (take(best)) {
            return true;
        }

    } while (lost_count_ < most_lost);

    return false;
}

void Pool::Search::begin_round()
{
    Step *end = choice_.trail.steps + choice_.trail.count;

    choice_.trail.count = static_cast<std::size_t>(
        std::remove_if(choice_.trail.steps, end, [](const Step &step) {
            return step.why != Why::lost;
        }) - choice_.trail.steps);

    soonest_ = Look();
    back_at_ms_ = 0;
    choice_.without_token = {};
    choice_.token_coming = false;
    on_quota_ = false;
    some_tried_ = false;
    all_refused_ = true;
    all_rest_ = true;
}

bool Pool::Search::draw(Look &best)
{
    bool turns = balance() == Balance::round_robin
        && !candidates_.even();
    bool chances = balance() == Balance::random && !small();

    if (!turns && !chances) {
        return false;
    }

    drawing_ = true;

    for (std::size_t i = 0; i < max_looked_at; ++i) {
        std::size_t place = turns ? candidates_.by_turn(next_turn())
            : candidates_.by_chance(mix(wanted_.random + i * golden));

        if (!small()) {
            prefetch(place, 1);
        }

        if (look(place, best)) {
            drawing_ = false;
            return true;
        }
    }

    best = Look();
    drawing_ = false;
    begin_round();

    return false;
}

bool Pool::Search::walk(Look &best)
{
    // What comes after a long gap must not have the turns of the whole gap.
    bool first_will_do = candidates_.even() && balance() != Balance::random;
    std::size_t width = in_order() ? 1 : enough;
    std::size_t start = first();
    std::size_t usable = 0;
    std::size_t skipped = 0;
    std::uint64_t weight = 0;

    for (std::size_t i = 0; i < candidates_.size(); ++i) {

        if (!small()) {
            if (i % enough == 0) {
                prefetch(start + i, width);
            }

            if (usable >= (i < max_looked_at || !first_will_do
                           ? enough : 1))
            {
                break;
            }
        }

        Look one;

        if (!look((start + i) % candidates_.size(), one)) {
            continue;
        }

        if (usable++ == 0) {
            best = one;
            skipped = i;

            if (in_order()) {
                break;
            }
        }

        if (balance() == Balance::random) {
            weight += weight_of(one.place);

            if (mix(wanted_.random + i * golden) % weight
                < weight_of(one.place))
            {
                best = one;
            }

        } else if (one.place != best.place && better(one, best)) {
            best = one;
        }
    }

    // The turns of those that cannot be used are over too. Else the first
    // one behind a row of them would get all of their turns.
    if (skipped != 0
        && (in_order() || (!small() && skipped >= max_looked_at)))
    {
        next_turn(skipped);
    }

    // What comes into view with the next request has time to arrive.
    if (!small() && first_will_do) {
        prefetch(start + skipped + width, 1);
    }

    return usable != 0;
}

std::size_t Pool::Search::first()
{
    if (balance() == Balance::random) {
        return small() ? 0 : candidates_.by_chance(wanted_.random);
    }

    return in_order() || !small() ? candidates_.by_turn(next_turn()) : 0;
}

void Pool::Search::prefetch(std::size_t from, std::size_t count) const
{
    // A single one is as good as taken, and then counted.
    std::size_t bytes = count == 1 ? sizeof(UseRecord) : looked_into();

    for (std::size_t i = 0; i < count; ++i) {
        const Brief &key = brief((from + i) % candidates_.size());
        std::uint64_t id = CellTable::id_of(key.project_id, model_hash_);

        __builtin_prefetch(&pool_.keys_[key.slot]);
        pool_.cells_.prefetch(id);
        pool_.uses_.prefetch(id, bytes);
    }
}

bool Pool::Search::take(const Look &best)
{
    const Brief &key = brief(best.place);
    std::size_t index = candidates_[best.place];
    Step taken;
    taken.credential = static_cast<std::uint32_t>(index);
    taken.failure = best.rest.failure;
    taken.back_at_ms = best.rest.until_ms;

    if (!small()) {
        pool_.uses_.prefetch(best.use_id, sizeof(UseRecord));
    }

    bool reserved = !counts() || reserve_quota(key, taken);

    if (Step *step = step_of(index)) {
        *step = taken;
    } else {
        choice_.trail.add(taken);
    }

    if (!reserved) {
        lost_[lost_count_++] = best.place;
        on_quota_ = true;
        note_end(taken.back_at_ms);
        return false;
    }

    choice_.credential = index;
    record(best.place).last_ticket.store(
        pool_.header_->ticket.fetch_add(1) + 1,
        std::memory_order_relaxed);

    return true;
}

bool Pool::Search::reserve_quota(const Brief &key, Step &step)
{
    UseRecord &use = pool_.uses_.claim(
        CellTable::id_of(key.project_id, model_hash_), key.project_id,
        facts_.index, wanted_.now_ms);
    Limits limits = known_limits(&use, facts_.limits, wanted_.now_ms);
    QuotaStanding quota;

    for (int i = 0; i < reserve_attempts && quota.open; ++i) {

        if (reserve(use, limits, wanted_.tokens, share_, wanted_.now_ms,
                choice_.reservation))
        {
            pool_.uses_.mark(use);
            return true;
        }

        quota = quota_standing(&use, limits, wanted_.tokens, share_,
            wanted_.now_ms);
    }

    step.why = Why::lost;
    step.failure = FailureClass::none;
    step.back_at_ms = quota.back_at_ms;

    return false;
}

void Pool::Search::report()
{
    if (some_tried_) {
        choice_.shortage = Shortage::all_tried;
        return;
    }

    choice_.back_at_ms = back_at_ms_;

    if (on_quota_) {
        choice_.shortage = Shortage::resting_on_quota;

    } else if (!choice_.without_token.empty() && back_at_ms_ == 0) {
        choice_.shortage = Shortage::no_token;

    } else {
        choice_.shortage = all_refused_
            ? Shortage::all_invalid : Shortage::resting;
    }

    if (!small() && of_any() && all_rest_ && lost_count_ == 0) {
        shut();
    }
}

bool Pool::Search::still_shut() const
{
    const Shut &shut = facts_.shut;

    return wanted_.now_ms < shut.until_ms
        && wanted_.now_ms + shut_ms >= shut.until_ms
        && journal_next_ == shut.journal_next
        && keys_version_ == shut.keys_version;
}

void Pool::Search::shut()
{
    Shut &shut = facts_.shut;
    shut.until_ms = wanted_.now_ms + shut_ms;

    if (back_at_ms_ != 0) {
        shut.until_ms = std::min(shut.until_ms, back_at_ms_);
    }

    shut.journal_next = journal_next_;
    shut.keys_version = keys_version_;
    shut.shortage = choice_.shortage;
    shut.back_at_ms = choice_.back_at_ms;
    shut.trail = choice_.trail;
}

void Pool::Search::keep() const
{
    if (!counts()) {
        return;
    }

    std::uint64_t ids[Trail::most];

    for (std::size_t i = 0; i < choice_.trail.count; ++i) {
        ids[i] = pool_.briefs_[choice_.trail.steps[i].credential].id;
    }

    pool_.trails_.keep(wanted_.now_ms, wanted_.request, facts_.index,
        choice_.trail, ids);
}

Pool::ModelFacts &Pool::facts_of(std::string_view model, std::uint64_t hash)
{
    ModelFacts &facts = facts_[hash % facts_.size()];
    std::uint64_t generation = header_->generation.load(
        std::memory_order_relaxed);

    if (facts.hash != hash || facts.generation != generation) {
        facts = ModelFacts();
        facts.hash = hash;
        facts.generation = generation;

        if (!model.empty()) {
            facts.limits = options_.quotas.of(model);
        }
    }

    // Usage goes to other hosts under the model's name, and they must hear of
    // it before the first answer. Of names that clients invent only so many
    // are kept.
    if (facts.index == 0) {
        facts.index = models_.remember_unproven(model);
    }

    return facts;
}

void Pool::refresh_briefs()
{
    std::uint64_t generation = header_->generation.load(
        std::memory_order_relaxed);

    if (briefs_generation_ == generation && briefs_version_ == seen_version_) {
        return;
    }

    briefs_.clear();
    briefs_.reserve(credentials_.size());

    for (const Credential &credential : credentials_) {
        briefs_.push_back({ credential.id, credential.project_id,
            credential.slot, static_cast<std::uint16_t>(credential.weight),
            static_cast<std::uint16_t>(
                credential.account ? credential.token_place + 1 : 0) });
    }

    briefs_generation_ = generation;
    briefs_version_ = seen_version_;
}

Choice Pool::choose(const Wanted &wanted)
{
    refresh(wanted.now_ms);
    refresh_briefs();

    const Candidates &candidates = wanted.project == 0
        ? candidates_.of(wanted.model, wanted.apis, credentials_)
        : candidates_.of_project(wanted.project, wanted.model, wanted.apis,
              credentials_);

    if (candidates.size() == 0) {
        Choice choice;
        choice.shortage = Shortage::no_match;
        return choice;
    }

    std::uint64_t hash = hash64(wanted.model);

    return Search(*this, candidates, wanted, hash,
        facts_of(wanted.model, hash)).run();
}

}

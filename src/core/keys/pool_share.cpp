// What the pool exchanges with other hosts and the state file: values that
// stand by themselves. Of two changes of the same thing the later holds.
#include "core/keys/pool.hpp"

#include "core/base/duration.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

constexpr std::int64_t day_ms = 24 * 3600 * 1000LL;

/// A change from later than this is from a clock that is wrong; it would win
/// over everything until then.
constexpr std::int64_t ahead_ms = 3600 * 1000LL;

constexpr int quantity_shift = 56;

RestChange rest_in(std::uint64_t owner, std::string model, const Word &rest,
    const Word &when)
{
    RestChange change;
    change.owner = owner;
    change.model = std::move(model);
    change.rest = unpack(rest.load());
    change.when_ms = static_cast<std::int64_t>(when.load());

    return change;
}

bool worth_telling(const RestChange &change, std::int64_t now_ms)
{
    return change.when_ms != 0
        && (change.rest.active(now_ms) || now_ms - change.when_ms < day_ms);
}

/// nullopt: nothing is known, or no longer.
std::optional<LearnedLimit> limit_in(const UseRecord &record,
    Quantity quantity, std::int64_t now_ms)
{
    Learned learned = unpack_learned(
        record.learned[static_cast<std::size_t>(quantity)].load());

    if (learned.value == 0 || now_ms - learned.since_ms >= Learned::holds_ms)
    {
        return std::nullopt;
    }

    LearnedLimit limit;
    limit.quantity = quantity;
    limit.value = learned.value;
    limit.when_ms = learned.since_ms;

    return limit;
}

/// Later times only.
void raise(Word &when, std::int64_t when_ms)
{
    auto time = static_cast<std::uint64_t>(when_ms);
    std::uint64_t seen = when.load();

    while (seen < time && !when.compare_exchange_weak(seen, time)) {
    }
}

}

void Pool::tell_limit(std::uint64_t owner, std::uint64_t model,
    Quantity quantity, std::int64_t value, bool remote, std::int64_t now_ms)
{
    // Without a name nobody can be told which model it is.
    if (model == 0) {
        return;
    }

    Event event;
    event.kind = EventKind::limit_learned;
    event.remote = remote;
    event.owner = owner;
    event.model = model;
    event.value = static_cast<std::uint64_t>(quantity) << quantity_shift
        | static_cast<std::uint64_t>(value);
    event.at_ms = now_ms;

    journal_.append(event);
}

bool Pool::keep_resource(const Resource &resource, bool remote,
    std::int64_t now_ms)
{
    if (resource.when_ms > now_ms + ahead_ms
        || !resources_.keep(resource, now_ms))
    {
        return false;
    }

    Event event;
    event.kind = EventKind::resource_kept;
    event.remote = remote;
    event.owner = resource.id;
    event.at_ms = now_ms;

    journal_.append(event);
    return true;
}

std::string Pool::certain_model(std::uint64_t id, std::uint64_t owner,
    std::uint64_t model_index) const
{
    std::string model = models_.name_at(model_index);

    if (!model.empty() && CellTable::id_of(owner, hash64(model)) != id) {
        model.clear();
    }

    return model;
}

KeyRecord *Pool::record_with(std::uint64_t id) const
{
    auto known = by_id_.find(id);

    if (known != by_id_.end()) {
        KeyRecord *record = record_of(credentials_[known->second]);

        if (record != nullptr) {
            return record;
        }
    }

    for (std::uint32_t slot = 0; slot < header_->key_capacity; ++slot) {
        if (id != 0 && keys_[slot].id.load() == id) {
            return &keys_[slot];
        }
    }

    return nullptr;
}

bool Pool::apply_rest(Word &word, Word &when, const RestChange &change)
{
    std::uint64_t packed = change.rest.until_ms != 0 ? pack(change.rest) : 0;
    std::uint64_t seen = word.load();

    do {
        auto known_ms = static_cast<std::int64_t>(when.load());

        if (change.when_ms < known_ms
            || (change.when_ms == known_ms
                && change.rest.until_ms <= unpack(seen).until_ms))
        {
            return false;
        }

    } while (!word.compare_exchange_weak(seen, packed));

    raise(when, change.when_ms);

    return true;
}

bool Pool::apply(const RestChange &change, std::int64_t now_ms)
{
    if (change.when_ms <= 0 || change.when_ms > now_ms + ahead_ms) {
        return false;
    }

    bool active = change.rest.active(now_ms);
    std::uint64_t name = 0;

    if (change.model.empty()) {
        KeyRecord *record = record_with(change.owner);

        if (record == nullptr
            || !apply_rest(record->rest, record->rest_when_ms, change))
        {
            return false;
        }

    } else {
        std::uint64_t id = CellTable::id_of(change.owner,
            hash64(change.model));
        Cell *cell = cells_.find(id);

        if (cell == nullptr && active) {
            cell = cells_.claim(id, now_ms);

            if (cell == nullptr) {
                header_->cells_lost.fetch_add(1, std::memory_order_relaxed);
            }
        }

        if (cell == nullptr) {
            return false;
        }

        name = models_.remember(change.model);
        cell->owner.store(change.owner);
        cell->model.store(name);

        // Should another model take over the cell at this very moment, it
        // gets a rest that is not its own. It ends by itself.
        if (!apply_rest(cell->rest, cell->rest_when_ms, change)) {
            return false;
        }

        if (name == 0) {
            return true;
        }
    }

    if (active || change.rest.until_ms == 0) {
        tell(active ? EventKind::rested : EventKind::reset, change.owner,
            name, change.rest, true, now_ms);
    }

    return true;
}

bool Pool::apply(const LearnedLimit &limit, std::int64_t now_ms)
{
    if (limit.model.empty() || limit.value <= 0 || limit.when_ms <= 0
        || limit.when_ms > now_ms + ahead_ms
        || now_ms - limit.when_ms >= Learned::holds_ms)
    {
        return false;
    }

    UseRecord &record = use_of(limit.owner, limit.model, now_ms);
    Word &word = record.learned[static_cast<std::size_t>(limit.quantity)];

    // As it will be read back: the time is kept to the minute.
    std::uint64_t packed = pack(Learned{limit.value, limit.when_ms});
    Learned learned = unpack_learned(packed);
    std::uint64_t seen = word.load();

    do {
        if (unpack_learned(seen).since_ms >= learned.since_ms) {
            return false;
        }

    } while (!word.compare_exchange_weak(seen, packed));

    if (unpack_learned(seen).value != learned.value) {
        tell_limit(limit.owner, record.model.load(), limit.quantity,
            learned.value, true, now_ms);
    }

    return true;
}

void Pool::apply(const UseDelta &use, std::int64_t now_ms)
{
    if (!use.model.empty()) {
        add_remote(use_of(use.owner, use.model, now_ms), use.requests,
            use.tokens, now_ms);
    }
}

void Pool::apply(const UseTotal &total, std::int64_t now_ms)
{
    if (!total.model.empty() && total.day == pacific_day(now_ms)) {
        raise_day(use_of(total.owner, total.model, now_ms), total.day,
            total.requests, total.tokens, now_ms);
    }
}

std::vector<RestChange> Pool::rests(std::int64_t now_ms) const
{
    std::vector<RestChange> changes;

    auto add = [&](RestChange &&change) {
        if (worth_telling(change, now_ms)) {
            changes.push_back(std::move(change));
        }
    };

    for (std::uint32_t slot = 0; slot < header_->key_capacity; ++slot) {
        const KeyRecord &record = keys_[slot];

        if (std::uint64_t id = record.id.load()) {
            add(rest_in(id, {}, record.rest, record.rest_when_ms));
        }
    }

    for (const Cell &cell : cells_) {
        std::uint64_t owner = cell.owner.load();
        std::string model = certain_model(cell.id.load(), owner,
            cell.model.load());

        if (!model.empty()) {
            add(rest_in(owner, std::move(model), cell.rest,
                cell.rest_when_ms));
        }
    }

    return changes;
}

std::vector<LearnedLimit> Pool::learned(std::int64_t now_ms) const
{
    std::vector<LearnedLimit> limits;

    for (const UseRecord &record : uses_) {
        std::uint64_t owner = record.owner.load();
        std::string model = certain_model(record.id.load(), owner,
            record.model.load());

        for (std::size_t i = 0; !model.empty() && i < quantities; ++i) {
            std::optional<LearnedLimit> limit = limit_in(record,
                static_cast<Quantity>(i), now_ms);

            if (limit) {
                limit->owner = owner;
                limit->model = model;
                limits.push_back(std::move(*limit));
            }
        }
    }

    return limits;
}

std::vector<UseTotal> Pool::totals(std::int64_t now_ms) const
{
    std::vector<UseTotal> totals;

    for (const UseRecord &record : uses_) {
        UseTotal total;
        total.owner = record.owner.load();
        total.day = pacific_day(now_ms);
        total.requests = record.requests_day.sum(now_ms);
        total.tokens = record.tokens_day.sum(now_ms);

        if (total.requests == 0 && total.tokens == 0) {
            continue;
        }

        total.model = certain_model(record.id.load(), total.owner,
            record.model.load());

        if (!total.model.empty()) {
            totals.push_back(std::move(total));
        }
    }

    return totals;
}

std::vector<KeyChange> Pool::key_changes() const
{
    std::vector<KeyChange> changes;

    for (std::size_t i = 0; i < added_.capacity(); ++i) {
        if (std::optional<KeyChange> change = added_.at(i)) {
            changes.push_back(std::move(*change));
        }
    }

    return changes;
}

std::optional<RestChange> Pool::rest_of(const Event &event) const
{
    if (event.kind != EventKind::rested && event.kind != EventKind::woke
        && event.kind != EventKind::reset)
    {
        return std::nullopt;
    }

    RestChange change;

    if (event.model == 0) {
        const KeyRecord *record = record_with(event.owner);

        if (record == nullptr) {
            return std::nullopt;
        }

        change = rest_in(event.owner, {}, record->rest,
            record->rest_when_ms);

    } else {
        std::string model = models_.name_at(event.model);
        const Cell *cell = cells_.find(
            CellTable::id_of(event.owner, hash64(model)));

        if (model.empty() || cell == nullptr) {
            return std::nullopt;
        }

        change = rest_in(event.owner, std::move(model), cell->rest,
            cell->rest_when_ms);
    }

    if (change.when_ms == 0) {
        return std::nullopt;
    }

    return change;
}

std::optional<LearnedLimit> Pool::limit_of(const Event &event) const
{
    std::uint64_t quantity = event.value >> quantity_shift;
    std::string model = models_.name_at(event.model);

    if (event.kind != EventKind::limit_learned || quantity >= quantities
        || model.empty())
    {
        return std::nullopt;
    }

    const UseRecord *record = uses_.find(
        CellTable::id_of(event.owner, hash64(model)));

    if (record == nullptr) {
        return std::nullopt;
    }

    std::optional<LearnedLimit> limit = limit_in(*record,
        static_cast<Quantity>(quantity), event.at_ms);

    if (limit) {
        limit->owner = event.owner;
        limit->model = std::move(model);
    }

    return limit;
}

std::optional<KeyChange> Pool::key_of(const Event &event) const
{
    if (event.kind != EventKind::key_added
        && event.kind != EventKind::key_changed
        && event.kind != EventKind::key_removed)
    {
        return std::nullopt;
    }

    return added_.find(event.owner);
}

std::vector<UseDelta> Pool::take_unsent()
{
    std::vector<UseDelta> uses;

    uses_.for_each_marked([&](UseRecord &record) {
        UseDelta use;
        use.owner = record.owner.load();
        use.model = certain_model(record.id.load(), use.owner,
            record.model.load());
        use.requests = static_cast<std::int64_t>(
            record.unsent_requests.exchange(0));
        use.tokens = static_cast<std::int64_t>(
            record.unsent_tokens.exchange(0));

        if (!use.model.empty() && (use.requests != 0 || use.tokens != 0)) {
            uses.push_back(std::move(use));
        }
    });

    return uses;
}

void Pool::return_unsent(const std::vector<UseDelta> &uses)
{
    for (const UseDelta &use : uses) {
        UseRecord *record = uses_.find(
            CellTable::id_of(use.owner, hash64(use.model)));

        if (record != nullptr) {
            record->unsent_requests.fetch_add(
                static_cast<std::uint64_t>(use.requests));
            record->unsent_tokens.fetch_add(
                static_cast<std::uint64_t>(use.tokens));
            uses_.mark(*record);
        }
    }
}

}

// Where a (project, model) is counted. Places are claimed by compare-and-swap
// on the id, and taken from who was unused for longest.
#include "core/keys/use.hpp"

#include <algorithm>
#include <cstddef>

namespace gw::keys {

namespace {

/// The id of a record on its way from one owner to another. Nobody finds it,
/// and whoever needs a place may finish what a dead worker has begun.
constexpr std::uint64_t on_its_way = ~std::uint64_t{0};

/// Every word that says something of the owner.
constexpr std::size_t owned_words = sizeof(UseRecord) / sizeof(Word) - 2;

Word &owned_word(UseRecord &record, std::size_t i)
{
    // All but the id and last_used_ms: first, and fourth.
    static_assert(offsetof(UseRecord, id) == 0);
    static_assert(offsetof(UseRecord, last_used_ms) == 3 * sizeof(Word));

    return reinterpret_cast<Word *>(&record)[i < 2 ? i + 1 : i + 2];
}

/// false: somebody else has brought it home.
bool clear(UseRecord &record)
{
    for (std::size_t i = 0; i < owned_words; ++i) {
        Word &word = owned_word(record, i);
        std::uint64_t seen = word.load();

        do {
            if (record.id.load() != on_its_way) {
                return false;
            }

        } while (seen != 0 && !word.compare_exchange_weak(seen, 0));
    }

    return true;
}

/// The record is another's from now on, with nothing counted. A worker killed
/// on the way leaves one that nobody finds. false: somebody else took it.
bool take_over(UseRecord &record, std::uint64_t from, std::uint64_t to,
    std::uint64_t now)
{
    if (from != on_its_way
        && !record.id.compare_exchange_strong(from, on_its_way))
    {
        return false;
    }

    if (!clear(record)) {
        return false;
    }

    // Before it is found: it is not the oldest any more.
    record.last_used_ms.store(now, std::memory_order_relaxed);
    from = on_its_way;

    return record.id.compare_exchange_strong(from, to);
}

/// How far from its own place a record may lie.
constexpr std::size_t reach = 32;

/// How exact "unused for longest" is; a busy record's line is not written by
/// every request for it.
constexpr std::uint64_t touch_every_ms = 1000;

}

UseRecord *UseTable::find(std::uint64_t id) const
{
    std::size_t steps = std::min(reach, capacity_);

    for (std::size_t i = 0; i < steps; ++i) {
        UseRecord &record = at(id, i);
        std::uint64_t holder = record.id.load(std::memory_order_acquire);

        if (holder == id) {
            return &record;
        }

        if (holder == 0) {
            return nullptr;
        }
    }

    return nullptr;
}

UseRecord &UseTable::place_of(std::uint64_t id, std::int64_t now_ms)
{
    auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms, 0));
    std::size_t steps = std::min(reach, capacity_);

    for ( ;; ) {
        // The nearest place if two workers have claimed one each.
        if (UseRecord *record = find(id)) {
            return *record;
        }

        UseRecord *place = nullptr;
        std::uint64_t holder = 0;
        std::uint64_t used = 0;

        for (std::size_t i = 0; i < steps; ++i) {
            UseRecord &record = at(id, i);
            std::uint64_t other = record.id.load();
            std::uint64_t last = record.last_used_ms.load(
                std::memory_order_relaxed);

            if (place == nullptr || other == 0 || other == on_its_way
                || last < used)
            {
                place = &record;
                holder = other;
                used = last;
            }

            // All who look for a place at once take the same one, and who
            // loses it looks again: the winner may have wanted the same id.
            if (other == 0 || other == on_its_way) {
                break;
            }
        }

        if (holder == 0) {
            place->last_used_ms.store(now, std::memory_order_relaxed);
            place->id.compare_exchange_strong(holder, id);

        } else {
            take_over(*place, holder, id, now);
        }
    }
}

UseRecord &UseTable::claim(std::uint64_t id, std::uint64_t owner,
    std::uint64_t model_index, std::int64_t now_ms)
{
    auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_ms, 0));
    UseRecord &record = place_of(id, now_ms);

    // Each time, because whoever claimed it may have died before it got here.
    if (record.owner.load(std::memory_order_relaxed) != owner) {
        record.owner.store(owner);
    }

    if (model_index != 0
        && record.model.load(std::memory_order_relaxed) != model_index)
    {
        record.model.store(model_index);
    }

    if (record.last_used_ms.load(std::memory_order_relaxed) + touch_every_ms
        <= now)
    {
        record.last_used_ms.store(now, std::memory_order_relaxed);
    }

    return record;
}

std::vector<const UseRecord *> UseTable::by_last_use() const
{
    std::vector<const UseRecord *> used;

    for (const UseRecord &record : *this) {
        std::uint64_t id = record.id.load();

        if (id != 0 && id != on_its_way) {
            used.push_back(&record);
        }
    }

    std::stable_sort(used.begin(), used.end(),
        [](const UseRecord *a, const UseRecord *b) {
            return a->last_used_ms.load() < b->last_used_ms.load();
        });

    return used;
}

void UseTable::copy(const UseRecord &record, std::uint64_t model_index)
{
    UseRecord &place = claim(record.id.load(), record.owner.load(),
        model_index, static_cast<std::int64_t>(record.last_used_ms.load()));

    for (std::size_t i = 0; i < owned_words; ++i) {
        owned_word(place, i).store(
            owned_word(const_cast<UseRecord &>(record), i).load());
    }

    place.model.store(model_index);
    mark(place);
}

void UseTable::mark(const UseRecord &record)
{
    auto place = static_cast<std::size_t>(&record - records_);
    std::uint64_t bit = std::uint64_t{1} << place % 64;
    Word &word = dirty_[place / 64];

    // In one order with what was counted before: whoever unmarks it at this
    // moment takes that along.
    if ((word.load() & bit) == 0) {
        word.fetch_or(bit);
    }
}

}

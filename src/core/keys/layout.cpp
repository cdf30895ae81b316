// How large a pool's shared memory is, how it is put in order, and how its
// content moves to memory of another size.
#include "core/keys/cells.hpp"
#include "core/keys/pool.hpp"
#include "core/keys/regions.hpp"
#include "core/keys/wipe.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <vector>

namespace gw::keys {

// Nothing here has a constructor that does more than zeroes already do, and
// each part keeps the alignment of the next.
template <typename Record>
constexpr bool fit_for_shared_memory = std::is_standard_layout_v<Record>
    && std::is_trivially_destructible_v<Record>;

static_assert(fit_for_shared_memory<Header>
              && fit_for_shared_memory<KeyRecord>
              && fit_for_shared_memory<Cell>
              && fit_for_shared_memory<ModelName>
              && fit_for_shared_memory<LimitRecord>
              && fit_for_shared_memory<UseRecord>
              && fit_for_shared_memory<AddedRecord>
              && fit_for_shared_memory<ResourceRecord>
              && fit_for_shared_memory<JournalEntry>
              && fit_for_shared_memory<TrailRecord>
              && fit_for_shared_memory<SeriesRecord>
              && fit_for_shared_memory<Histograms>
              && fit_for_shared_memory<TokenRecord>);
static_assert(sizeof(Header) % 64 == 0 && sizeof(KeyRecord) % 64 == 0
              && sizeof(Cell) % 64 == 0 && sizeof(ModelName) % 64 == 0
              && sizeof(LimitRecord) % 64 == 0 && sizeof(UseRecord) % 64 == 0
              && sizeof(AddedRecord) % 64 == 0
              && sizeof(ResourceRecord) % 64 == 0
              && sizeof(JournalEntry) % 64 == 0
              && sizeof(TrailRecord) % 64 == 0
              && 4 * sizeof(SeriesRecord) % 64 == 0
              && sizeof(Histograms) % 64 == 0
              && sizeof(TokenRecord) % 64 == 0);

namespace {

constexpr std::uint32_t least_keys = 64;
constexpr std::uint32_t most_keys = 1u << 24;

/// How richly the parts around the keys are measured. Tried from the richest
/// to the poorest when the size is given.
struct Profile {
    std::uint32_t cells_per_key;
    std::uint32_t least_cells;
    std::uint32_t quarter_uses_per_key;
    std::uint32_t least_uses;
    std::uint32_t keys_per_added;
    std::uint32_t least_added;
    std::uint32_t models;
    std::uint32_t limits;
    std::uint32_t events;
    std::uint32_t trails;
    std::uint32_t series;
    std::uint32_t resources;
    std::uint32_t least_tokens;
};

constexpr Profile profiles[] = {
    { 8, 1024, 16, 4096, 8, 1024, 256, 4096, 4096, 64, 4096, 16384, 32 },
    { 4, 512, 8, 512, 8, 128, 128, 1024, 1024, 64, 1024, 2048, 16 },
    { 2, 128, 4, 128, 8, 32, 64, 128, 256, 16, 256, 256, 4 },
    { 1, 64, 2, 32, 8, 8, 16, 32, 32, 4, 32, 32, 0 }
};

std::uint32_t power_of_two_from(std::uint64_t number)
{
    std::uint32_t power = 1;

    while (power < number && power < most_keys) {
        power *= 2;
    }

    return power;
}

/// More keys than that are configured, not added one by one.
constexpr std::uint32_t most_added = 4096;

/// Of so many slots for keys, those for keys added at run time come on top of
/// the configured ones.
std::uint32_t added_of(std::uint32_t slots, const Profile &profile)
{
    return std::max(profile.least_added,
        std::min(slots / profile.keys_per_added, most_added));
}

Layout layout_of(std::uint32_t slots, const Profile &profile,
    std::size_t accounts)
{
    Layout layout;
    layout.key_capacity = slots;
    layout.cell_capacity = std::max(profile.least_cells,
        power_of_two_from(std::uint64_t{slots} * profile.cells_per_key));
    layout.model_capacity = profile.models;
    layout.limit_capacity = profile.limits;
    layout.use_capacity = std::max(profile.least_uses, power_of_two_from(
        std::uint64_t{slots} * profile.quarter_uses_per_key / 4));
    layout.added_capacity = added_of(slots, profile);
    layout.journal_capacity = profile.events;
    layout.trail_capacity = profile.trails;
    layout.metric_capacity = profile.series;
    layout.resource_capacity = profile.resources;
    layout.token_capacity = accounts <= profile.least_tokens
        ? profile.least_tokens : power_of_two_from(accounts);

    return layout;
}

bool has_room(const Layout &layout, std::uint64_t keys)
{
    return layout.key_capacity >= keys + layout.added_capacity;
}

/// The words of UseTable's bits, in whole lines.
std::size_t dirty_words(std::size_t uses)
{
    return (uses + 511) / 512 * 8;
}

void copy_word(Word &to, const Word &from)
{
    to.store(from.load());
}

std::uint64_t until_of(const Cell *cell)
{
    return static_cast<std::uint64_t>(unpack(cell->rest.load()).until_ms);
}

/// Those named last come first, should there be fewer places. Gives the new
/// slot + 1 of each old one; 0: it has none.
std::vector<std::uint32_t> migrate_keys(const Regions &to,
    const Regions &from)
{
    std::vector<std::uint32_t> slots(from.header->key_capacity);
    std::vector<const KeyRecord *> records;

    for (std::uint32_t i = 0; i < from.header->key_capacity; ++i) {
        if (from.keys[i].id.load() != 0) {
            records.push_back(&from.keys[i]);
        }
    }

    std::stable_sort(records.begin(), records.end(),
        [](const KeyRecord *a, const KeyRecord *b) {
            return a->present.load() > b->present.load();
        });

    std::size_t room = std::min<std::size_t>(records.size(),
        to.header->key_capacity);

    for (std::size_t i = 0; i < room; ++i) {
        KeyRecord &record = to.keys[i];

        copy_word(record.rest, records[i]->rest);
        copy_word(record.rest_when_ms, records[i]->rest_when_ms);
        copy_word(record.last_ticket, records[i]->last_ticket);
        copy_word(record.last_used_ms, records[i]->last_used_ms);
        copy_word(record.requests, records[i]->requests);
        copy_word(record.failures, records[i]->failures);
        copy_word(record.present, records[i]->present);
        copy_word(record.id, records[i]->id);
        // Not in_flight: those tries end in the old memory.

        slots[static_cast<std::size_t>(records[i] - from.keys)]
            = static_cast<std::uint32_t>(i + 1);
    }

    return slots;
}

/// From the old index of a model's name to the new.
class ModelMap {
public:
    ModelMap(const Regions &to, const Regions &from)
        : to_(to.models, to.header->model_capacity),
          from_(from.models, from.header->model_capacity)
    {
    }

    std::uint64_t operator()(std::uint64_t index_plus_one)
    {
        return to_.remember(from_.name_at(index_plus_one));
    }

private:
    ModelTable to_;
    ModelTable from_;
};

/// The longest rests come first.
void migrate_cells(const Regions &to, const Regions &from, ModelMap &models)
{
    CellTable cells(to.cells, to.header->cell_capacity);
    std::vector<const Cell *> old;

    for (std::uint32_t i = 0; i < from.header->cell_capacity; ++i) {
        // One that was reset says so to other hosts.
        if (from.cells[i].id.load() != 0
            && (from.cells[i].rest.load() != 0
                || from.cells[i].rest_when_ms.load() != 0))
        {
            old.push_back(&from.cells[i]);
        }
    }

    std::stable_sort(old.begin(), old.end(),
        [](const Cell *a, const Cell *b) {
            return until_of(a) > until_of(b);
        });

    for (const Cell *cell : old) {
        // A time at which nothing is old enough to be taken over.
        Cell *place = cells.claim(cell->id.load(), 0);

        if (place == nullptr) {
            to.header->cells_lost.fetch_add(1);
            continue;
        }

        copy_word(place->rest, cell->rest);
        copy_word(place->rest_when_ms, cell->rest_when_ms);
        copy_word(place->owner, cell->owner);
        place->model.store(models(cell->model.load()));
    }
}

void migrate_limits(const Regions &to, const Regions &from)
{
    LimitTable(to.limits, to.header->limit_capacity).copy_from(
        LimitTable(from.limits, from.header->limit_capacity));
}

void migrate_uses(const Regions &to, const Regions &from, ModelMap &models)
{
    UseTable(to.uses, to.dirty_uses, to.header->use_capacity).copy_from(
        UseTable(from.uses, from.dirty_uses, from.header->use_capacity),
        models);
}

/// Keys that are gone come last: should there be fewer places, the news that
/// they are gone is what is lost.
void migrate_added(const Regions &to, const Regions &from)
{
    AddedTable added(to.added, to.header->added_capacity);
    AddedTable old(from.added, from.header->added_capacity);

    for (bool removed : { false, true }) {
        for (std::size_t i = 0; i < old.capacity(); ++i) {
            std::optional<KeyChange> change = old.at(i);

            if (change && change->removed == removed) {
                bool full = false;
                added.write(*change, full);
                wipe(change->secret);
            }
        }
    }
}

void migrate_resources(const Regions &to, const Regions &from)
{
    ResourceTable(to.resources, to.header->resource_capacity).copy_from(
        ResourceTable(from.resources, from.header->resource_capacity));
}

void copy_histogram(Histogram &to, const Histogram &from)
{
    for (std::size_t i = 0; i < Histogram::bounds + 1; ++i) {
        copy_word(to.buckets[i], from.buckets[i]);
    }

    copy_word(to.sum_ms, from.sum_ms);
}

void migrate_metrics(const Regions &to, const Regions &from,
    ModelMap &models, const std::vector<std::uint32_t> &slots)
{
    MetricTable metrics(to.series, to.histograms,
        to.header->metric_capacity);
    MetricTable old(from.series, from.histograms,
        from.header->metric_capacity);

    for (const MetricTable::Value &value : old.values()) {
        Series series = value.series;
        series.model = static_cast<std::uint16_t>(models(series.model));
        series.credential =
            series.credential != 0 && series.credential <= slots.size()
                ? slots[series.credential - 1] : 0;
        metrics.add(series, value.count);
    }

    for (std::size_t i = 0; i < histogram_operations; ++i) {
        auto operation = static_cast<std::uint8_t>(i);

        copy_histogram(metrics.latency(operation), old.latency(operation));
        copy_histogram(metrics.first_token(operation),
            old.first_token(operation));
    }
}

/// Before adopt() knows which of them are wanted: those of accounts that are
/// gone may take the room of others, which cost an exchange each then.
void migrate_tokens(const Regions &to, const Regions &from)
{
    TokenTable(&to.header->tokens_stored, to.tokens,
        to.header->token_capacity).copy_from(
        TokenTable(&from.header->tokens_stored, from.tokens,
            from.header->token_capacity));
}

}

Regions regions_of(void *memory)
{
    Regions regions;
    auto *place = static_cast<char *>(memory);

    auto take = [&place](auto *&region, std::size_t count) {
        using Record = std::remove_reference_t<decltype(*region)>;
        region = reinterpret_cast<Record *>(place);
        place += count * sizeof(Record);
    };

    take(regions.header, 1);

    const Header &header = *regions.header;

    take(regions.keys, header.key_capacity);
    take(regions.cells, header.cell_capacity);
    take(regions.models, header.model_capacity);
    take(regions.limits, header.limit_capacity);
    take(regions.uses, header.use_capacity);
    take(regions.dirty_uses, dirty_words(header.use_capacity));
    take(regions.added, header.added_capacity);
    take(regions.resources, header.resource_capacity);
    take(regions.journal, header.journal_capacity);
    take(regions.trails, header.trail_capacity);
    take(regions.series, header.metric_capacity);
    take(regions.histograms, 1);
    take(regions.tokens, header.token_capacity);

    return regions;
}

Layout Layout::for_keys(std::size_t keys, std::size_t accounts)
{
    // A quarter more, and then the next power of two.
    std::uint64_t wanted = std::max<std::uint64_t>(least_keys,
        std::uint64_t{keys} + keys / 4);
    std::uint32_t slots = power_of_two_from(wanted);

    while (slots < most_keys
           && !has_room(layout_of(slots, profiles[0], accounts), wanted))
    {
        slots *= 2;
    }

    return layout_of(slots, profiles[0], accounts);
}

Layout Layout::within(std::size_t bytes, std::size_t keys,
    std::size_t accounts)
{
    // As far as possible by the bytes alone: a few keys more must not change
    // the layout of a zone whose size the operator has fixed.
    for (const Profile &profile : profiles) {

        for (std::uint32_t slots = most_keys; slots >= least_keys; slots /= 2)
        {
            Layout layout = layout_of(slots, profile, accounts);

            if (layout.bytes() > bytes) {
                continue;
            }

            if (!has_room(layout, keys)) {
                break;
            }

            for ( ;; ) {
                Layout larger = layout;
                larger.limit_capacity *= 2;

                if (larger.bytes() > bytes) {
                    return layout;
                }

                layout = larger;
            }
        }
    }

    const Profile &poorest = profiles[std::size(profiles) - 1];
    std::uint64_t exact = std::uint64_t{keys} + keys / poorest.keys_per_added
        + poorest.least_added;
    exact = (exact + 15) / 16 * 16;

    if (exact <= most_keys) {
        Layout layout = layout_of(static_cast<std::uint32_t>(exact), poorest,
            accounts);

        while (!has_room(layout, keys)) {
            --layout.added_capacity;
        }

        if (layout.bytes() <= bytes) {
            return layout;
        }
    }

    return Layout{};
}

std::size_t Layout::bytes() const
{
    return sizeof(Header)
        + std::size_t{key_capacity} * sizeof(KeyRecord)
        + std::size_t{cell_capacity} * sizeof(Cell)
        + std::size_t{model_capacity} * sizeof(ModelName)
        + std::size_t{limit_capacity} * sizeof(LimitRecord)
        + std::size_t{use_capacity} * sizeof(UseRecord)
        + dirty_words(use_capacity) * sizeof(Word)
        + std::size_t{added_capacity} * sizeof(AddedRecord)
        + std::size_t{resource_capacity} * sizeof(ResourceRecord)
        + std::size_t{journal_capacity} * sizeof(JournalEntry)
        + std::size_t{trail_capacity} * sizeof(TrailRecord)
        + std::size_t{metric_capacity} * sizeof(SeriesRecord)
        + sizeof(Histograms)
        + std::size_t{token_capacity} * sizeof(TokenRecord);
}

void Pool::format(void *memory, const Layout &layout)
{
    auto *header = static_cast<Header *>(memory);

    header->version = layout_version;
    header->key_capacity = layout.key_capacity;
    header->cell_capacity = layout.cell_capacity;
    header->model_capacity = layout.model_capacity;
    header->limit_capacity = layout.limit_capacity;
    header->use_capacity = layout.use_capacity;
    header->added_capacity = layout.added_capacity;
    header->journal_capacity = layout.journal_capacity;
    header->trail_capacity = layout.trail_capacity;
    header->metric_capacity = layout.metric_capacity;
    header->resource_capacity = layout.resource_capacity;
    header->token_capacity = layout.token_capacity;
    header->magic = layout_magic;
}

bool Pool::formatted(const void *memory, const Layout &layout)
{
    const auto *header = static_cast<const Header *>(memory);

    return header->magic == layout_magic
        && header->version == layout_version
        && header->key_capacity == layout.key_capacity
        && header->cell_capacity == layout.cell_capacity
        && header->model_capacity == layout.model_capacity
        && header->limit_capacity == layout.limit_capacity
        && header->use_capacity == layout.use_capacity
        && header->added_capacity == layout.added_capacity
        && header->journal_capacity == layout.journal_capacity
        && header->trail_capacity == layout.trail_capacity
        && header->metric_capacity == layout.metric_capacity
        && header->resource_capacity == layout.resource_capacity
        && header->token_capacity == layout.token_capacity;
}

void Pool::migrate(void *to, const void *from)
{
    Regions target = regions_of(to);
    // Only read from; workers of the old configuration go on in it.
    Regions source = regions_of(const_cast<void *>(from));

    for (std::size_t i = 0; i < turn_cursors; ++i) {
        copy_word(target.header->cursors[i], source.header->cursors[i]);
    }

    for (Word Header::*word : { &Header::ticket, &Header::generation,
                                &Header::requests, &Header::answered,
                                &Header::cells_lost, &Header::keys_version,
                                &Header::hosts, &Header::clock_offset_ms,
                                // Events so far are lost, and a reader who
                                // comes from the old memory notices.
                                &Header::journal_next })
    {
        copy_word(target.header->*word, source.header->*word);
    }

    ModelMap models(target, source);

    migrate_cells(target, source, models);
    migrate_limits(target, source);
    migrate_uses(target, source, models);
    migrate_added(target, source);
    migrate_resources(target, source);
    migrate_metrics(target, source, models, migrate_keys(target, source));
    migrate_tokens(target, source);
}

}

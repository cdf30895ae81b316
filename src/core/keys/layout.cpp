// How large a pool's shared memory is, how it is put in order, and how its
// content moves to memory of another size.
#include "core/keys/cells.hpp"
#include "core/keys/pool.hpp"
#include "core/keys/regions.hpp"

#include <algorithm>
#include <type_traits>

namespace gw::keys {

// Nothing here has a constructor that does more than zeroes already do, and
// each part keeps the alignment of the next.
static_assert(std::is_standard_layout_v<Header>
              && std::is_standard_layout_v<KeyRecord>
              && std::is_standard_layout_v<Cell>
              && std::is_standard_layout_v<ModelName>
              && std::is_standard_layout_v<LimitRecord>);
static_assert(std::is_trivially_destructible_v<Header>
              && std::is_trivially_destructible_v<LimitRecord>);
static_assert(sizeof(Header) % 64 == 0 && sizeof(KeyRecord) % 64 == 0
              && 2 * sizeof(Cell) % 64 == 0 && sizeof(ModelName) % 64 == 0);

namespace {

constexpr std::uint32_t least_keys = 64;
constexpr std::uint32_t most_keys = 1u << 24;

/// How richly the parts around the keys are measured. Tried from the richest
/// to the poorest when the size is given.
struct Profile {
    std::uint32_t cells_per_key;
    std::uint32_t least_cells;
    std::uint32_t models;
    std::uint32_t limits;
};

constexpr Profile profiles[] = {
    { 8, 1024, 256, 4096 },
    { 4, 512, 128, 1024 },
    { 2, 128, 64, 256 },
    { 1, 64, 16, 64 }
};

std::uint32_t power_of_two_from(std::uint64_t number)
{
    std::uint32_t power = 1;

    while (power < number && power < most_keys) {
        power *= 2;
    }

    return power;
}

Layout layout_of(std::uint32_t keys, const Profile &profile)
{
    Layout layout;
    layout.key_capacity = keys;
    layout.cell_capacity = std::max(profile.least_cells,
        power_of_two_from(std::uint64_t{keys} * profile.cells_per_key));
    layout.model_capacity = profile.models;
    layout.limit_capacity = profile.limits;

    return layout;
}

void copy_word(Word &to, const Word &from)
{
    to.store(from.load());
}

std::uint64_t until_of(const Cell *cell)
{
    return static_cast<std::uint64_t>(unpack(cell->rest.load()).until_ms);
}

/// Those named last come first, should there be fewer places.
void migrate_keys(const Regions &to, const Regions &from)
{
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
        copy_word(record.last_ticket, records[i]->last_ticket);
        copy_word(record.last_used_ms, records[i]->last_used_ms);
        copy_word(record.requests, records[i]->requests);
        copy_word(record.failures, records[i]->failures);
        copy_word(record.present, records[i]->present);
        copy_word(record.id, records[i]->id);
        // Not in_flight: those tries end in the old memory.
    }
}

/// The longest rests come first.
void migrate_cells(const Regions &to, const Regions &from)
{
    CellTable cells(to.cells, to.header->cell_capacity);
    ModelTable models(to.models, to.header->model_capacity);
    ModelTable old_models(from.models, from.header->model_capacity);
    std::vector<const Cell *> old;

    for (std::uint32_t i = 0; i < from.header->cell_capacity; ++i) {
        if (from.cells[i].id.load() != 0 && from.cells[i].rest.load() != 0) {
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
        copy_word(place->owner, cell->owner);
        place->model.store(
            models.remember(old_models.name_at(cell->model.load())));
    }
}

void migrate_limits(const Regions &to, const Regions &from)
{
    LimitTable(to.limits, to.header->limit_capacity).copy_from(
        LimitTable(from.limits, from.header->limit_capacity));
}

}

Regions regions_of(void *memory)
{
    Regions regions;
    regions.header = static_cast<Header *>(memory);
    regions.keys = reinterpret_cast<KeyRecord *>(regions.header + 1);
    regions.cells = reinterpret_cast<Cell *>(
        regions.keys + regions.header->key_capacity);
    regions.models = reinterpret_cast<ModelName *>(
        regions.cells + regions.header->cell_capacity);
    regions.limits = reinterpret_cast<LimitRecord *>(
        regions.models + regions.header->model_capacity);

    return regions;
}

Layout Layout::for_keys(std::size_t keys)
{
    // A quarter more, and then the next power of two.
    std::uint64_t wanted = std::uint64_t{keys} + keys / 4;

    return layout_of(std::max(least_keys, power_of_two_from(wanted)),
        profiles[0]);
}

Layout Layout::within(std::size_t bytes, std::size_t keys)
{
    // As far as possible by the bytes alone: a few keys more must not change
    // the layout of a zone whose size the operator has fixed.
    for (const Profile &profile : profiles) {

        for (std::uint32_t capacity = most_keys; capacity >= least_keys
             && capacity >= keys; capacity /= 2)
        {
            Layout layout = layout_of(capacity, profile);

            if (layout.bytes() > bytes) {
                continue;
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

    std::uint64_t exact = (std::uint64_t{keys} + 15) / 16 * 16;

    if (exact != 0 && exact <= most_keys) {
        Layout layout = layout_of(static_cast<std::uint32_t>(exact),
            profiles[std::size(profiles) - 1]);

        if (layout.bytes() <= bytes) {
            return layout;
        }
    }

    return Layout{ 0, 0, 0, 0 };
}

std::size_t Layout::bytes() const
{
    return sizeof(Header)
        + std::size_t{key_capacity} * sizeof(KeyRecord)
        + std::size_t{cell_capacity} * sizeof(Cell)
        + std::size_t{model_capacity} * sizeof(ModelName)
        + std::size_t{limit_capacity} * sizeof(LimitRecord);
}

void Pool::format(void *memory, const Layout &layout)
{
    auto *header = static_cast<Header *>(memory);

    header->version = layout_version;
    header->key_capacity = layout.key_capacity;
    header->cell_capacity = layout.cell_capacity;
    header->model_capacity = layout.model_capacity;
    header->limit_capacity = layout.limit_capacity;
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
        && header->limit_capacity == layout.limit_capacity;
}

void Pool::migrate(void *to, const void *from)
{
    Regions target = regions_of(to);
    // Only read from; workers of the old configuration go on in it.
    Regions source = regions_of(const_cast<void *>(from));

    for (Word Header::*word : { &Header::ticket, &Header::cursor,
                                &Header::generation, &Header::requests,
                                &Header::answered, &Header::cells_lost })
    {
        copy_word(target.header->*word, source.header->*word);
    }

    migrate_keys(target, source);
    migrate_cells(target, source);
    migrate_limits(target, source);
}

}

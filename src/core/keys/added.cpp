// Records that say by an odd version that they are being written, or were when
// their writer died.
#include "core/keys/added.hpp"

#include "core/keys/shared_bytes.hpp"
#include "core/keys/wipe.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

/// Writing a record takes far less than looking so often.
constexpr int looks = 200;

constexpr std::uint64_t flag_added = 1;
constexpr std::uint64_t flag_removed = 2;
constexpr std::uint64_t flag_enabled = 4;
constexpr std::uint64_t flag_weight = 8;
constexpr std::uint64_t flag_name = 16;
constexpr int weight_shift = 32;

constexpr int name_shift = 16;
constexpr int project_shift = 32;

std::uint64_t flags_of(const KeyChange &change)
{
    std::uint64_t flags = 0;

    flags |= change.added ? flag_added : 0;
    flags |= change.removed ? flag_removed : 0;
    flags |= change.enabled ? flag_enabled : 0;
    flags |= change.name ? flag_name : 0;

    if (change.weight) {
        flags |= flag_weight | std::uint64_t{*change.weight} << weight_shift;
    }

    return flags;
}

bool fits(const KeyChange &change)
{
    return change.secret.size() <= KeyChange::max_secret
        && change.project.size() <= KeyChange::max_project
        && (!change.name || change.name->size() <= KeyChange::max_name);
}

bool whole(const AddedRecord &record)
{
    return record.version.load(std::memory_order_acquire) % 2 == 0;
}

bool is_removed(const AddedRecord &record)
{
    return (record.flags.load() & flag_removed) != 0;
}

void write_record(AddedRecord &record, const KeyChange &change)
{
    std::uint64_t version = record.version.load();

    // After a writer that died the version is odd already.
    std::uint64_t writing = version + 1 + version % 2;
    record.version.store(writing, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);

    std::string_view name = change.name ? std::string_view(*change.name)
                                        : std::string_view();

    record.id.store(change.id, std::memory_order_relaxed);
    record.when_ms.store(static_cast<std::uint64_t>(change.when_ms),
        std::memory_order_relaxed);
    record.flags.store(flags_of(change), std::memory_order_relaxed);
    record.sizes.store(
        std::uint64_t{change.secret.size()}
            | std::uint64_t{name.size()} << name_shift
            | std::uint64_t{change.project.size()} << project_shift,
        std::memory_order_relaxed);

    write_bytes(record.name, sizeof(record.name), name);
    write_bytes(record.project, sizeof(record.project), change.project);
    write_bytes(record.secret, sizeof(record.secret), change.secret);

    record.version.store(writing + 1, std::memory_order_release);
}

/// Of one moment between two looks at the version, which the caller has.
KeyChange read_record(const AddedRecord &record)
{
    std::uint64_t flags = record.flags.load(std::memory_order_relaxed);
    std::uint64_t sizes = record.sizes.load(std::memory_order_relaxed);
    constexpr std::uint64_t mask = 0xffff;

    KeyChange change;
    change.id = record.id.load(std::memory_order_relaxed);
    change.when_ms = static_cast<std::int64_t>(
        record.when_ms.load(std::memory_order_relaxed));
    change.added = (flags & flag_added) != 0;
    change.removed = (flags & flag_removed) != 0;
    change.enabled = (flags & flag_enabled) != 0;

    if ((flags & flag_weight) != 0) {
        change.weight = static_cast<unsigned>(flags >> weight_shift);
    }

    if ((flags & flag_name) != 0) {
        read_bytes(record.name, std::min<std::size_t>(
            sizes >> name_shift & mask, KeyChange::max_name),
            change.name.emplace());
    }

    read_bytes(record.project, std::min<std::size_t>(
        sizes >> project_shift & mask, KeyChange::max_project),
        change.project);
    read_bytes(record.secret, std::min<std::size_t>(
        sizes & mask, KeyChange::max_secret), change.secret);

    return change;
}

}

bool AddedTable::write(const KeyChange &change, bool &full)
{
    full = false;

    if (!fits(change)) {
        full = true;
        return false;
    }

    AddedRecord *place = nullptr;
    AddedRecord *oldest = nullptr;

    for (std::size_t i = 0; i < capacity_; ++i) {
        AddedRecord &record = records_[i];
        std::uint64_t id = record.id.load();

        if (id == change.id) {
            if (whole(record) && static_cast<std::int64_t>(
                    record.when_ms.load()) >= change.when_ms)
            {
                return false;
            }

            place = &record;
            break;
        }

        // Nobody can read what a writer left half-written either.
        if (id == 0 || !whole(record)) {
            if (place == nullptr) {
                place = &record;
            }

        } else if (is_removed(record)
                   && (oldest == nullptr
                       || record.when_ms.load() < oldest->when_ms.load()))
        {
            oldest = &record;
        }
    }

    if (place == nullptr) {
        place = oldest;
    }

    if (place == nullptr) {
        full = true;
        return false;
    }

    write_record(*place, change);

    return true;
}

std::optional<KeyChange> AddedTable::find(std::uint64_t id) const
{
    for (std::size_t i = 0; id != 0 && i < capacity_; ++i) {
        if (records_[i].id.load() != id) {
            continue;
        }

        std::optional<KeyChange> change = at(i);

        if (change && change->id == id) {
            return change;
        }
    }

    return std::nullopt;
}

std::optional<KeyChange> AddedTable::at(std::size_t place) const
{
    const AddedRecord &record = records_[place];

    for (int i = 0; i < looks; ++i) {
        std::uint64_t version = record.version.load(
            std::memory_order_acquire);

        if (version % 2 != 0) {
            continue;
        }

        if (record.id.load(std::memory_order_relaxed) == 0) {
            return std::nullopt;
        }

        KeyChange change = read_record(record);
        std::atomic_thread_fence(std::memory_order_acquire);

        if (record.version.load(std::memory_order_relaxed) == version) {
            return change;
        }

        wipe(change.secret);
    }

    return std::nullopt;
}

}

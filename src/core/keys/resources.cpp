#include "core/keys/resources.hpp"

#include "core/keys/digest.hpp"
#include "core/keys/mix.hpp"

#include <algorithm>
#include <string>

namespace gw::keys {

namespace {

/// A longer life by less than that is no news.
constexpr std::int64_t little_ms = 30 * 1000;

std::uint64_t check_of(const Resource &resource)
{
    std::uint64_t check = resource.id;

    for (std::uint64_t word : { resource.project, resource.client,
             static_cast<std::uint64_t>(resource.expires_ms),
             static_cast<std::uint64_t>(resource.when_ms) })
    {
        check = mix(check ^ word);
    }

    return check;
}

/// nullopt: free, or being written.
std::optional<Resource> read(const ResourceRecord &record)
{
    Resource resource;

    resource.id = record.id.load(std::memory_order_acquire);
    resource.project = record.project.load(std::memory_order_acquire);
    resource.client = record.client.load(std::memory_order_acquire);
    resource.expires_ms = static_cast<std::int64_t>(
        record.expires_ms.load(std::memory_order_acquire));
    resource.when_ms = static_cast<std::int64_t>(
        record.when_ms.load(std::memory_order_acquire));

    if (resource.id == 0 || record.check.load() != check_of(resource)) {
        return std::nullopt;
    }

    return resource;
}

void write(ResourceRecord &record, const Resource &resource)
{
    record.id.store(0);
    record.check.store(0, std::memory_order_release);
    record.project.store(resource.project, std::memory_order_release);
    record.client.store(resource.client, std::memory_order_release);
    record.expires_ms.store(static_cast<std::uint64_t>(resource.expires_ms),
        std::memory_order_release);
    record.when_ms.store(static_cast<std::uint64_t>(resource.when_ms),
        std::memory_order_release);
    record.check.store(check_of(resource), std::memory_order_release);
    record.id.store(resource.id);
}

}

std::uint64_t resource_id(std::string_view name)
{
    // A hash of its own kind, whatever else is hashed so.
    Digest digest = digest_of("resource " + std::string(name));
    std::uint64_t id = 0;

    for (std::size_t i = 0; i < sizeof(id); ++i) {
        id = id << 8 | digest[i];
    }

    return id != 0 ? id : 1;
}

std::optional<Resource> ResourceTable::known(std::uint64_t id,
    std::int64_t now_ms) const
{
    for (std::size_t i = 0; i < std::min(reach, capacity_); ++i) {
        const ResourceRecord &record = place(id, i);

        if (record.id.load() != id) {
            continue;
        }

        std::optional<Resource> found = read(record);

        if (found && found->id == id) {
            return found->expires_ms > now_ms ? found : std::nullopt;
        }
    }

    return std::nullopt;
}

std::optional<Resource> ResourceTable::find(std::uint64_t id,
    std::int64_t now_ms) const
{
    std::optional<Resource> found = known(id, now_ms);

    return found && found->project != 0 ? found : std::nullopt;
}

bool ResourceTable::keep(const Resource &resource, std::int64_t now_ms)
{
    Resource kept = resource;
    kept.expires_ms = std::min(kept.expires_ms, now_ms + longest_ms);

    if (capacity_ == 0 || kept.id == 0 || kept.expires_ms <= now_ms) {
        return false;
    }

    if (std::optional<Resource> here = known(kept.id, now_ms)) {
        bool same = here->project == kept.project
                    && here->client == kept.client;
        std::int64_t longer = kept.expires_ms - here->expires_ms;

        if (kept.when_ms < here->when_ms
            || (same && longer < little_ms && longer > -little_ms))
        {
            return false;
        }
    }

    store(kept, now_ms);
    return true;
}

void ResourceTable::store(const Resource &resource, std::int64_t now_ms)
{
    ResourceRecord *oldest = nullptr;
    std::int64_t oldest_ms = 0;

    for (std::size_t i = 0; i < std::min(reach, capacity_); ++i) {
        ResourceRecord &record = place(resource.id, i);
        std::optional<Resource> holder = read(record);

        // Its own place comes before all others, also that of a writer who
        // has died.
        std::int64_t rank = record.id.load() == resource.id ? -2
            : !holder || holder->expires_ms <= now_ms ? -1
                                                      : holder->when_ms;

        if (oldest == nullptr || rank < oldest_ms) {
            oldest = &record;
            oldest_ms = rank;
        }
    }

    write(*oldest, resource);
}

std::vector<Resource> ResourceTable::all(std::int64_t now_ms) const
{
    std::vector<Resource> list;

    for (std::size_t i = 0; i < capacity_; ++i) {
        std::optional<Resource> found = read(records_[i]);

        if (found && found->expires_ms > now_ms) {
            list.push_back(*found);
        }
    }

    return list;
}

void ResourceTable::copy_from(const ResourceTable &former)
{
    // A time at which nothing is over: whoever asks knows the time.
    std::vector<Resource> held = former.all(0);

    std::sort(held.begin(), held.end(),
        [](const Resource &a, const Resource &b) {
            return a.when_ms < b.when_ms;
        });

    if (capacity_ == 0) {
        return;
    }

    for (const Resource &resource : held) {
        store(resource, 0);
    }
}

}

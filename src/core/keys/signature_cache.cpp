// A writer owns a place by a compare-and-swap that makes its version odd; a
// reader believes what it copied if the version is even and unchanged, and if
// the check agrees. The check is for the writer that was only slow, not dead,
// and goes on writing into a place that was taken from it.
#include "core/keys/signature_cache.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace gw::keys {

/// The signature follows, in words, so that a reader may overlap with a writer
/// without a data race.
struct alignas(64) SignatureCache::Place {
    Word id;                // 0: free
    Word version;           // since when, and how often written; odd: it is
    Word length;
    Word check;             // of id and signature
    Word reserved[4];

    Word *data() { return reinterpret_cast<Word *>(this + 1); }
    const Word *data() const
    {
        return reinterpret_cast<const Word *>(this + 1);
    }
};

namespace {

constexpr std::size_t bucket = 4;

// A writer that takes longer than this counts as killed.
constexpr std::uint64_t abandoned_ms = 1000;

// The time is in the word that is swapped: beside it, it would be that of the
// former content until the new owner has come to write it, and who looks in
// between would take a place over that was taken a moment ago.
constexpr unsigned count_bits = 20;
constexpr std::uint64_t count_mask = (UINT64_C(1) << count_bits) - 1;

std::uint64_t written_ms(std::uint64_t version)
{
    return version >> count_bits;
}

bool being_written(std::uint64_t version)
{
    return (version & 1) != 0;
}

std::uint64_t owned_since(std::uint64_t now_ms, std::uint64_t former)
{
    std::uint64_t count = former + (being_written(former) ? 2 : 1);

    return now_ms << count_bits | (count & count_mask);
}

std::uint64_t released(std::uint64_t owned)
{
    return (owned & ~count_mask) | ((owned + 1) & count_mask);
}

/// Also of one from the future: clocks are set back.
bool abandoned(std::uint64_t version, std::uint64_t now_ms)
{
    std::uint64_t since = written_ms(version);

    return since > now_ms ? since - now_ms > abandoned_ms
                          : now_ms - since > abandoned_ms;
}

struct ClassRow {
    std::size_t place_bytes;
    std::size_t share;      // of the room, in quarters
};

// Signatures are a few hundred bytes to some kilobytes; few are larger.
constexpr ClassRow class_rows[] = {
    {1024, 1}, {4096, 2}, {32 * 1024, 1}
};

}

SignatureCache::Place &SignatureCache::Region::at(std::size_t i) const
{
    return *reinterpret_cast<Place *>(start + i * place_bytes);
}

std::size_t SignatureCache::Region::capacity() const
{
    return place_bytes - sizeof(Place);
}

std::size_t SignatureCache::Region::reach() const
{
    return std::min(bucket, count);
}

std::size_t SignatureCache::Region::first(std::uint64_t id) const
{
    return static_cast<std::size_t>(id % count);
}

SignatureCache::SignatureCache(void *memory, std::size_t size)
{
    static_assert(sizeof(Place) == 64);

    auto *start = static_cast<unsigned char *>(memory);

    for (std::size_t i = 0; i < classes; ++i) {
        Region &region = regions_[i];

        region.start = start;
        region.place_bytes = class_rows[i].place_bytes;
        region.count = size / 4 * class_rows[i].share / region.place_bytes;
        start += region.count * region.place_bytes;
    }
}

bool SignatureCache::write(Place &place, std::uint64_t id,
    std::string_view signature, std::int64_t now_ms)
{
    auto now = static_cast<std::uint64_t>(now_ms);
    std::uint64_t seen = place.version.load();

    if (being_written(seen) && !abandoned(seen, now)) {
        return false;
    }

    std::uint64_t mine = owned_since(now, seen);

    if (!place.version.compare_exchange_strong(seen, mine)) {
        return false;
    }

    // Each store releases and each load of a reader acquires, so that who sees
    // a word of this writer sees its version too; a fence would do the same,
    // but gcc refuses fences under the thread sanitizer.
    place.id.store(0, std::memory_order_release);
    place.length.store(signature.size(), std::memory_order_release);
    place.check.store(hash64(signature, id), std::memory_order_release);

    Word *to = place.data();

    for (std::size_t at = 0; at < signature.size(); at += sizeof(*to)) {
        std::uint64_t word = 0;
        std::memcpy(&word, signature.data() + at,
            std::min(sizeof(word), signature.size() - at));
        (to++)->store(word, std::memory_order_release);
    }

    place.id.store(id, std::memory_order_release);

    // Not if somebody has given this writer up.
    return place.version.compare_exchange_strong(mine, released(mine));
}

bool SignatureCache::read(const Place &place, std::size_t capacity,
    std::uint64_t id, std::string &signature)
{
    std::uint64_t before = place.version.load();
    std::size_t size = static_cast<std::size_t>(place.length.load());

    if (being_written(before) || place.id.load() != id || size > capacity) {
        return false;
    }

    signature.resize(size);
    const Word *from = place.data();

    for (std::size_t at = 0; at < size; at += sizeof(*from)) {
        std::uint64_t word = (from++)->load(std::memory_order_acquire);
        std::memcpy(signature.data() + at, &word,
            std::min(sizeof(word), size - at));
    }

    std::uint64_t check = place.check.load(std::memory_order_acquire);

    return place.version.load() == before && place.id.load() == id
        && hash64(signature, id) == check;
}

SignatureCache::Place *SignatureCache::victim(const Region &region,
    std::uint64_t id, std::int64_t now_ms)
{
    auto now = static_cast<std::uint64_t>(now_ms);
    Place *oldest = nullptr;
    std::uint64_t oldest_ms = 0;

    for (std::size_t i = 0; i < region.reach(); ++i) {
        Place &place = region.at((region.first(id) + i) % region.count);
        std::uint64_t version = place.version.load();

        if (being_written(version) ? abandoned(version, now)
                                   : place.id.load() == 0)
        {
            return &place;
        }

        if (being_written(version)) {
            continue;
        }

        if (oldest == nullptr || written_ms(version) < oldest_ms) {
            oldest = &place;
            oldest_ms = written_ms(version);
        }
    }

    return oldest;
}

void SignatureCache::keep(std::uint64_t id, std::string_view signature,
    std::int64_t now_ms)
{
    bool written = signature.empty();

    for (const Region &region : regions_) {
        if (region.count == 0) {
            continue;
        }

        bool fits = !written && signature.size() <= region.capacity();
        Place *own = nullptr;

        for (std::size_t i = 0; i < region.reach(); ++i) {
            Place &place = region.at((region.first(id) + i) % region.count);
            std::uint64_t holder = place.id.load();

            if (holder != id) {
                continue;
            }

            if (fits && own == nullptr) {
                own = &place;
                continue;
            }

            // It has grown or shrunk out of this size, or two writers have
            // kept it at once.
            place.id.compare_exchange_strong(holder, 0);
        }

        if (!fits) {
            continue;
        }

        written = true;

        // Who loses a place to another writer looks for the next.
        for (std::size_t i = 0; i < region.reach(); ++i) {
            Place *place = own != nullptr ? own : victim(region, id, now_ms);
            own = nullptr;

            if (place == nullptr || write(*place, id, signature, now_ms)) {
                break;
            }
        }
    }
}

bool SignatureCache::find(std::uint64_t id, std::string &signature) const
{
    for (const Region &region : regions_) {
        if (region.count == 0) {
            continue;
        }

        for (std::size_t i = 0; i < region.reach(); ++i) {
            const Place &place = region.at(
                (region.first(id) + i) % region.count);

            if (place.id.load() == id
                && read(place, region.capacity(), id, signature))
            {
                return true;
            }
        }
    }

    signature.clear();
    return false;
}

void SignatureCache::copy_from(const SignatureCache &former)
{
    std::vector<std::pair<std::uint64_t, std::uint64_t>> held;

    for (const Region &region : former.regions_) {
        for (std::size_t i = 0; i < region.count; ++i) {
            const Place &place = region.at(i);

            if (place.id.load() != 0) {
                held.emplace_back(written_ms(place.version.load()),
                    place.id.load());
            }
        }
    }

    // The newest last: they take the place of others, should there be fewer.
    std::sort(held.begin(), held.end());

    std::string signature;

    for (const auto &[kept_ms, id] : held) {
        if (former.find(id, signature)) {
            keep(id, signature, static_cast<std::int64_t>(kept_ms));
        }
    }
}

}

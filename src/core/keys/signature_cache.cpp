#include "core/keys/signature_cache.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

namespace gw::keys {

/// The signature follows, in words, so that a reader may overlap with a writer
/// without a data race.
struct alignas(64) SignatureCache::Place {
    Word id;                // 0: free
    Word version;           // odd: being written
    Word written_ms;
    Word length;
    Word reserved[4];

    Word *data() { return reinterpret_cast<Word *>(this + 1); }
    const Word *data() const
    {
        return reinterpret_cast<const Word *>(this + 1);
    }
};

namespace {

constexpr std::size_t bucket = 4;

// A writer that takes longer than this has been killed.
constexpr std::uint64_t abandoned_ms = 1000;

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
    bool busy = (seen & 1) != 0;

    if (busy && place.written_ms.load() + abandoned_ms > now) {
        return false;
    }

    std::uint64_t mine = busy ? seen + 2 : seen + 1;

    if (!place.version.compare_exchange_strong(seen, mine)) {
        return false;
    }

    place.written_ms.store(now);
    place.id.store(0);
    place.length.store(signature.size());

    Word *to = place.data();

    for (std::size_t at = 0; at < signature.size(); at += sizeof(*to)) {
        std::uint64_t word = 0;
        std::memcpy(&word, signature.data() + at,
            std::min(sizeof(word), signature.size() - at));
        (to++)->store(word, std::memory_order_relaxed);
    }

    place.id.store(id);

    // Not if somebody has given this writer up.
    return place.version.compare_exchange_strong(mine, mine + 1);
}

bool SignatureCache::read(const Place &place, std::size_t capacity,
    std::uint64_t id, std::string &signature)
{
    std::uint64_t before = place.version.load();
    std::size_t size = static_cast<std::size_t>(place.length.load());

    if ((before & 1) != 0 || place.id.load() != id || size > capacity) {
        return false;
    }

    signature.resize(size);
    const Word *from = place.data();

    for (std::size_t at = 0; at < size; at += sizeof(*from)) {
        std::uint64_t word = (from++)->load(std::memory_order_relaxed);
        std::memcpy(signature.data() + at, &word,
            std::min(sizeof(word), size - at));
    }

    std::atomic_thread_fence(std::memory_order_acquire);

    return place.version.load() == before && place.id.load() == id;
}

void SignatureCache::keep(std::uint64_t id, std::string_view signature,
    std::int64_t now_ms)
{
    bool written = signature.empty();

    for (const Region &region : regions_) {
        if (region.count == 0) {
            continue;
        }

        Place *best = nullptr;
        bool fits = !written && signature.size() <= region.capacity();

        for (std::size_t i = 0; i < region.reach(); ++i) {
            Place &place = region.at((region.first(id) + i) % region.count);
            std::uint64_t holder = place.id.load();

            if (holder == id) {
                if (fits) {
                    best = &place;
                    break;
                }

                // It has grown or shrunk out of this size.
                place.id.compare_exchange_strong(holder, 0);
                continue;
            }

            // Free places were written at 0, or gave way long ago.
            if (best == nullptr || (best->id.load() != 0
                && (holder == 0
                    || place.written_ms.load() < best->written_ms.load())))
            {
                best = &place;
            }
        }

        if (fits) {
            // Lost to another writer: then this one is not kept.
            write(*best, id, signature, now_ms);
            written = true;
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
                held.emplace_back(place.written_ms.load(), place.id.load());
            }
        }
    }

    // The newest last: they take the place of others, should there be fewer.
    std::sort(held.begin(), held.end());

    std::string signature;

    for (const auto &[written_ms, id] : held) {
        if (former.find(id, signature)) {
            keep(id, signature, static_cast<std::int64_t>(written_ms));
        }
    }
}

}

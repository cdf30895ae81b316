#include "core/keys/host_part.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

constexpr std::int64_t turn_ms = 16000;
constexpr std::int64_t overlap_ms = 2 * Recent::bucket_ms;

/// All hosts share what was left when the last requests of any of them began:
/// the same number for all, whoever has been faster. Of it those of the others
/// are gone.
Part part_of(Quantity quantity, std::int64_t limit, std::int64_t used,
    const Lately &lately, HostShare share, std::uint64_t id,
    std::int64_t now_ms)
{
    std::int64_t theirs = lately.theirs.sum();
    std::int64_t known = std::max<std::int64_t>(
        used - lately.ours.sum() - theirs, 0);
    std::int64_t left = std::max<std::int64_t>(limit - known, 0);
    std::int64_t count = share.count;
    std::int64_t turn = std::max<std::int64_t>(now_ms, 0) / turn_ms;
    std::int64_t rest = left % count;

    // What does not divide goes to some, and to others in the next turn; all
    // hosts agree on whose turn it is. For a moment it is both's, or a burst
    // just then would get less than there is.
    auto place = static_cast<std::int64_t>(
        (id + share.rank + static_cast<std::uint64_t>(turn)) % share.count);
    auto before = (place + count - 1) % count;
    bool ours = place < rest
        || (before < rest && now_ms - turn * turn_ms < overlap_ms);

    std::int64_t size = std::min(left / count + (ours ? 1 : 0),
        std::max<std::int64_t>(left - theirs, 0));

    return { size, quantity, (turn + count - place) * turn_ms };
}

}

Part part_of(const UseRecord &record, const Limits &limits,
    const Lately &lately, HostShare share, std::int64_t now_ms)
{
    std::uint64_t id = record.id.load(std::memory_order_relaxed);
    Part part;

    if (limits.rpm > 0) {
        part = part_of(Quantity::rpm, limits.rpm,
            record.requests_minute.sum(now_ms), lately, share, id, now_ms);
    }

    if (limits.rpd > 0) {
        Part other = part_of(Quantity::rpd, limits.rpd,
            record.requests_day.sum(now_ms), lately, share, id, now_ms);

        if (limits.rpm <= 0 || other.size < part.size) {
            part = other;
        }
    }

    return part;
}

bool shares_requests(const Limits &limits, HostShare share)
{
    return share.count > 1 && (limits.rpm > 0 || limits.rpd > 0);
}

}

// How much of a quota of requests one host may use while the others have not
// been heard. For use.cpp alone.
#pragma once

#include "core/keys/use.hpp"

#include <algorithm>
#include <cstdint>

namespace gw::keys {

/// Requests of this second and the one before, which not every host may have
/// heard of. What is known to all is the rest of the window, and a share of
/// what that leaves of a limit is ours. Two hosts that are asked in turns, or
/// one a moment after the other, start from the same rest.
struct Recent {
    static constexpr std::int64_t bucket_ms = 1024;
    static constexpr int count_bits = 14;
    static constexpr std::uint64_t most =
        (std::uint64_t{1} << count_bits) - 1;
    /// Workers' clocks do not differ by as many buckets: one was set back.
    static constexpr std::uint64_t too_far_ahead = 16;

    std::uint64_t bucket = 0;
    std::uint64_t before = 0;
    std::uint64_t now = 0;

    static std::uint64_t bucket_at(std::int64_t now_ms)
    {
        return static_cast<std::uint64_t>(
            std::max<std::int64_t>(now_ms, 0) / bucket_ms);
    }

    static Recent of(std::uint64_t word)
    {
        return { word >> 2 * count_bits, word >> count_bits & most,
                 word & most };
    }

    static Recent of(std::uint64_t word, std::int64_t now_ms)
    {
        Recent recent = of(word);
        std::uint64_t bucket = bucket_at(now_ms);

        // A worker whose clock is a little behind counts into what is there.
        if (recent.bucket >= bucket
            && recent.bucket - bucket < too_far_ahead)
        {
            return recent;
        }

        recent.before = recent.bucket + 1 == bucket ? recent.now : 0;
        recent.now = 0;
        recent.bucket = bucket;

        return recent;
    }

    std::uint64_t word() const
    {
        return bucket << 2 * count_bits | before << count_bits | now;
    }

    std::int64_t sum() const
    {
        return static_cast<std::int64_t>(before + now);
    }

    /// When the older of what is counted will be known to all.
    std::int64_t end_ms() const
    {
        return static_cast<std::int64_t>(bucket + (before != 0 ? 1 : 2))
            * bucket_ms;
    }
};

/// What was counted lately, here and by what the others have said.
struct Lately {
    Recent ours;
    Recent theirs;

    static Lately of(const UseRecord &record, std::int64_t now_ms)
    {
        return { Recent::of(record.recent.load(), now_ms),
                 Recent::of(record.recent_remote.load(), now_ms) };
    }
};

/// What this host may have used lately of one quota of requests.
struct Part {
    std::int64_t size = 0;
    Quantity quantity = Quantity::rpm;
    std::int64_t turn_at_ms = 0;        // when what does not divide is ours
};

/// The smaller one, of the quotas that are known; one of them, of requests, at
/// least is.
Part part_of(const UseRecord &record, const Limits &limits,
    const Lately &lately, HostShare share, std::int64_t now_ms);

/// Whether there is anything to share.
bool shares_requests(const Limits &limits, HostShare share);

}

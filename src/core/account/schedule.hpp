// When a token is exchanged for next. Times are Unix milliseconds.
#pragma once

#include "core/account/token_reply.hpp"

#include <algorithm>
#include <cstdint>

namespace gw::account {

/// A token is renewed so long before it expires.
constexpr std::int64_t renewal_margin_ms = 300 * 1000;

/// The shortest and the longest pause after a failure that may be over soon.
constexpr std::int64_t least_pause_ms = 1000;
constexpr std::int64_t most_pause_ms = 60 * 1000;
/// After one that somebody has to do something about.
constexpr std::int64_t long_pause_ms = 600 * 1000;

/// Of a token that was got now. One that does not live through the margin is
/// renewed in the middle of its life.
constexpr std::int64_t renewal_ms(std::int64_t lifetime_ms,
    std::int64_t now_ms)
{
    return now_ms + (lifetime_ms <= renewal_margin_ms
        ? std::max(lifetime_ms / 2, least_pause_ms)
        : std::max(lifetime_ms - renewal_margin_ms, least_pause_ms));
}

/// After a failure, the failures-th in a row (from 1).
constexpr std::int64_t retry_ms(Cause cause, unsigned failures,
    std::int64_t now_ms)
{
    if (cause == Cause::clock) {
        return now_ms + most_pause_ms;
    }

    if (cause != Cause::unreachable && cause != Cause::endpoint) {
        return now_ms + long_pause_ms;
    }

    unsigned doublings = std::min(failures > 0 ? failures - 1 : 0, 16u);

    return now_ms + std::min(least_pause_ms << doublings, most_pause_ms);
}

}

// How long what failed rests: the class table of interface.md, doubling, and
// the day.
#pragma once

#include "core/gemini/error.hpp"

#include <cstdint>

namespace gw::keys {

using gemini::FailureClass;

/// What a rest is, unpacked. All of it fits one 64-bit word, so that workers
/// change it with a single compare-and-swap and no reader sees half of it.
struct Rest {
    std::int64_t until_ms = 0;          // Unix ms; 0 with none: not resting
    FailureClass failure = FailureClass::none;
    std::uint8_t repeats = 0;           // failures in a row, for the doubling
    bool perhaps_daily = false;         // the last one was a mixed 429

    bool active(std::int64_t now_ms) const { return until_ms > now_ms; }
};

/// 44 bits of time, 4 of class, 8 of repeats, 1 flag.
std::uint64_t pack(const Rest &rest);
Rest unpack(std::uint64_t word);

/// A rest without an end: "until reset by hand, or a probe succeeds".
/// Rights that are granted take five to ten minutes to arrive everywhere.
constexpr std::int64_t rights_rest_ms = 600 * 1000;

constexpr std::int64_t no_end_ms = (std::int64_t{1} << 44) - 1;

constexpr std::int64_t min_rest_ms = 1000;
constexpr std::int64_t max_rest_ms = 24 * 3600 * 1000LL;
constexpr std::int64_t daily_from_ms = 5 * 60 * 1000LL;

/// A failure later than this after the rest's end is not a repetition: the
/// doubling starts over, and nothing in the ended rest means anything.
constexpr std::int64_t repeat_within_ms = 10 * 60 * 1000LL;

/// The operator's `cooldown CLASS TIME|off`.
struct CooldownRules {
    static constexpr std::int64_t by_default = -1;
    static constexpr std::int64_t off = 0;

    /// Milliseconds by FailureClass.
    std::int64_t time_ms[gemini::failure_classes] = {
        by_default, by_default, by_default, by_default,
        by_default, by_default, by_default, by_default
    };
};

/// The class the failure really is, given what came before: a mixed 429 that
/// comes again within daily_from_ms of its delay's end is the day's.
FailureClass settle_class(const Rest &before, const gemini::Verdict &verdict,
    std::int64_t now_ms);

/// The rest that follows. Upstream's own time comes first, clamped; then the
/// operator's; then the default, doubled for each repeat where the class
/// doubles. until_ms == 0: nothing rests (none, or `off`).
///
/// A rest that is still active is never shortened. The same class extends it
/// only by upstream's own later time and does not double it: many tries under
/// way fail together, and that is one failure. Of two classes the later end
/// stays. Doubling needs a rest that has ended, at most repeat_within_ms ago.
Rest next_rest(const Rest &before, const gemini::Verdict &verdict,
    const CooldownRules &rules, std::int64_t now_ms);

}

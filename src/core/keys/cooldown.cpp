// The arithmetic of rests. Rules: the class table of interface.md; evidence:
// reference/errors.md section 3, reference/quotas.md section 3.
#include "core/keys/cooldown.hpp"

#include "core/base/duration.hpp"

#include <algorithm>

namespace gw::keys {

namespace {

constexpr int time_bits = 44;
constexpr int class_bits = 4;
constexpr int repeats_bits = 8;

constexpr int class_shift = time_bits;
constexpr int repeats_shift = class_shift + class_bits;
constexpr int flag_shift = repeats_shift + repeats_bits;

constexpr std::uint8_t most_repeats = (1 << repeats_bits) - 1;

static_assert(gemini::failure_classes <= (1 << class_bits));

/// How a class rests when upstream names no time.
struct Default {
    std::int64_t time_ms;
    std::int64_t longest_ms;        // what doubling goes up to; 0: no doubling
    bool heeds_upstream;            // RetryInfo or Retry-After comes first
};

constexpr std::int64_t second_ms = 1000;
constexpr std::int64_t minute_ms = 60 * second_ms;

Default default_of(FailureClass failure)
{
    switch (failure) {

    case FailureClass::rate_limit:
        return { minute_ms, 10 * minute_ms, true };

    case FailureClass::unavailable:
    case FailureClass::gateway:
    case FailureClass::server_error:
        return { second_ms, minute_ms, true };

    case FailureClass::no_access:
        // The delay that comes with a limit of 0 is that of a minute's
        // quota and says nothing.
        return { max_rest_ms, 0, false };

    case FailureClass::daily_quota:
    case FailureClass::invalid:
    case FailureClass::none:
        break;
    }

    return { 0, 0, false };
}

/// Never reads as "no end": that is for the class that means it.
std::int64_t after(std::int64_t now_ms, std::int64_t time_ms)
{
    constexpr std::int64_t last_ms = no_end_ms - 1;

    return time_ms < last_ms - now_ms ? now_ms + time_ms : last_ms;
}

std::int64_t clamped(std::int64_t time_ms)
{
    return std::clamp(time_ms, min_rest_ms, max_rest_ms);
}

/// When upstream says the rest ends; 0: it does not say, or not to be heeded.
std::int64_t upstream_end(FailureClass failure,
    const gemini::Verdict &verdict, std::int64_t now_ms)
{
    if (!verdict.retry_after_ms) {
        return 0;
    }

    // Servers answer a used-up day with the delay of a minute as well.
    bool heeded = failure == FailureClass::daily_quota
        ? *verdict.retry_after_ms > daily_from_ms
        : default_of(failure).heeds_upstream;

    return heeded ? after(now_ms, clamped(*verdict.retry_after_ms)) : 0;
}

/// When it ends by the operator's time or the default.
std::int64_t own_end(FailureClass failure, const gemini::Verdict &verdict,
    std::uint8_t repeats, const CooldownRules &rules, std::int64_t now_ms)
{
    Default standard = default_of(failure);
    std::int64_t operators = rules.time_ms[static_cast<int>(failure)];

    if (operators == CooldownRules::by_default) {

        if (failure == FailureClass::invalid) {
            return verdict.wants_rights ? after(now_ms, rights_rest_ms)
                                        : no_end_ms;
        }

        if (failure == FailureClass::daily_quota) {
            return next_pacific_midnight(now_ms);
        }

    } else {
        standard.time_ms = operators;
    }

    std::int64_t time_ms = standard.time_ms;

    // A time above the cap is the operator's, and stays as it is.
    for (int i = 0; i < repeats && time_ms < standard.longest_ms; ++i) {
        time_ms = std::min(time_ms * 2, standard.longest_ms);
    }

    return after(now_ms, time_ms);
}

}

std::uint64_t pack(const Rest &rest)
{
    auto until = static_cast<std::uint64_t>(
        std::clamp<std::int64_t>(rest.until_ms, 0, no_end_ms));

    return until
        | static_cast<std::uint64_t>(rest.failure) << class_shift
        | static_cast<std::uint64_t>(rest.repeats) << repeats_shift
        | static_cast<std::uint64_t>(rest.perhaps_daily) << flag_shift;
}

Rest unpack(std::uint64_t word)
{
    auto failure = word >> class_shift & ((1u << class_bits) - 1);

    Rest rest;
    rest.until_ms = static_cast<std::int64_t>(
        word & static_cast<std::uint64_t>(no_end_ms));
    rest.failure = failure < gemini::failure_classes
        ? static_cast<FailureClass>(failure) : FailureClass::none;
    rest.repeats = static_cast<std::uint8_t>(
        word >> repeats_shift & most_repeats);
    rest.perhaps_daily = (word >> flag_shift & 1) != 0;

    return rest;
}

FailureClass settle_class(const Rest &before, const gemini::Verdict &verdict,
    std::int64_t now_ms)
{
    if (verdict.failure != FailureClass::rate_limit || !verdict.perhaps_daily) {
        return verdict.failure;
    }

    // While the first one's delay runs, more of the same come from tries that
    // were under way already: they prove nothing about the day.
    bool right_after = before.failure == FailureClass::rate_limit
        && before.perhaps_daily
        && !before.active(now_ms)
        && now_ms - before.until_ms <= daily_from_ms;

    return right_after ? FailureClass::daily_quota : FailureClass::rate_limit;
}

Rest next_rest(const Rest &before, const gemini::Verdict &verdict,
    const CooldownRules &rules, std::int64_t now_ms)
{
    FailureClass failure = settle_class(before, verdict, now_ms);

    if (failure == FailureClass::none
        || rules.time_ms[static_cast<int>(failure)] == CooldownRules::off)
    {
        return {};
    }

    std::int64_t upstream_ms = upstream_end(failure, verdict, now_ms);
    bool same = before.failure == failure;

    if (same && before.active(now_ms)) {
        // Tries that were under way when the rest began fail as the first
        // one did. They are the same failure, not a repetition of it.
        Rest rest = before;
        rest.until_ms = std::max(before.until_ms, upstream_ms);
        rest.perhaps_daily = before.perhaps_daily || verdict.perhaps_daily;

        return rest;
    }

    bool repeated = same && now_ms - before.until_ms <= repeat_within_ms;
    std::uint8_t repeats = repeated ? before.repeats : 0;

    Rest rest;
    rest.failure = failure;
    rest.repeats = repeats < most_repeats
        ? static_cast<std::uint8_t>(repeats + 1) : repeats;
    rest.perhaps_daily = verdict.perhaps_daily;
    rest.until_ms = upstream_ms != 0
        ? upstream_ms : own_end(failure, verdict, repeats, rules,
            now_ms);

    // Another class is resting here: whichever ends later.
    if (before.active(now_ms) && before.until_ms >= rest.until_ms) {
        return before;
    }

    return rest;
}

}

#include "keys_memory.hpp"

#include "core/base/duration.hpp"
#include "core/keys/cooldown.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw::keys;
using gw::gemini::Verdict;

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t hour = 60 * minute;

// 2026-01-15 20:00 UTC, noon Pacific.
constexpr std::int64_t noon = 1768507200000;

std::int64_t rest_of(FailureClass failure,
    std::optional<std::int64_t> retry_after_ms = std::nullopt,
    const CooldownRules &rules = {})
{
    Rest rest = next_rest({}, verdict_of(failure, retry_after_ms), rules,
        noon);

    return rest.until_ms == 0 ? 0 : rest.until_ms - noon;
}

CooldownRules rule(FailureClass failure, std::int64_t time_ms)
{
    CooldownRules rules;
    rules.time_ms[static_cast<int>(failure)] = time_ms;

    return rules;
}

Verdict mixed(std::optional<std::int64_t> retry_after_ms)
{
    Verdict verdict = verdict_of(FailureClass::rate_limit, retry_after_ms);
    verdict.perhaps_daily = true;

    return verdict;
}

TEST(KeysCooldown, ARestSurvivesBeingOneWord)
{
    for (int failure = 0; failure < 8; ++failure) {
        for (std::int64_t until : { std::int64_t{0}, noon, no_end_ms }) {
            for (int repeats : { 0, 1, 255 }) {
                for (bool daily : { false, true }) {
                    Rest rest;
                    rest.until_ms = until;
                    rest.failure = static_cast<FailureClass>(failure);
                    rest.repeats = static_cast<std::uint8_t>(repeats);
                    rest.perhaps_daily = daily;

                    Rest read = unpack(pack(rest));
                    EXPECT_EQ(read.until_ms, until);
                    EXPECT_EQ(read.failure, rest.failure);
                    EXPECT_EQ(read.repeats, rest.repeats);
                    EXPECT_EQ(read.perhaps_daily, daily);
                }
            }
        }
    }
}

TEST(KeysCooldown, ZeroedMemoryIsNoRest)
{
    Rest rest = unpack(0);
    EXPECT_FALSE(rest.active(1));
    EXPECT_EQ(pack(Rest{}), 0u);
}

TEST(KeysCooldown, TimesOutsideTheWordAreClamped)
{
    Rest rest;
    rest.until_ms = std::int64_t{1} << 60;
    EXPECT_EQ(unpack(pack(rest)).until_ms, no_end_ms);
    rest.until_ms = -5;
    EXPECT_EQ(unpack(pack(rest)).until_ms, 0);
}

TEST(KeysCooldown, EachClassRestsAsTheTableSays)
{
    struct Case {
        FailureClass failure;
        std::optional<std::int64_t> retry;
        std::int64_t rest;
    };

    const std::int64_t until_midnight = 12 * hour;

    for (const Case &c : {
        Case{FailureClass::none, std::nullopt, 0},
        Case{FailureClass::none, 5 * second, 0},
        Case{FailureClass::invalid, std::nullopt, no_end_ms - noon},
        Case{FailureClass::invalid, 5 * second, no_end_ms - noon},
        Case{FailureClass::rate_limit, std::nullopt, minute},
        Case{FailureClass::rate_limit, 7 * second, 7 * second},
        Case{FailureClass::rate_limit, 0, second},
        Case{FailureClass::rate_limit, 1, second},
        Case{FailureClass::rate_limit, 48 * hour, 24 * hour},
        Case{FailureClass::daily_quota, std::nullopt, until_midnight},
        Case{FailureClass::daily_quota, 964, until_midnight},
        Case{FailureClass::daily_quota, 5 * minute, until_midnight},
        Case{FailureClass::daily_quota, 5 * minute + 1, 5 * minute + 1},
        Case{FailureClass::daily_quota, 48 * hour, 24 * hour},
        Case{FailureClass::no_access, std::nullopt, 24 * hour},
        Case{FailureClass::no_access, 5 * second, 24 * hour},
        Case{FailureClass::unavailable, std::nullopt, second},
        Case{FailureClass::unavailable, 30 * second, 30 * second},
        Case{FailureClass::gateway, std::nullopt, second},
        Case{FailureClass::gateway, 2 * hour, 2 * hour},
        Case{FailureClass::server_error, std::nullopt, second},
        Case{FailureClass::server_error, 3 * second, 3 * second} })
    {
        EXPECT_EQ(rest_of(c.failure, c.retry), c.rest)
            << gw::gemini::name_of(c.failure) << " "
            << c.retry.value_or(-1);
    }
}

TEST(KeysCooldown, DoublingClassesDoubleUpToTheirCap)
{
    struct Case {
        FailureClass failure;
        std::vector<std::int64_t> seconds;
    };

    for (const Case &c : {
        Case{FailureClass::rate_limit, {60, 120, 240, 480, 600, 600}},
        Case{FailureClass::unavailable, {1, 2, 4, 8, 16, 32, 60, 60}},
        Case{FailureClass::gateway, {1, 2, 4, 8, 16, 32, 60, 60}},
        Case{FailureClass::server_error, {1, 2, 4, 8, 16, 32, 60, 60}},
        Case{FailureClass::no_access, {86400, 86400}} })
    {
        Rest rest;
        std::int64_t now = noon;

        for (std::int64_t seconds : c.seconds) {
            rest = next_rest(rest, verdict_of(c.failure), {}, now);
            EXPECT_EQ(rest.until_ms - now, seconds * second)
                << gw::gemini::name_of(c.failure);
            now = rest.until_ms;
        }
    }
}

TEST(KeysCooldown, ManyFailuresInARowNeverOverflow)
{
    Rest rest;
    std::int64_t now = noon;

    for (int i = 0; i < 1000; ++i) {
        rest = next_rest(rest, verdict_of(FailureClass::rate_limit), {}, now);
        now = rest.until_ms;
    }

    EXPECT_EQ(rest.repeats, 255);
    EXPECT_EQ(next_rest(rest, verdict_of(FailureClass::rate_limit), {}, now)
                  .until_ms - now, 10 * minute);
}

TEST(KeysCooldown, TenMinutesAfterItsEndTheDoublingStartsOver)
{
    Verdict verdict = verdict_of(FailureClass::unavailable);
    Rest first = next_rest({}, verdict, {}, noon);
    Rest second_one = next_rest(first, verdict, {}, first.until_ms);

    std::int64_t late = second_one.until_ms + 10 * minute;
    EXPECT_EQ(next_rest(second_one, verdict, {}, late).until_ms - late,
        4 * second);
    ++late;
    EXPECT_EQ(next_rest(second_one, verdict, {}, late).until_ms - late,
        second);
}

TEST(KeysCooldown, AnotherClassStartsItsOwnDoubling)
{
    Rest rest;
    std::int64_t now = noon;

    for (int i = 0; i < 4; ++i) {
        rest = next_rest(rest, verdict_of(FailureClass::unavailable), {}, now);
        now = rest.until_ms;
    }

    rest = next_rest(rest, verdict_of(FailureClass::gateway), {}, now);
    EXPECT_EQ(rest.until_ms - now, second);
    EXPECT_EQ(rest.repeats, 1);
}

TEST(KeysCooldown, FailuresWhileItRestsAreTheSameFailure)
{
    Verdict verdict = verdict_of(FailureClass::rate_limit);
    Rest first = next_rest({}, verdict, {}, noon);

    for (int i = 0; i < 10; ++i) {
        Rest rest = next_rest(first, verdict, {}, noon + i);
        EXPECT_EQ(pack(rest), pack(first));
    }
}

TEST(KeysCooldown, UpstreamsLaterTimeExtendsARestAndAnEarlierDoesNot)
{
    Rest rest = next_rest({}, verdict_of(FailureClass::rate_limit), {}, noon);

    Rest later = next_rest(rest,
        verdict_of(FailureClass::rate_limit, 90 * second), {}, noon);
    EXPECT_EQ(later.until_ms, noon + 90 * second);
    EXPECT_EQ(later.repeats, rest.repeats);

    Rest earlier = next_rest(rest,
        verdict_of(FailureClass::rate_limit, 5 * second), {}, noon);
    EXPECT_EQ(earlier.until_ms, rest.until_ms);
}

TEST(KeysCooldown, OfTwoClassesTheLaterEndStays)
{
    Rest daily = next_rest({}, verdict_of(FailureClass::daily_quota), {},
        noon);
    Rest same = next_rest(daily, verdict_of(FailureClass::unavailable), {},
        noon);
    EXPECT_EQ(pack(same), pack(daily));

    Rest brief = next_rest({}, verdict_of(FailureClass::unavailable), {},
        noon);
    Rest longer = next_rest(brief, verdict_of(FailureClass::daily_quota), {},
        noon);
    EXPECT_EQ(longer.until_ms, daily.until_ms);
    EXPECT_EQ(longer.failure, FailureClass::daily_quota);

    Rest invalid = next_rest({}, verdict_of(FailureClass::invalid), {}, noon);
    EXPECT_EQ(pack(next_rest(invalid, verdict_of(FailureClass::no_access), {},
                  noon)), pack(invalid));
}

TEST(KeysCooldown, TheOperatorsTimeReplacesTheDefault)
{
    struct Case {
        FailureClass failure;
        std::optional<std::int64_t> retry;
        std::int64_t operators;
        std::int64_t rest;
    };

    for (const Case &c : {
        Case{FailureClass::invalid, std::nullopt, hour, hour},
        Case{FailureClass::invalid, 5 * second, hour, hour},
        Case{FailureClass::rate_limit, std::nullopt, 5 * second, 5 * second},
        Case{FailureClass::rate_limit, 7 * second, 5 * second, 7 * second},
        Case{FailureClass::daily_quota, std::nullopt, hour, hour},
        Case{FailureClass::daily_quota, 50 * second, hour, hour},
        Case{FailureClass::daily_quota, 9 * hour, hour, 9 * hour},
        Case{FailureClass::no_access, 5 * second, hour, hour},
        Case{FailureClass::no_access, std::nullopt, 48 * hour, 48 * hour},
        Case{FailureClass::unavailable, std::nullopt, 100, 100},
        Case{FailureClass::gateway, std::nullopt, hour, hour} })
    {
        EXPECT_EQ(rest_of(c.failure, c.retry, rule(c.failure, c.operators)),
            c.rest) << gw::gemini::name_of(c.failure);
    }
}

TEST(KeysCooldown, TheOperatorsTimeDoublesToTheCapOrStaysAboveIt)
{
    struct Case {
        FailureClass failure;
        std::int64_t operators;
        std::vector<std::int64_t> rests;
    };

    for (const Case &c : {
        Case{FailureClass::rate_limit, 4 * minute,
             {4 * minute, 8 * minute, 10 * minute, 10 * minute}},
        Case{FailureClass::rate_limit, hour, {hour, hour}},
        Case{FailureClass::unavailable, 25 * second,
             {25 * second, 50 * second, minute, minute}},
        Case{FailureClass::unavailable, 2 * minute,
             {2 * minute, 2 * minute}} })
    {
        Rest rest;
        std::int64_t now = noon;
        CooldownRules rules = rule(c.failure, c.operators);

        for (std::int64_t expected : c.rests) {
            rest = next_rest(rest, verdict_of(c.failure), rules, now);
            EXPECT_EQ(rest.until_ms - now, expected);
            now = rest.until_ms;
        }
    }
}

TEST(KeysCooldown, OffNeverRests)
{
    for (int i = 0; i < 8; ++i) {
        auto failure = static_cast<FailureClass>(i);
        CooldownRules rules = rule(failure, CooldownRules::off);

        EXPECT_EQ(rest_of(failure, std::nullopt, rules), 0);
        EXPECT_EQ(rest_of(failure, hour, rules), 0);
    }
}

TEST(KeysCooldown, AnAbsurdOperatorsTimeHasAnEndInTheWord)
{
    std::int64_t forever = std::int64_t{1} << 62;
    Rest rest = next_rest({}, verdict_of(FailureClass::unavailable),
        rule(FailureClass::unavailable, forever), noon);
    EXPECT_EQ(rest.until_ms, no_end_ms - 1);
}

TEST(KeysCooldown, AMixedFailureRightAfterItsDelayIsTheDays)
{
    Rest first = next_rest({}, mixed(30 * second), {}, noon);
    EXPECT_EQ(first.failure, FailureClass::rate_limit);
    EXPECT_EQ(first.until_ms, noon + 30 * second);

    for (std::int64_t after : { std::int64_t{0}, minute, 5 * minute }) {
        std::int64_t now = first.until_ms + after;
        EXPECT_EQ(settle_class(first, mixed(30 * second), now),
            FailureClass::daily_quota);

        Rest rest = next_rest(first, mixed(30 * second), {}, now);
        EXPECT_EQ(rest.failure, FailureClass::daily_quota);
        EXPECT_EQ(rest.until_ms, gw::next_pacific_midnight(now));
    }
}

TEST(KeysCooldown, AMixedFailureOtherwiseStaysTheMinutes)
{
    Rest first = next_rest({}, mixed(30 * second), {}, noon);

    // Still resting: it was under way with the first one.
    EXPECT_EQ(settle_class(first, mixed(30 * second), noon + 1),
        FailureClass::rate_limit);
    // Long after.
    EXPECT_EQ(settle_class(first, mixed(30 * second),
                  first.until_ms + 5 * minute + 1), FailureClass::rate_limit);
    // Not mixed this time.
    EXPECT_EQ(settle_class(first, verdict_of(FailureClass::rate_limit),
                  first.until_ms), FailureClass::rate_limit);
    // Not mixed the time before.
    Rest plain = next_rest({}, verdict_of(FailureClass::rate_limit), {},
        noon);
    EXPECT_EQ(settle_class(plain, mixed(30 * second), plain.until_ms),
        FailureClass::rate_limit);
    // Something else before.
    Rest other = next_rest({}, verdict_of(FailureClass::unavailable), {},
        noon);
    EXPECT_EQ(settle_class(other, mixed(30 * second), other.until_ms),
        FailureClass::rate_limit);
    EXPECT_EQ(settle_class({}, mixed(30 * second), noon),
        FailureClass::rate_limit);
}

TEST(KeysCooldown, TheDayEndsAtPacificMidnightInSummerAndWinter)
{
    // 2026-07-01 00:00 UTC is 17:00 Pacific daylight time the day before.
    std::int64_t summer = 1782864000000;
    Rest rest = next_rest({}, verdict_of(FailureClass::daily_quota), {},
        summer);
    EXPECT_EQ(rest.until_ms - summer, 7 * hour);

    // 2026-01-01 00:00 UTC is 16:00 Pacific standard time.
    std::int64_t winter = 1767225600000;
    rest = next_rest({}, verdict_of(FailureClass::daily_quota), {}, winter);
    EXPECT_EQ(rest.until_ms - winter, 8 * hour);
}

TEST(KeysCooldown, WantOfRightsIsNotForEver)
{
    Verdict verdict;
    verdict.failure = FailureClass::invalid;
    EXPECT_EQ(next_rest({}, verdict, {}, noon).until_ms, no_end_ms);
    verdict.wants_rights = true;
    EXPECT_EQ(next_rest({}, verdict, {}, noon).until_ms,
        noon + rights_rest_ms);

    CooldownRules rules;
    rules.time_ms[static_cast<int>(FailureClass::invalid)] = 5000;
    EXPECT_EQ(next_rest({}, verdict, rules, noon).until_ms, noon + 5000);
}

}

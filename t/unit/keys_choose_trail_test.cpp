#include "keys_choose.hpp"

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace gw::keys;

Limits four_limits()
{
    Limits limits;
    limits.rpm = 3;
    limits.rpd = 5;
    limits.tpm = 1000;
    limits.tpd = 2000;

    return limits;
}

std::vector<Step> steps(const Choice &choice)
{
    return std::vector<Step>(choice.trail.steps,
        choice.trail.steps + choice.trail.count);
}

const Step *step_of(const Choice &choice, std::size_t credential)
{
    for (std::size_t i = 0; i < choice.trail.count; ++i) {
        if (choice.trail.steps[i].credential == credential) {
            return &choice.trail.steps[i];
        }
    }

    return nullptr;
}

/// "0 taken, 1 passed_over"
std::string told(const Choice &choice)
{
    std::string text;

    for (const Step &step : steps(choice)) {
        text += text.empty() ? "" : ", ";
        text += std::to_string(step.credential) + " ";
        text += name_of(step.why);
    }

    return text;
}

TEST(KeysChooseTrail, SaysOfEachKeyLookedAtWhatBecameOfIt)
{
    Bench bench(credentials(5), by(Balance::headroom));

    EXPECT_EQ(told(bench.choose()), "0 taken, 1 passed_over, "
        "2 passed_over, 3 passed_over, 4 passed_over");

    bench.rest(1, FailureClass::rate_limit, "m", 30000);
    bench.rest(2, FailureClass::invalid);

    Choice choice = bench.choose("m", {3});
    EXPECT_EQ(told(choice), "0 passed_over, 1 resting, 2 resting, 3 tried, "
        "4 taken");
    EXPECT_EQ(choice.trail.steps[1].failure, FailureClass::rate_limit);
    EXPECT_EQ(choice.trail.steps[1].back_at_ms, now + 30000);
    EXPECT_EQ(choice.trail.steps[2].failure, FailureClass::invalid);
    EXPECT_EQ(choice.trail.steps[3].back_at_ms, 0);
}

TEST(KeysChooseTrail, AKeyThatWasTriedAndRestsSaysOfWhat)
{
    Bench bench(credentials(2), by(Balance::headroom));
    bench.rest(0, FailureClass::unavailable, "m", 4000);

    Choice choice = bench.choose("m", {0});
    EXPECT_EQ(told(choice), "0 tried, 1 taken");
    EXPECT_EQ(choice.trail.steps[0].failure, FailureClass::unavailable);
    EXPECT_EQ(choice.trail.steps[0].back_at_ms, now + 4000);
}

TEST(KeysChooseTrail, RoundRobinTellsOfThoseOnTheWayOnly)
{
    Bench bench(credentials(5), by(Balance::round_robin));
    bench.rest(0, FailureClass::no_access);
    bench.rest(1, FailureClass::no_access);

    EXPECT_EQ(told(bench.choose()), "0 resting, 1 resting, 2 taken");
    EXPECT_EQ(told(bench.choose()), "3 taken");
}

TEST(KeysChooseTrail, NamesTheQuotaThatIsUsedUp)
{
    struct Case {
        std::int64_t minute;            // requests this minute,
        std::int64_t minute_tokens;     // of so many tokens each,
        std::int64_t earlier;           // and earlier today
        std::int64_t earlier_tokens;
        std::int64_t tokens;
        Why why;
    };

    for (const Case &c : {
        Case{3, 0, 0, 0, 0, Why::over_rpm},
        Case{1, 0, 4, 0, 0, Why::over_rpd},
        Case{1, 600, 0, 0, 500, Why::over_tpm},
        Case{1, 100, 2, 900, 500, Why::over_tpd} })
    {
        for (Balance balance : balances) {
            Bench bench(credentials(1), by(balance, four_limits()));

            for (int i = 0; i < c.earlier; ++i) {
                bench.pool.charge(0, "m", c.earlier_tokens, now);
            }

            bench.passed_ms = 120000;

            for (int i = 0; i < c.minute; ++i) {
                bench.pool.charge(0, "m", c.minute_tokens, now + 120000);
            }

            bench.tokens = c.tokens;
            Choice choice = bench.choose();
            EXPECT_FALSE(choice.ok());
            ASSERT_EQ(choice.trail.count, 1u);
            EXPECT_EQ(choice.trail.steps[0].why, c.why)
                << name_of(choice.trail.steps[0].why);
            EXPECT_EQ(choice.trail.steps[0].back_at_ms, choice.back_at_ms);
            EXPECT_GT(choice.back_at_ms, now + 120000);
        }
    }
}

TEST(KeysChooseTrail, TheSoonestIsTakenInSpiteOfItsRest)
{
    Bench bench(credentials(2), by(Balance::headroom));
    bench.rest(0, FailureClass::unavailable, "m", 9000);
    bench.rest(1, FailureClass::server_error, "m", 5000);

    Choice choice = bench.soonest();
    EXPECT_EQ(told(choice), "0 resting, 1 taken");
    EXPECT_EQ(choice.trail.steps[1].failure, FailureClass::server_error);
    EXPECT_EQ(choice.trail.steps[1].back_at_ms, now + 5000);
}

TEST(KeysChooseTrail, ASickStickyKeyStandsInItOnce)
{
    PoolOptions options = by(Balance::headroom);
    options.sticky = true;
    Bench bench(credentials(6), options);

    std::size_t own = bench.choose("m", {}, 77).credential;
    EXPECT_EQ(told(bench.choose("m", {}, 77)),
        std::to_string(own) + " taken");

    bench.rest(own, FailureClass::unavailable);
    Choice choice = bench.choose("m", {}, 77);
    EXPECT_EQ(choice.trail.count, 6u);
    ASSERT_NE(step_of(choice, own), nullptr);
    EXPECT_EQ(step_of(choice, own)->why, Why::resting);
}

TEST(KeysChooseTrail, NobodyStandsInItTwice)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 3u, 12u, 16u, 17u, 60u }) {
            std::vector<Credential> list = credentials(keys);

            for (std::size_t i = 0; i < keys; ++i) {
                list[i].weight = 1 + i % 4;
            }

            Bench bench(std::move(list), by(balance));

            for (std::size_t i = 0; i < keys; ++i) {
                if (i % 5 != 1) {
                    bench.rest(i, FailureClass::unavailable);
                }
            }

            for (int n = 0; n < 50; ++n) {
                Choice choice = bench.choose();
                std::set<std::size_t> seen;
                int taken = 0;

                for (const Step &step : steps(choice)) {
                    EXPECT_TRUE(seen.insert(step.credential).second)
                        << told(choice);
                    taken += step.why == Why::taken;
                }

                ASSERT_TRUE(choice.ok());
                EXPECT_EQ(taken, 1) << told(choice);
                ASSERT_NE(step_of(choice, choice.credential), nullptr);
                EXPECT_EQ(step_of(choice, choice.credential)->why,
                    Why::taken);
            }
        }
    }
}

TEST(KeysChooseTrail, OfALargePoolItHasTheOneTakenToo)
{
    for (Balance balance : balances) {
        Bench bench(credentials(100), by(balance));

        for (std::size_t i = 0; i < 100; ++i) {
            if (i != 60) {
                bench.rest(i, FailureClass::unavailable);
            }
        }

        Choice choice = bench.choose();
        EXPECT_EQ(choice.credential, 60u);
        EXPECT_EQ(choice.trail.count, Trail::most);
        EXPECT_NE(step_of(choice, 60), nullptr);
    }
}

TEST(KeysChooseTrail, IsKeptForTheOperator)
{
    Bench bench(credentials(3), by(Balance::headroom));
    bench.rest(0, FailureClass::rate_limit, "gemini-2.5-pro", 30000);

    Wanted wanted = bench.wanted("gemini-2.5-pro");
    wanted.request[0] = 11;
    wanted.request[1] = 22;
    Choice choice = bench.pool.choose(wanted);
    ASSERT_TRUE(choice.ok());

    // Of no model: a list of models is asked for.
    bench.choose("");

    std::vector<KeptTrail> kept = bench.pool.trails(10);
    ASSERT_EQ(kept.size(), 1u);
    EXPECT_EQ(kept[0].at_ms, now);
    EXPECT_EQ(kept[0].request[0], 11u);
    EXPECT_EQ(kept[0].request[1], 22u);
    EXPECT_EQ(bench.pool.model_name(kept[0].model), "gemini-2.5-pro");
    ASSERT_EQ(kept[0].marks.size(), choice.trail.count);

    for (std::size_t i = 0; i < choice.trail.count; ++i) {
        const Step &step = choice.trail.steps[i];
        const KeptTrail::Mark &mark = kept[0].marks[i];

        EXPECT_EQ(mark.credential_id,
            bench.pool.credentials()[step.credential].id);
        EXPECT_EQ(mark.why, step.why);
        EXPECT_EQ(mark.failure, step.failure);
        EXPECT_EQ(mark.back_at_ms, step.back_at_ms);
    }
}

TEST(KeysChooseTrail, OfAShortageIsKeptToo)
{
    Bench bench(credentials(30), by(Balance::headroom));

    for (std::size_t i = 0; i < 30; ++i) {
        bench.rest(i, FailureClass::unavailable, "m", 30000);
    }

    // The second time nobody is looked at.
    EXPECT_FALSE(bench.choose().ok());
    EXPECT_FALSE(bench.choose().ok());

    std::vector<KeptTrail> kept = bench.pool.trails(10);
    ASSERT_EQ(kept.size(), 2u);

    for (const KeptTrail &one : kept) {
        ASSERT_EQ(one.marks.size(), Trail::most);
        EXPECT_EQ(one.marks[0].why, Why::resting);
        EXPECT_EQ(one.marks[0].failure, FailureClass::unavailable);
        EXPECT_EQ(one.marks[0].back_at_ms, now + 30000);
    }
}

}

#include "core/keys/probe_plan.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using gw::keys::ProbePlan;

constexpr std::int64_t start = 1000000;
constexpr std::int64_t minute = 60000;

TEST(KeysProbePlan, ARoundIsSpreadOverTheInterval)
{
    for (std::uint64_t random : { 0ull, 1ull, 77ull, ~0ull }) {
        ProbePlan plan(minute, 3);
        std::vector<std::int64_t> asked;

        ASSERT_TRUE(plan.round_over(start));
        plan.begin_round({ 1, 2, 3, 4 }, false, random, start);

        for (std::int64_t now = start; now <= start + minute; now += 100) {
            while (auto id = plan.take_due(now)) {
                asked.push_back(now - start);
                EXPECT_EQ(*id, asked.size());
            }

            EXPECT_EQ(plan.round_over(now), now == start + minute);
        }

        ASSERT_EQ(asked.size(), 4u);

        for (std::size_t i = 0; i < 4; ++i) {
            auto share = static_cast<std::int64_t>(i) * minute / 4;
            EXPECT_GE(asked[i], share);
            EXPECT_LE(asked[i], share + minute / 4 + 100);
        }
    }
}

TEST(KeysProbePlan, AFirstRoundIsDueAtOnce)
{
    ProbePlan plan(minute, 3);
    plan.begin_round({ 7, 5, 6 }, true, 9, start);

    EXPECT_EQ(plan.take_due(start), 7u);
    EXPECT_EQ(plan.take_due(start), 5u);
    EXPECT_EQ(plan.take_due(start), 6u);
    EXPECT_EQ(plan.take_due(start + minute), std::nullopt);
    EXPECT_FALSE(plan.round_over(start + minute - 1));
    EXPECT_TRUE(plan.round_over(start + minute));
}

TEST(KeysProbePlan, ARoundWithoutKeysLastsAsLong)
{
    ProbePlan plan(minute, 3);
    plan.begin_round({}, false, 9, start);

    EXPECT_EQ(plan.take_due(start + minute), std::nullopt);
    EXPECT_FALSE(plan.round_over(start));
    EXPECT_TRUE(plan.round_over(start + minute));
}

TEST(KeysProbePlan, ARefusedKeyIsAskedAgainUntilItIsOut)
{
    ProbePlan plan(minute, 3);
    plan.begin_round({ 1 }, true, 0, start);

    ASSERT_EQ(plan.take_due(start), 1u);
    EXPECT_FALSE(plan.refused(1, start));

    std::int64_t now = start + ProbePlan::doubt_ms;
    EXPECT_EQ(plan.take_due(now - 1), std::nullopt);
    ASSERT_EQ(plan.take_due(now), 1u);
    EXPECT_FALSE(plan.refused(1, now));

    now += ProbePlan::doubt_ms;
    ASSERT_EQ(plan.take_due(now), 1u);
    EXPECT_TRUE(plan.refused(1, now));

    EXPECT_EQ(plan.take_due(now + ProbePlan::doubt_ms), std::nullopt);
}

TEST(KeysProbePlan, OnlyRefusalsInARowCount)
{
    ProbePlan plan(minute, 2);
    plan.begin_round({ 1 }, true, 0, start);

    EXPECT_FALSE(plan.refused(1, start));
    plan.lives(1);
    EXPECT_FALSE(plan.refused(1, start));
    // It says nothing, so it does not end the row.
    plan.unclear(1, start);
    EXPECT_TRUE(plan.refused(1, start));
}

TEST(KeysProbePlan, AKeyInDoubtIsAskedAgainAfterSilence)
{
    ProbePlan plan(minute, 2);
    plan.begin_round({ 1, 2 }, true, 0, start);

    static_cast<void>(plan.take_due(start));
    static_cast<void>(plan.take_due(start));
    EXPECT_FALSE(plan.refused(1, start));

    std::int64_t now = start + ProbePlan::doubt_ms;
    ASSERT_EQ(plan.take_due(now), 1u);
    plan.unclear(1, now);
    plan.unclear(2, now);

    now += ProbePlan::doubt_ms;
    EXPECT_EQ(plan.take_due(now), 1u);
    EXPECT_EQ(plan.take_due(now), std::nullopt);
}

TEST(KeysProbePlan, AShortIntervalIsNotOutlastedByDoubt)
{
    ProbePlan plan(1000, 2);
    plan.begin_round({ 1 }, true, 0, start);

    ASSERT_EQ(plan.take_due(start), 1u);
    EXPECT_FALSE(plan.refused(1, start));
    EXPECT_EQ(plan.take_due(start + 1000), 1u);
}

TEST(KeysProbePlan, WhatIsKnownOfAKeyGoesWithIt)
{
    ProbePlan plan(minute, 2);
    plan.begin_round({ 1 }, true, 0, start);
    EXPECT_FALSE(plan.refused(1, start));

    plan.begin_round({ 2 }, true, 0, start);
    EXPECT_FALSE(plan.refused(1, start));
}

}

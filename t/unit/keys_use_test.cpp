#include "keys_use.hpp"

#include "core/base/duration.hpp"
#include "core/keys/use.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;

TEST(KeysUse, EachQuantityHasItsLimitAndARefusalLeavesNothing)
{
    struct {
        const char *name;
        Limits limits;
        std::int64_t tokens;
        int passes;
    } cases[] = {
        { "none", {}, 100, 50 },
        { "rpm", limits_of(3), 100, 3 },
        { "rpd", limits_of(0, 4), 100, 4 },
        { "tpm", limits_of(0, 0, 1000), 100, 10 },
        { "tpm does not divide", limits_of(0, 0, 1000), 300, 3 },
        { "tpd", limits_of(0, 0, 0, 250), 100, 2 },
        { "the smallest", limits_of(9, 8, 700, 1000), 100, 7 },
        { "no tokens", limits_of(0, 0, 1000), 0, 50 },
        { "larger than the limit", limits_of(0, 0, 50), 100, 1 },
        { "larger than the day's", limits_of(0, 0, 0, 50), 100, 1 }
    };

    for (const auto &c : cases) {
        for (std::uint32_t hosts : { 1u, 2u }) {
            auto record = record_of(7);
            int passed = 0;

            // Two hosts: only what is reserved without a share is exact.
            HostShare share;
            share.count = c.limits.rpm || c.limits.rpd ? 1 : hosts;

            for (int i = 0; i < 50; ++i) {
                bool open = quota_standing(record.get(), c.limits, c.tokens,
                    share, start).open;
                bool taken = take(*record, c.limits, c.tokens, start, share);
                EXPECT_EQ(open, taken) << c.name << " " << i;
                passed += taken;
            }

            EXPECT_EQ(passed, c.passes) << c.name;
            Counts all = { passed, passed, passed * c.tokens,
                           passed * c.tokens, passed, passed * c.tokens };
            EXPECT_TRUE(counts_of(*record) == all) << c.name;
        }
    }
}

TEST(KeysUse, AStandingNamesWhatIsUsedUpAndWhenItIsBack)
{
    auto record = record_of(7);
    ASSERT_TRUE(take(*record, {}, 600));

    struct {
        Limits limits;
        std::int64_t tokens;
        bool open;
        Quantity over;
        std::int64_t back_at_ms;
        std::uint32_t used;
    } cases[] = {
        { {}, 0, true, Quantity::rpm, 0, 0 },
        { limits_of(2), 0, true, Quantity::rpm, 0, 500000 },
        { limits_of(1), 0, false, Quantity::rpm, start + 64 * second,
            1000000 },
        { limits_of(4, 1), 0, false, Quantity::rpd,
            gw::next_pacific_midnight(start), 1000000 },
        { limits_of(4, 0, 1000), 400, true, Quantity::rpm, 0, 600000 },
        { limits_of(4, 0, 1000), 401, false, Quantity::tpm,
            start + 64 * second, 600000 },
        { limits_of(4, 0, 500), 0, false, Quantity::tpm,
            start + 64 * second, 1000000 },
        { limits_of(1, 0, 0, 800), 300, false, Quantity::tpd,
            gw::next_pacific_midnight(start), 1000000 }
    };

    for (const auto &c : cases) {
        QuotaStanding standing = quota_standing(record.get(), c.limits,
            c.tokens, {}, start);
        EXPECT_EQ(standing.open, c.open);
        EXPECT_EQ(standing.back_at_ms, c.back_at_ms);
        EXPECT_EQ(standing.used, c.used);

        if (!c.open) {
            EXPECT_EQ(standing.over, c.over);
        }
    }

    EXPECT_TRUE(quota_standing(nullptr, limits_of(1), 5, {}, start).open);
}

TEST(KeysUse, WorkersTogetherPassExactlyTheLimit)
{
    struct {
        Limits limits;
        std::int64_t tokens;
        int passes;
        HostShare share;
    } cases[] = {
        { limits_of(100), 10, 100, {} },
        { limits_of(0, 100), 10, 100, {} },
        { limits_of(0, 0, 1000), 10, 100, {} },
        { limits_of(0, 0, 0, 1000), 10, 100, {} },
        { limits_of(200, 0), 0, 100, { 2, 0 } },
        { limits_of(0, 300), 0, 100, { 3, 1 } }
    };

    for (const auto &c : cases) {
        for (int round = 0; round < 20; ++round) {
            auto record = record_of(6);
            std::atomic<int> passed{0};
            std::vector<std::thread> workers;

            for (int i = 0; i < 4; ++i) {
                workers.emplace_back([&, i] {
                    // Next to an edge of slots: some count into the next.
                    std::int64_t now = start + i % 2 - 1;
                    now -= c.share.count > 1 ? 500 : 0;

                    for (int refused = 0; refused < 100; ) {
                        take(*record, c.limits, c.tokens, now, c.share)
                            ? ++passed : ++refused;
                    }
                });
            }

            for (std::thread &one : workers) {
                one.join();
            }

            EXPECT_EQ(passed, c.passes);
            EXPECT_EQ(counts_of(*record).rpm, c.passes);
            EXPECT_EQ(counts_of(*record).rpd, c.passes);
            EXPECT_EQ(counts_of(*record).tpm, c.passes * c.tokens);
            EXPECT_EQ(counts_of(*record).tpd, c.passes * c.tokens);
            EXPECT_EQ(counts_of(*record).unsent_requests, c.passes);
        }
    }
}

TEST(KeysUse, SettlingAndGivingBackGoToTheMomentOfTheReservation)
{
    auto record = record_of(7);
    Reservation first, second_one;
    ASSERT_TRUE(reserve(*record, {}, 100, {}, start, first));
    ASSERT_TRUE(reserve(*record, {}, 50, {}, start + 8 * second, second_one));

    settle(*record, first, 30);
    EXPECT_TRUE(counts_of(*record, start + 8 * second)
                == (Counts{ 2, 2, 80, 80, 2, 80 }));

    settle(*record, second_one, 90);
    EXPECT_TRUE(counts_of(*record, start + 8 * second)
                == (Counts{ 2, 2, 120, 120, 2, 120 }));
    EXPECT_EQ(record->tokens_minute.sum(start + 65 * second), 90);

    Reservation third;
    ASSERT_TRUE(reserve(*record, {}, 40, { 2, 0 }, start, third));
    give_back(*record, third);
    EXPECT_TRUE(counts_of(*record, start + 8 * second)
                == (Counts{ 2, 2, 120, 120, 2, 120 }));
    EXPECT_EQ(record->recent.load() & 0xfffffff, 0u);
}

TEST(KeysUse, AMinuteOrADayThatIsOverIsNotTouched)
{
    std::int64_t midnight = gw::next_pacific_midnight(start);
    std::int64_t later = midnight + 2 * minute;

    for (bool given_back : { false, true }) {
        for (std::int64_t tokens : { 10, 900 }) {
            auto record = record_of(7);
            Reservation old, other;
            ASSERT_TRUE(reserve(*record, {}, 100, {}, midnight - 1, old));
            ASSERT_TRUE(reserve(*record, {}, 20, {}, later, other));
            Counts before = counts_of(*record, later);

            if (given_back) {
                give_back(*record, old);
            } else {
                settle(*record, old, tokens);
            }

            EXPECT_TRUE(counts_of(*record, later) == before);
        }
    }
}

TEST(KeysUse, ARecordThatIsAnothersByNowIsNotSettled)
{
    auto record = record_of(7);
    Reservation old;
    ASSERT_TRUE(reserve(*record, {}, 100, {}, start, old));
    record->id.store(8);
    Counts before = counts_of(*record);

    settle(*record, old, 7);
    give_back(*record, old);
    settle(*record, {}, 7);
    EXPECT_TRUE(counts_of(*record) == before);
}

TEST(KeysUse, LearnedLimitsKeepTheirValueAndTheMinute)
{
    for (std::int64_t value : { INT64_C(1), INT64_C(250000),
                                (INT64_C(1) << 36) - 1, INT64_C(1) << 40 })
    {
        Learned read = unpack_learned(pack({ value, start + 59999 }));
        EXPECT_EQ(read.value, std::min(value, (INT64_C(1) << 36) - 1));
        EXPECT_EQ(read.since_ms, start);
    }

    EXPECT_EQ(unpack_learned(0).value, 0);
    EXPECT_EQ(unpack_learned(pack({ -1, -1 })).value, 0);
}

TEST(KeysUse, OfAConfiguredAndALearnedLimitTheSmallerHoldsForADay)
{
    auto record = record_of(7);
    EXPECT_TRUE(learn(*record, Quantity::rpm, 5, start));
    EXPECT_FALSE(learn(*record, Quantity::rpm, 5, start + minute));
    EXPECT_TRUE(learn(*record, Quantity::tpd, 900, start));
    EXPECT_TRUE(learn(*record, Quantity::tpd, 800, start));

    Limits known = known_limits(record.get(), limits_of(4, 100, 0, 1000),
        start);
    EXPECT_EQ(known.rpm, 4);
    EXPECT_EQ(known.rpd, 100);
    EXPECT_EQ(known.tpm, 0);
    EXPECT_EQ(known.tpd, 800);
    EXPECT_EQ(known_limits(record.get(), {}, start).rpm, 5);

    std::int64_t end = start + minute + Learned::holds_ms;
    EXPECT_EQ(known_limits(record.get(), {}, end - 1).rpm, 5);
    EXPECT_EQ(known_limits(record.get(), {}, end).rpm, 0);
    EXPECT_EQ(known_limits(nullptr, limits_of(3), start).rpm, 3);
    EXPECT_TRUE(learn(*record, Quantity::rpm, 5, end));
}

TEST(KeysUse, WhatOthersTakeBackComesOutOfEarlierSlotsToo)
{
    auto record = record_of(7);
    add_remote(*record, 3, 900, start);
    add_remote(*record, 1, 50, start + 8 * second);
    add_remote(*record, -2, -800, start + 9 * second);
    EXPECT_TRUE(counts_of(*record, start + 9 * second)
                == (Counts{ 2, 2, 150, 150, 0, 0 }));

    add_remote(*record, -9, -9000, start + 9 * second);
    EXPECT_TRUE(counts_of(*record, start + 9 * second)
                == (Counts{ 0, 0, 0, 0, 0, 0 }));
}

TEST(KeysUse, OfTwoTotalsOfADayTheLargerHolds)
{
    auto record = record_of(7);
    std::int64_t today = gw::pacific_day(start);
    ASSERT_TRUE(take(*record, {}, 100));

    raise_day(*record, today, 5, 40, start);
    raise_day(*record, today, 3, 60, start);
    raise_day(*record, today - 1, 50, 5000, start);
    raise_day(*record, today + 1, 50, 5000, start);
    EXPECT_TRUE(counts_of(*record) == (Counts{ 1, 5, 100, 100, 1, 100 }));
}

TEST(KeysUse, ASharePacksIntoAWord)
{
    HostShare share{ 5, 3 };
    EXPECT_EQ(HostShare::of(share.word()).count, 5u);
    EXPECT_EQ(HostShare::of(share.word()).rank, 3u);
    EXPECT_EQ(HostShare::of(0).count, 1u);
    EXPECT_EQ(HostShare::of(0).rank, 0u);
}

}

#include "keys_choose.hpp"

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>

namespace {

using namespace gw::keys;

TEST(KeysChoose, RoundRobinGoesInConfiguredOrder)
{
    for (std::size_t keys : { 1u, 3u, 16u, 50u }) {
        Bench bench(credentials(keys), by(Balance::round_robin));

        for (std::size_t i = 0; i < 3 * keys; ++i) {
            EXPECT_EQ(bench.use(), i % keys);
        }
    }
}

TEST(KeysChoose, ModelsTakeTurnsApartFromEachOther)
{
    Bench bench(credentials(4), by(Balance::round_robin));

    // Were there one cursor, each would only ever see every other key.
    for (std::size_t i = 0; i < 12; ++i) {
        EXPECT_EQ(bench.use("gemini-2.5-pro"), i % 4);
        EXPECT_EQ(bench.use("gemini-2.5-flash"), i % 4);
    }
}

TEST(KeysChoose, RoundRobinKeepsTheOrderAmongThoseThatDoNotRest)
{
    Bench bench(credentials(6), by(Balance::round_robin));
    bench.rest(1, FailureClass::no_access);
    bench.rest(2, FailureClass::no_access);
    bench.rest(3, FailureClass::invalid);

    for (int round = 0; round < 5; ++round) {
        for (std::size_t key : { 0u, 4u, 5u }) {
            EXPECT_EQ(bench.use(), key);
        }
    }
}

TEST(KeysChoose, HeadroomTakesTheLeastRecentlyUsed)
{
    for (std::size_t keys : { 1u, 5u, 16u }) {
        Bench bench(credentials(keys), by(Balance::headroom));

        for (std::size_t i = 0; i < 3 * keys; ++i) {
            EXPECT_EQ(bench.use(), i % keys);
        }
    }

    Bench bench(credentials(3), by(Balance::headroom));
    EXPECT_EQ(bench.use(), 0u);
    bench.rest(1, FailureClass::unavailable);
    EXPECT_EQ(bench.use(), 2u);
    EXPECT_EQ(bench.use(), 0u);
    // 1 has woken up, and was never used.
    Wanted later;
    later.model = "m";
    later.now_ms = now + 2000;
    EXPECT_EQ(bench.pool.choose(later).credential, 1u);
    EXPECT_EQ(bench.pool.choose(later).credential, 2u);
}

TEST(KeysChoose, LeastUsedEvensOutWhatCameBefore)
{
    Bench bench(credentials(4), by(Balance::least_used));

    for (int i = 0; i < 10; ++i) {
        bench.pool.begin_try(0, now);
        bench.pool.end_try(0);
    }

    std::map<std::size_t, int> uses;

    for (int i = 0; i < 30; ++i) {
        ++uses[bench.use()];
    }

    EXPECT_EQ(uses[0], 0);
    EXPECT_EQ(uses[1], 10);
    EXPECT_EQ(uses[2], 10);
    EXPECT_EQ(uses[3], 10);
}

TEST(KeysChoose, EveryBalanceIsProportionalToTheWeights)
{
    const std::vector<unsigned> weights = { 1, 2, 5, 12 };
    constexpr int requests = 20000;

    for (Balance balance : balances) {
        Bench bench(weighted(weights), by(balance));
        std::vector<int> uses(weights.size());

        for (int i = 0; i < requests; ++i) {
            ++uses[bench.use()];
        }

        for (std::size_t i = 0; i < weights.size(); ++i) {
            double wanted = requests * weights[i] / 20.0;
            // Ages are whole tickets: of few keys the light ones gain.
            double tolerance = balance == Balance::headroom ? 0.34 : 0.12;
            EXPECT_NEAR(uses[i], wanted, wanted * tolerance)
                << "balance " << static_cast<int>(balance) << " key " << i;
        }
    }
}

TEST(KeysChoose, WeightedTurnsAreExactAndSpread)
{
    Bench bench(weighted({1, 2, 5, 12}), by(Balance::round_robin));
    std::vector<int> uses(4);
    int longest = 0;
    int run = 0;
    std::size_t last = Choice::nobody;

    for (int i = 0; i < 200; ++i) {
        std::size_t key = bench.use();
        run = key == last ? run + 1 : 1;
        last = key;
        longest = std::max(longest, run);
        ++uses[key];
    }

    EXPECT_EQ(uses, (std::vector<int>{10, 20, 50, 120}));
    EXPECT_LE(longest, 3);
}

TEST(KeysChoose, LargePoolsUseEveryKeyAlike)
{
    constexpr std::size_t keys = 1000;

    for (Balance balance : balances) {
        Bench bench(credentials(keys), by(balance));
        std::vector<int> uses(keys);

        for (std::size_t i = 0; i < 20 * keys; ++i) {
            ++uses[bench.use()];
        }

        auto [least, most] = std::minmax_element(uses.begin(), uses.end());

        if (balance == Balance::random) {
            EXPECT_GT(*least, 2);
            EXPECT_LT(*most, 50);
        } else {
            EXPECT_GE(*least, 19) << static_cast<int>(balance);
            EXPECT_LE(*most, 21) << static_cast<int>(balance);
        }
    }
}

TEST(KeysChoose, LargePoolsHeedWeights)
{
    constexpr std::size_t keys = 400;
    constexpr int requests = 40000;

    for (Balance balance : balances) {
        std::vector<Credential> list = credentials(keys);

        // A tenth has ten times the weight: 360 + 400 together.
        for (std::size_t i = 0; i < keys; i += 10) {
            list[i].weight = 10;
        }

        Bench bench(std::move(list), by(balance));
        int heavy = 0;

        for (int i = 0; i < requests; ++i) {
            heavy += bench.use() % 10 == 0;
        }

        double wanted = requests * 400.0 / 760.0;
        // The oldest light one of a window is older than most.
        double tolerance = balance == Balance::headroom ? 0.2 : 0.1;
        EXPECT_NEAR(heavy, wanted, wanted * tolerance)
            << static_cast<int>(balance);
    }
}

TEST(KeysChoose, TenThousandKeysTakeNoMoreLooksThanTen)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 10u, 10000u }) {
            Bench bench(credentials(keys), by(balance));

            for (int i = 0; i < 500; ++i) {
                Choice choice = bench.choose();
                ASSERT_TRUE(choice.ok());
                EXPECT_LE(choice.looked_at, Pool::max_looked_at)
                    << static_cast<int>(balance) << " of " << keys;
            }
        }
    }
}

TEST(KeysChoose, AFewRestingKeysDoNotMakeALargePoolBeSearchedWhole)
{
    for (Balance balance : balances) {
        Bench bench(credentials(2000), by(balance));

        for (std::size_t i = 0; i < 2000; i += 2) {
            bench.rest(i, FailureClass::invalid);
        }

        for (int i = 0; i < 500; ++i) {
            Choice choice = bench.choose();
            ASSERT_TRUE(choice.ok());
            EXPECT_EQ(choice.credential % 2, 1u);
            EXPECT_LE(choice.looked_at, Pool::max_looked_at);
        }
    }
}

TEST(KeysChoose, ALargePoolOfWhichMostRestIsNotSearchedWhole)
{
    constexpr std::size_t keys = 10000;
    constexpr int choices = 3000;

    for (Balance balance : balances) {
        for (bool even : { true, false }) {
            std::vector<Credential> list = credentials(keys);

            for (std::size_t i = 0; i < keys; ++i) {
                list[i].weight = even ? 1 : 1 + i % 3;
            }

            Bench bench(std::move(list), by(balance));

            // One in fifty is usable, at random places.
            for (std::size_t i = 0; i < keys; ++i) {
                if (bench.random() % 50 != 0) {
                    bench.rest(i, FailureClass::invalid);
                }
            }

            std::vector<int> uses(keys);
            std::size_t looks = 0;

            for (int i = 0; i < choices; ++i) {
                Choice choice = bench.choose();
                ASSERT_TRUE(choice.ok());
                bench.pool.begin_try(choice.credential, now);
                ++uses[choice.credential];
                looks += choice.looked_at;
            }

            // 50 to find one, 400 to compare eight.
            EXPECT_LT(looks / choices,
                even && balance != Balance::random ? 100u : 500u)
                << static_cast<int>(balance);
            // 15 each, were it exact and all weights alike.
            EXPECT_LT(*std::max_element(uses.begin(), uses.end()), 90)
                << static_cast<int>(balance) << even;
        }
    }
}

TEST(KeysChoose, ALargePoolOfWhichAllRestIsSearchedOnce)
{
    constexpr std::size_t keys = 500;

    for (Balance balance : balances) {
        Bench bench(credentials(keys), by(balance));

        for (std::size_t i = 0; i < keys; ++i) {
            bench.rest(i, FailureClass::unavailable, "m", 60000);
        }

        Choice first = bench.choose();
        EXPECT_EQ(first.shortage, Shortage::resting);
        EXPECT_GE(first.looked_at, keys);

        Choice second = bench.choose();
        EXPECT_EQ(second.shortage, Shortage::resting);
        EXPECT_EQ(second.back_at_ms, first.back_at_ms);
        EXPECT_EQ(second.looked_at, 0u);
        EXPECT_EQ(second.trail.count, first.trail.count);

        EXPECT_TRUE(bench.choose("other").ok());
        EXPECT_TRUE(bench.soonest().ok());

        // Whatever ends a rest early is seen at once.
        bench.pool.reset(77, now);
        EXPECT_EQ(bench.choose().credential, 77u);

        // And every rest's end.
        bench.rest(77, FailureClass::unavailable, "m", 60000);
        bench.rest(78, FailureClass::unavailable, "m", 61000);
        EXPECT_FALSE(bench.choose().ok());
        bench.passed_ms = 59999;
        EXPECT_FALSE(bench.choose().ok());
        bench.passed_ms = 60001;
        EXPECT_TRUE(bench.choose().ok());
    }
}

TEST(KeysChoose, BehindARowOfRestingKeysNobodyGetsTheirTurns)
{
    constexpr std::size_t keys = 200;

    for (Balance balance : balances) {
        Bench bench(credentials(keys), by(balance));

        for (std::size_t i = 0; i < keys / 2; ++i) {
            bench.rest(i, FailureClass::invalid);
        }

        std::vector<int> uses(keys);
        std::size_t looks = 0;

        for (int i = 0; i < 4000; ++i) {
            Choice choice = bench.choose();
            ASSERT_TRUE(choice.ok());
            bench.pool.begin_try(choice.credential, now);
            ++uses[choice.credential];
            looks += choice.looked_at;
        }

        // 40 each, were it exact.
        EXPECT_EQ(*std::max_element(uses.begin(), uses.begin() + keys / 2),
            0);
        EXPECT_LT(*std::max_element(uses.begin(), uses.end()), 90)
            << static_cast<int>(balance);
        EXPECT_LT(looks / 4000, 2 * Pool::max_looked_at)
            << static_cast<int>(balance);
    }
}

TEST(KeysChoose, TheOnlyUsableKeyIsAlwaysFound)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 2u, 16u, 17u, 300u }) {
            Bench bench(weighted(std::vector<unsigned>(keys, 1)),
                by(balance));

            for (std::size_t i = 0; i < keys; ++i) {
                if (i != keys - 2) {
                    bench.rest(i, FailureClass::invalid);
                }
            }

            for (int i = 0; i < 20; ++i) {
                EXPECT_EQ(bench.use(), keys - 2);
            }
        }
    }
}

TEST(KeysChoose, TheOnlyUsableOneOfUnequalWeightsIsFound)
{
    for (Balance balance : balances) {
        Bench bench(weighted({1000, 1000, 1, 1000}), by(balance));
        bench.rest(0, FailureClass::invalid);
        bench.rest(1, FailureClass::invalid);
        bench.rest(3, FailureClass::invalid);

        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(bench.use(), 2u);
        }
    }
}

TEST(KeysChoose, WhatWasTriedIsNotChosenAgain)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 3u, 40u }) {
            Bench bench(credentials(keys), by(balance));
            std::vector<std::size_t> tried;

            for (std::size_t i = 0; i < keys; ++i) {
                Choice choice = bench.choose("m", tried);
                ASSERT_TRUE(choice.ok());
                EXPECT_EQ(std::count(tried.begin(), tried.end(),
                              choice.credential), 0);
                tried.push_back(choice.credential);
            }

            Choice choice = bench.choose("m", tried);
            EXPECT_FALSE(choice.ok());
            EXPECT_EQ(choice.shortage, Shortage::all_tried);
        }
    }
}

TEST(KeysChoose, AKeyNotMeantForTheModelIsNeverChosen)
{
    for (Balance balance : balances) {
        std::vector<Credential> list = credentials(30);

        for (std::size_t i = 0; i < list.size(); ++i) {
            if (i % 3 == 0) {
                list[i].models = { "gemini-*-pro", "text-*" };
            } else if (i % 3 == 1) {
                list[i].models = { "gemini-*-flash" };
            }
        }

        Bench bench(std::move(list), by(balance));
        std::set<std::size_t> pro;
        std::set<std::size_t> flash;
        std::set<std::size_t> other;

        for (int i = 0; i < 200; ++i) {
            pro.insert(bench.use("gemini-2.5-pro"));
        }

        for (int i = 0; i < 200; ++i) {
            flash.insert(bench.use("gemini-2.5-flash"));
        }

        for (int i = 0; i < 200; ++i) {
            other.insert(bench.use("other"));
        }

        for (std::size_t i = 0; i < 30; ++i) {
            EXPECT_TRUE(i % 3 != 1 || pro.count(i) == 0);
            EXPECT_TRUE(i % 3 != 0 || flash.count(i) == 0);
            EXPECT_TRUE(i % 3 == 2 || other.count(i) == 0);
        }

        EXPECT_EQ(pro.size(), 20u);
        EXPECT_EQ(other.size(), 10u);
    }
}

TEST(KeysChoose, ModelsOfAnyNumberGiveTheRightKeys)
{
    std::vector<Credential> list = credentials(100);

    for (std::size_t i = 0; i < list.size(); ++i) {
        list[i].models = { "model-" + std::to_string(i) };
    }

    Bench bench(std::move(list), by(Balance::headroom));

    for (int round = 0; round < 3; ++round) {
        for (std::size_t i = 0; i < 100; ++i) {
            EXPECT_EQ(bench.use("model-" + std::to_string(i)), i);
        }
    }

    EXPECT_EQ(bench.choose("model-100").shortage, Shortage::no_match);
}

TEST(KeysChoose, AnEmptyPoolHasNoMatch)
{
    Bench bench({}, {});
    EXPECT_EQ(bench.choose().shortage, Shortage::no_match);
    EXPECT_FALSE(bench.pool.healthy(now));
}

TEST(KeysChoose, AStickyClientKeepsItsKeyWhileThatIsUsable)
{
    for (Balance balance : balances) {
        PoolOptions options = by(balance);
        options.sticky = true;
        Bench bench(credentials(10), options);
        std::set<std::size_t> used;

        for (std::uint64_t client = 1; client <= 200; ++client) {
            std::uint64_t hash = client * 0x9e3779b97f4a7c15u;
            std::size_t own = bench.choose("m", {}, hash).credential;
            used.insert(own);

            for (int i = 0; i < 5; ++i) {
                Choice choice = bench.choose("m", {}, hash);
                EXPECT_EQ(choice.credential, own);
                EXPECT_EQ(choice.looked_at, 1u);
            }

            EXPECT_NE(bench.choose("m", {own}, hash).credential, own);
        }

        EXPECT_EQ(used.size(), 10u);

        std::size_t own = bench.choose("m", {}, 77).credential;
        bench.rest(own, FailureClass::unavailable);
        Choice other = bench.choose("m", {}, 77);
        EXPECT_TRUE(other.ok());
        EXPECT_NE(other.credential, own);
        EXPECT_EQ(bench.choose("other", {}, 77).credential, own);
    }
}

TEST(KeysChoose, TheRestThatEndsSoonestIsTakenWhenAskedFor)
{
    constexpr std::int64_t s = 1000;

    for (Balance balance : balances) {
        for (std::size_t keys : { 5u, 40u }) {
            Bench bench(credentials(keys), by(balance));

            for (std::size_t i = 0; i < keys; ++i) {
                bench.rest(i, FailureClass::rate_limit, "m",
                    (60 + static_cast<std::int64_t>(i)) * s);
            }

            bench.rest(0, FailureClass::invalid);
            bench.rest(3, FailureClass::unavailable, "other");

            EXPECT_EQ(bench.choose().shortage, Shortage::resting_on_quota);

            // Not the refused one, whatever else it rests for.
            Choice choice = bench.soonest();
            EXPECT_EQ(choice.credential, 1u);
            EXPECT_EQ(choice.shortage, Shortage::none);
            EXPECT_EQ(choice.back_at_ms, 0);
            EXPECT_EQ(bench.soonest({1}).credential, 2u);

            // A usable one comes first.
            bench.pool.reset(4, now);
            EXPECT_EQ(bench.soonest().credential, 4u);
        }

        Bench refused(credentials(2), by(balance));
        refused.rest(0, FailureClass::invalid);
        refused.rest(1, FailureClass::invalid);
        EXPECT_EQ(refused.soonest().shortage, Shortage::all_invalid);
    }
}

TEST(KeysChoose, ANewKeyTakesFewClientsFromTheOthers)
{
    PoolOptions options;
    options.sticky = true;
    Bench before(credentials(10), options);
    Bench after(credentials(11), options);
    int moved = 0;

    for (std::uint64_t client = 1; client <= 1100; ++client) {
        std::uint64_t hash = client * 0x9e3779b97f4a7c15u;
        moved += before.choose("m", {}, hash).credential
            != after.choose("m", {}, hash).credential;
    }

    EXPECT_LT(moved, 150);
    EXPECT_GT(moved, 50);
}

TEST(KeysChoose, WithoutStickyTheClientDoesNotMatter)
{
    Bench bench(credentials(3), by(Balance::round_robin));

    for (std::size_t i = 0; i < 9; ++i) {
        EXPECT_EQ(bench.choose("m", {}, 77).credential, i % 3);
    }
}

TEST(KeysChoose, AShortageSaysWhyAndUntilWhen)
{
    constexpr std::int64_t s = 1000;

    struct Rest {
        std::size_t key;
        FailureClass failure;
        std::int64_t retry;
    };

    struct Case {
        const char *name;
        std::vector<Rest> rests;
        std::vector<std::size_t> tried;
        Shortage shortage;
        std::int64_t back_in;
    };

    const auto quota = FailureClass::rate_limit;
    const auto daily = FailureClass::daily_quota;
    const auto busy = FailureClass::unavailable;
    const auto invalid = FailureClass::invalid;

    for (const Case &c : {
        Case{"quota", {{0, quota, 30 * s}, {1, quota, 20 * s}}, {},
             Shortage::resting_on_quota, 20 * s},
        Case{"the day", {{0, daily, 7200 * s}, {1, invalid, 0}}, {},
             Shortage::resting_on_quota, 7200 * s},
        Case{"quota of one", {{0, quota, 30 * s}, {1, busy, 3 * s}}, {},
             Shortage::resting_on_quota, 3 * s},
        Case{"busy", {{0, busy, 5 * s}, {1, busy, 3 * s}}, {},
             Shortage::resting, 3 * s},
        Case{"busy and refused", {{0, busy, 5 * s}, {1, invalid, 0}}, {},
             Shortage::resting, 5 * s},
        Case{"refused", {{0, invalid, 0}, {1, invalid, 0}}, {},
             Shortage::all_invalid, 0},
        Case{"tried", {}, {0, 1}, Shortage::all_tried, 0},
        Case{"tried or quota", {{0, quota, 30 * s}}, {1},
             Shortage::all_tried, 0},
        Case{"tried and quota", {{0, quota, 30 * s}, {1, busy, 5 * s}},
             {0, 1}, Shortage::resting_on_quota, 5 * s},
        Case{"tried and refused", {{0, invalid, 0}, {1, invalid, 0}},
             {0, 1}, Shortage::all_invalid, 0} })
    {
        for (Balance balance : balances) {
            Bench bench(credentials(2), by(balance));

            for (const Rest &rest : c.rests) {
                bench.rest(rest.key, rest.failure, "m", rest.retry);
            }

            Choice choice = bench.choose("m", c.tried);
            EXPECT_FALSE(choice.ok()) << c.name;
            EXPECT_EQ(choice.shortage, c.shortage) << c.name;
            EXPECT_EQ(choice.back_at_ms,
                c.back_in == 0 ? 0 : now + c.back_in) << c.name;
        }
    }
}

TEST(KeysChoose, AKeyIsBackWhenTheLastOfItsRestsEnds)
{
    std::vector<Credential> list = credentials(1);
    list[0].project = "p";
    Bench bench(std::move(list), {});

    bench.rest(0, FailureClass::rate_limit, "m", 30000);
    bench.rest(0, FailureClass::unavailable, "m", 40000);
    EXPECT_EQ(bench.choose().back_at_ms, now + 40000);
    EXPECT_EQ(bench.choose().shortage, Shortage::resting_on_quota);
}

TEST(KeysChoose, WorkersThatChooseTogetherShareTheLoad)
{
    constexpr int workers = 4;
    constexpr int each = 5000;
    constexpr std::size_t keys = 8;

    for (Balance balance : balances) {
        Memory memory = formatted_memory(Layout::for_keys(keys));
        std::vector<Pool> pools;

        for (int i = 0; i < workers; ++i) {
            pools.emplace_back(credentials(keys), by(balance));
            ASSERT_TRUE(pools.back().adopt(memory.get()));
        }

        std::vector<std::thread> running;

        for (int i = 0; i < workers; ++i) {
            running.emplace_back([&pools, i] {
                std::mt19937_64 random(static_cast<unsigned>(i));

                for (int n = 0; n < each; ++n) {
                    Wanted wanted;
                    wanted.model = "m";
                    wanted.random = random();
                    wanted.now_ms = now;

                    auto &pool = pools[static_cast<std::size_t>(i)];
                    Choice choice = pool.choose(wanted);

                    if (choice.ok()) {
                        pool.begin_try(choice.credential, now);
                        pool.succeeded(choice.credential, "m", now);
                        pool.end_try(choice.credential);
                    }
                }
            });
        }

        for (std::thread &one : running) {
            one.join();
        }

        std::uint64_t total = 0;

        for (const Pool::View &view : pools[0].view(now)) {
            EXPECT_EQ(view.in_flight, 0u);
            EXPECT_GT(view.requests, workers * each / keys / 2);
            EXPECT_LT(view.requests, workers * each / keys * 2);
            total += view.requests;
        }

        EXPECT_EQ(total, static_cast<std::uint64_t>(workers * each));
        EXPECT_EQ(pools[0].header().ticket.load(), total);
    }
}

}

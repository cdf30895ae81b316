#include "keys_choose.hpp"

#include "core/base/duration.hpp"
#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t minute_ms = 60 * 1000;
/// A minute's window forgets at most this much late.
constexpr std::int64_t slot_ms = MinuteWindow::slot_ms;

Limits per_minute(std::int64_t requests)
{
    Limits limits;
    limits.rpm = requests;

    return limits;
}

Limits tokens_per_minute(std::int64_t tokens)
{
    Limits limits;
    limits.tpm = tokens;

    return limits;
}

TEST(KeysChooseQuota, AKeyOverItsQuotaIsNeverChosen)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 1u, 3u, 16u, 60u }) {
            Bench bench(credentials(keys), by(balance, per_minute(2)));
            std::map<std::size_t, int> uses;

            for (std::size_t i = 0; i < 2 * keys; ++i) {
                ++uses[bench.use()];
            }

            EXPECT_EQ(uses.size(), keys);

            for (auto [key, count] : uses) {
                EXPECT_EQ(count, 2) << key;
            }

            Choice choice = bench.choose();
            EXPECT_FALSE(choice.ok());
            EXPECT_EQ(choice.shortage, Shortage::resting_on_quota);
            EXPECT_GE(choice.back_at_ms, now + minute_ms);
            EXPECT_LE(choice.back_at_ms, now + minute_ms + slot_ms);
            EXPECT_EQ(choice.reservation.use_id, 0u);

            // Each model has its own.
            EXPECT_TRUE(bench.choose("other").ok());

            bench.passed_ms = choice.back_at_ms - now;
            EXPECT_TRUE(bench.choose().ok());
        }
    }
}

TEST(KeysChooseQuota, KeysOfAProjectHaveOneQuotaTogether)
{
    for (Balance balance : balances) {
        std::vector<Credential> list = credentials(4);
        list[0].project = list[1].project = list[2].project = "p";
        Bench bench(std::move(list), by(balance, per_minute(3)));
        std::map<std::size_t, int> uses;

        for (int i = 0; i < 6; ++i) {
            ++uses[bench.use()];
        }

        EXPECT_EQ(uses[0] + uses[1] + uses[2], 3);
        EXPECT_EQ(uses[3], 3);
        EXPECT_FALSE(bench.choose().ok());
    }
}

TEST(KeysChooseQuota, ADaysQuotaComesBackAtMidnightPacific)
{
    Limits limits;
    limits.rpm = 100;
    limits.rpd = 1;
    Bench bench(credentials(2), by(Balance::headroom, limits));

    bench.use();
    bench.passed_ms = 5 * minute_ms;
    bench.use();
    bench.passed_ms = 10 * minute_ms;

    Choice choice = bench.choose();
    EXPECT_EQ(choice.shortage, Shortage::resting_on_quota);
    EXPECT_EQ(choice.back_at_ms, gw::next_pacific_midnight(now));
}

TEST(KeysChooseQuota, TheSoonestOfRestsAndWindowsIsWhenToComeBack)
{
    Bench bench(credentials(3), by(Balance::headroom, per_minute(1)));

    bench.rest(0, FailureClass::unavailable, "m", 90000);
    EXPECT_EQ(bench.use(), 1u);
    bench.passed_ms = 20000;
    EXPECT_EQ(bench.use(), 2u);

    Choice choice = bench.choose();
    EXPECT_EQ(choice.shortage, Shortage::resting_on_quota);
    EXPECT_GE(choice.back_at_ms, now + minute_ms);
    EXPECT_LE(choice.back_at_ms, now + minute_ms + slot_ms);

    // A rest of the same key that ends later comes first.
    bench.rest(1, FailureClass::unavailable, "m", 65000);
    choice = bench.choose();
    EXPECT_GE(choice.back_at_ms, now + 20000 + minute_ms);
    EXPECT_LE(choice.back_at_ms, now + 20000 + minute_ms + slot_ms);
}

TEST(KeysChooseQuota, HeadroomTakesTheSmallestUsedPartOfAnyLimit)
{
    Limits limits;
    limits.rpm = 100;
    limits.tpm = 10000;
    Bench bench(credentials(3), by(Balance::headroom, limits));

    // Key 0 has used half of its tokens, key 1 a tenth of its requests.
    bench.tokens = 5000;
    EXPECT_EQ(bench.use(), 0u);
    bench.tokens = 0;

    for (int i = 0; i < 10; ++i) {
        bench.pool.charge(1, "m", 0, now);
    }

    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(bench.use(), 2u) << i;
    }

    // From here they are alike: by turns, the least recently used first.
    std::map<std::size_t, int> uses;

    for (int i = 0; i < 20; ++i) {
        ++uses[bench.use()];
    }

    EXPECT_EQ(uses[0], 0);
    EXPECT_EQ(uses[1], 10);
    EXPECT_EQ(uses[2], 10);
}

TEST(KeysChooseQuota, HeadroomIsByWeight)
{
    Bench bench(weighted({1, 2, 5}),
        by(Balance::headroom, per_minute(1000)));
    std::vector<int> uses(3);

    for (int i = 0; i < 800; ++i) {
        ++uses[bench.use()];
    }

    EXPECT_NEAR(uses[0], 100, 2);
    EXPECT_NEAR(uses[1], 200, 2);
    EXPECT_NEAR(uses[2], 500, 2);
}

TEST(KeysChooseQuota, EveryBalanceKeepsItsShareUnderQuotas)
{
    const std::vector<unsigned> weights = { 1, 2, 5, 12 };
    constexpr int requests = 20000;

    for (Balance balance : balances) {
        Bench bench(weighted(weights),
            by(balance, per_minute(1000000)));
        std::vector<int> uses(weights.size());

        for (int i = 0; i < requests; ++i) {
            ++uses[bench.use()];
        }

        for (std::size_t i = 0; i < weights.size(); ++i) {
            double share = requests * weights[i] / 20.0;
            EXPECT_NEAR(uses[i], share, share * 0.12)
                << "balance " << static_cast<int>(balance) << " key " << i;
        }
    }
}

TEST(KeysChooseQuota, LargePoolsSpreadTheirQuota)
{
    constexpr std::size_t keys = 500;

    for (Balance balance : { Balance::headroom, Balance::round_robin,
                             Balance::least_used })
    {
        Bench bench(credentials(keys), by(balance, per_minute(100)));
        std::vector<int> uses(keys);

        for (std::size_t i = 0; i < 20 * keys; ++i) {
            ++uses[bench.use()];
        }

        for (int count : uses) {
            EXPECT_NEAR(count, 20, 1) << static_cast<int>(balance);
        }
    }
}

TEST(KeysChooseQuota, ALargeRequestGoesWhereThereIsRoomForIt)
{
    for (Balance balance : balances) {
        Bench bench(credentials(2), by(balance, tokens_per_minute(1000)));

        bench.pool.charge(0, "m", 700, now);
        bench.pool.charge(1, "m", 200, now);
        bench.tokens = 600;
        EXPECT_EQ(bench.use(), 1u);

        Choice choice = bench.choose();
        EXPECT_FALSE(choice.ok());
        EXPECT_EQ(choice.shortage, Shortage::resting_on_quota);

        bench.tokens = 250;
        EXPECT_EQ(bench.use(), 0u);
    }
}

TEST(KeysChooseQuota, WhatIsGivenBackCanBeTakenAgain)
{
    Bench bench(credentials(1), by(Balance::headroom, per_minute(1)));

    Choice choice = bench.choose();
    ASSERT_TRUE(choice.ok());
    EXPECT_NE(choice.reservation.use_id, 0u);
    EXPECT_FALSE(bench.choose().ok());

    bench.pool.give_back(choice.reservation);
    EXPECT_TRUE(bench.choose().ok());
}

TEST(KeysChooseQuota, ALearnedLimitHoldsToo)
{
    for (Balance balance : balances) {
        Bench bench(credentials(2), by(balance));

        for (int i = 0; i < 8; ++i) {
            bench.use();
        }

        gw::gemini::QuotaViolation violation;
        violation.quota_id =
            "GenerateRequestsPerMinutePerProjectPerModel-FreeTier";
        violation.metric = "generativelanguage.googleapis.com/"
                           "generate_content_free_tier_requests";
        violation.value = 3;
        bench.pool.learn(0, "m", { violation }, now);

        for (int i = 0; i < 20; ++i) {
            EXPECT_EQ(bench.use(), 1u);
        }

        EXPECT_TRUE(bench.choose("other").ok());
    }
}

TEST(KeysChooseQuota, AStickyClientComesBackWhenThereIsRoom)
{
    PoolOptions options = by(Balance::headroom, per_minute(2));
    options.sticky = true;
    Bench bench(credentials(10), options);

    std::size_t own = bench.choose("m", {}, 77).credential;
    EXPECT_EQ(bench.choose("m", {}, 77).credential, own);

    Choice other = bench.choose("m", {}, 77);
    ASSERT_TRUE(other.ok());
    EXPECT_NE(other.credential, own);

    bench.passed_ms = minute_ms + slot_ms;
    EXPECT_EQ(bench.choose("m", {}, 77).credential, own);
}

TEST(KeysChooseQuota, SoonestNeverPassesAQuota)
{
    for (Balance balance : balances) {
        Bench bench(credentials(2), by(balance, per_minute(2)));

        bench.rest(0, FailureClass::unavailable, "m", 5000);
        bench.rest(1, FailureClass::unavailable, "m", 9000);

        EXPECT_EQ(bench.soonest().credential, 0u);
        EXPECT_EQ(bench.soonest().credential, 0u);
        EXPECT_EQ(bench.soonest().credential, 1u);
        EXPECT_EQ(bench.soonest().credential, 1u);
        EXPECT_EQ(bench.soonest().shortage, Shortage::resting_on_quota);
    }
}

TEST(KeysChooseQuota, WithoutAModelNothingIsCounted)
{
    Bench bench(credentials(1), by(Balance::headroom, per_minute(1)));

    for (int i = 0; i < 5; ++i) {
        Choice choice = bench.choose("");
        EXPECT_TRUE(choice.ok());
        EXPECT_EQ(choice.reservation.use_id, 0u);
    }

    EXPECT_TRUE(bench.choose().ok());
    EXPECT_FALSE(bench.choose().ok());
}

TEST(KeysChooseQuota, AHostUsesItsShareOnly)
{
    Bench bench(credentials(2), by(Balance::headroom, per_minute(10)));
    HostShare share;
    share.count = 2;
    bench.pool.header().hosts.store(share.word());

    int chosen = 0;

    while (chosen < 100 && bench.choose().ok()) {
        ++chosen;
    }

    EXPECT_GE(chosen, 8);
    EXPECT_LE(chosen, 12);
}

/// Workers that choose at once from the same memory, until nothing is left.
struct Burst {
    std::vector<int> taken;
};

Burst burst(Balance balance, std::size_t keys, const Limits &limits,
    std::int64_t tokens)
{
    constexpr std::size_t workers = 4;
    constexpr int patience = 50;

    Memory memory = formatted_memory(Layout::for_keys(keys));
    std::vector<Pool> pools;

    for (std::size_t i = 0; i < workers; ++i) {
        pools.emplace_back(credentials(keys), by(balance, limits));
        EXPECT_TRUE(pools.back().adopt(memory.get()));
    }

    std::vector<std::vector<int>> taken(workers, std::vector<int>(keys));
    std::vector<std::thread> running;

    for (std::size_t worker = 0; worker < workers; ++worker) {
        running.emplace_back([&, worker] {
            std::mt19937_64 random(worker);
            int refused = 0;

            while (refused < patience) {
                Wanted wanted;
                wanted.model = "m";
                wanted.random = random();
                wanted.tokens = tokens;
                wanted.now_ms = now;

                Choice choice = pools[worker].choose(wanted);

                if (choice.ok()) {
                    ++taken[worker][choice.credential];
                } else {
                    EXPECT_EQ(choice.shortage, Shortage::resting_on_quota);
                    ++refused;
                }
            }
        });
    }

    for (std::thread &one : running) {
        one.join();
    }

    Burst all;
    all.taken.resize(keys);

    for (const std::vector<int> &one : taken) {
        for (std::size_t key = 0; key < keys; ++key) {
            all.taken[key] += one[key];
        }
    }

    return all;
}

TEST(KeysChooseQuota, WorkersNeverPassAQuotaTogether)
{
    for (Balance balance : balances) {
        for (std::size_t keys : { 1u, 4u, 40u }) {
            for (std::int64_t rpm : { 1, 5, 50 }) {
                Burst all = burst(balance, keys, per_minute(rpm), 0);

                for (int taken : all.taken) {
                    EXPECT_EQ(taken, rpm) << static_cast<int>(balance)
                        << " of " << keys;
                }
            }

            Burst all = burst(balance, keys, tokens_per_minute(1000), 90);

            for (int taken : all.taken) {
                EXPECT_EQ(taken, 11) << static_cast<int>(balance)
                    << " of " << keys;
            }
        }
    }
}

}

#include "keys_use.hpp"

#include "core/keys/use.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <random>
#include <vector>

namespace {

using namespace gw::keys;

/// Hosts with a record each, that hear of each other after a while.
class Hosts {
public:
    static constexpr std::int64_t lag_ms = 50;

    Hosts(std::uint32_t count, const Limits &limits)
        : limits_(limits)
    {
        for (std::uint32_t i = 0; i < count; ++i) {
            records_.push_back(record_of(0x1234567));
        }
    }

    bool take(std::uint32_t host, std::int64_t now_ms)
    {
        tell(now_ms);
        auto count = static_cast<std::uint32_t>(records_.size());

        if (!::take(*records_[host], limits_, 0, now_ms, { count, host })) {
            return false;
        }

        messages_.push_back({ host, now_ms });
        sent_.push_back(now_ms);

        return true;
    }

    /// The most that was sent in any minute up to now.
    std::int64_t most() const
    {
        std::int64_t most = 0;

        for (std::size_t i = 0, first = 0; i < sent_.size(); ++i) {
            while (sent_[first] <= sent_[i] - minute) {
                ++first;
            }

            most = std::max(most, static_cast<std::int64_t>(i - first + 1));
        }

        return most;
    }

    std::int64_t sent() const
    {
        return static_cast<std::int64_t>(sent_.size());
    }

private:
    struct Message {
        std::uint32_t host;
        std::int64_t at_ms;
    };

    void tell(std::int64_t now_ms)
    {
        while (!messages_.empty()
               && messages_.front().at_ms + lag_ms <= now_ms)
        {
            for (std::uint32_t i = 0; i < records_.size(); ++i) {
                if (i != messages_.front().host) {
                    add_remote(*records_[i], 1, 0, now_ms);
                }
            }

            messages_.pop_front();
        }
    }

    Limits limits_;
    std::vector<std::unique_ptr<UseRecord>> records_;
    std::deque<Message> messages_;
    std::vector<std::int64_t> sent_;
};

TEST(KeysHostPart, ABurstOverHostsTakesExactlyTheLimit)
{
    for (std::uint32_t count : { 2u, 3u, 7u }) {
        for (std::int64_t limit : { 1, 2, 5, 10, 100 }) {
            for (bool daily : { false, true }) {
                // Not in the moment in which two have the same turn.
                std::int64_t turn = start - start % (16 * second);

                for (std::int64_t at : { turn + 3 * second,
                                         turn + 20 * second })
                {
                    Hosts hosts(count,
                        daily ? limits_of(0, limit) : limits_of(limit));

                    for (int i = 0; i < 1000; ++i) {
                        hosts.take(static_cast<std::uint32_t>(i) % count,
                            at);
                    }

                    EXPECT_EQ(hosts.sent(), limit) << count << " hosts";
                }
            }
        }
    }
}

TEST(KeysHostPart, ABurstAsTheTurnChangesGetsAtLeastTheLimit)
{
    std::int64_t turn = start - start % (16 * second) + 16 * second;

    for (std::uint32_t count : { 2u, 3u, 7u }) {
        for (std::int64_t limit : { 1, 5, 10, 100 }) {
            Hosts hosts(count, limits_of(limit));

            for (int i = 0; i < 1000; ++i) {
                hosts.take(static_cast<std::uint32_t>(i) % count,
                    turn + (i % 2 == 0 ? -1 : 100));
            }

            EXPECT_GE(hosts.sent(), limit);
            EXPECT_LE(hosts.sent(), limit + count);
        }
    }
}

// Each host takes what it hears for as old as it is when it arrives. Where one
// already counts something as known and another not yet, the shares add up to a
// little more.
std::int64_t at_most(std::int64_t limit, std::uint32_t hosts)
{
    return limit + limit / 8 + hosts;
}

TEST(KeysHostPart, LoadOverHostsStaysNearTheLimit)
{
    for (std::uint32_t count : { 2u, 3u }) {
        for (std::int64_t limit : { 1, 5, 10, 60, 1000 }) {
            Hosts hosts(count, limits_of(limit));

            for (std::int64_t passed = 0; passed < 2 * minute; passed += 5) {
                for (std::uint32_t host = 0; host < count; ++host) {
                    hosts.take(host, start + passed);
                }
            }

            EXPECT_LE(hosts.most(), at_most(limit, count));
            EXPECT_GE(hosts.sent(), limit);
        }
    }
}

TEST(KeysHostPart, AnyScheduleOverHostsStaysNearTheLimit)
{
    std::mt19937 random(1);

    for (int round = 0; round < 300; ++round) {
        std::uint32_t count = 2 + random() % 2;
        std::int64_t limit = 1 + static_cast<std::int64_t>(random() % 40);
        Hosts hosts(count, limits_of(limit));
        std::int64_t now = start + random() % 10000;

        for (int i = 0; i < 2000; ++i) {
            now += random() % 4 == 0 ? random() % 400 : random() % 8;
            std::uint32_t host = random() % count;

            for (std::size_t burst = random() % 12; burst > 0; --burst) {
                hosts.take(host, now);
            }
        }

        EXPECT_LE(hosts.most(), at_most(limit, count)) << round;
    }
}

TEST(KeysHostPart, ALoadedHostOfTwoSoonGetsNearlyAll)
{
    for (std::int64_t limit : { 1, 5, 10, 100, 1000 }) {
        Hosts hosts(2, limits_of(limit));

        for (std::int64_t passed = 0; passed < 9000; passed += 5) {
            for (int i = 0; i < 10; ++i) {
                hosts.take(0, start + passed);
            }
        }

        EXPECT_GE(hosts.sent(), limit - limit / 10 - 1) << limit;
        EXPECT_LE(hosts.sent(), limit) << limit;
    }
}

TEST(KeysHostPart, AHostOverItsShareIsToldWhenItHasOneAgain)
{
    for (std::int64_t limit : { 1, 2, 5, 10 }) {
        auto record = record_of(6);
        Limits limits = limits_of(limit);
        HostShare share{ 2, 1 };
        std::int64_t now = start;
        int passed = 0;

        // Alone it gets all, if it comes when it is told to.
        while (passed < limit && now < start + 180 * second) {
            QuotaStanding standing = quota_standing(record.get(), limits, 0,
                share, now);

            if (standing.open) {
                ASSERT_TRUE(take(*record, limits, 0, now, share));
                ++passed;
                continue;
            }

            EXPECT_EQ(standing.over, Quantity::rpm);
            ASSERT_GT(standing.back_at_ms, now);
            ASSERT_LE(standing.back_at_ms, now + 32 * second);
            now = standing.back_at_ms;
        }

        EXPECT_EQ(passed, limit);
    }
}

}

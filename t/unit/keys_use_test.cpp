#include "core/base/duration.hpp"
#include "core/keys/use.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t second = 1000;
constexpr std::int64_t minute = 60 * second;
constexpr std::int64_t start = 1768507200000;       // noon Pacific

Limits limits_of(std::int64_t rpm, std::int64_t rpd = 0,
    std::int64_t tpm = 0, std::int64_t tpd = 0)
{
    return { rpm, rpd, tpm, tpd };
}

std::unique_ptr<UseRecord> record_of(std::uint64_t id)
{
    auto record = std::make_unique<UseRecord>();
    record->id.store(id);

    return record;
}

bool take(UseRecord &record, const Limits &limits, std::int64_t tokens = 0,
    std::int64_t now_ms = start, HostShare share = {})
{
    Reservation reservation;

    return reserve(record, limits, tokens, share, now_ms, reservation);
}

struct Counts {
    std::int64_t rpm, rpd, tpm, tpd, unsent_requests, unsent_tokens;

    bool operator==(const Counts &other) const
    {
        return rpm == other.rpm && rpd == other.rpd && tpm == other.tpm
            && tpd == other.tpd && unsent_requests == other.unsent_requests
            && unsent_tokens == other.unsent_tokens;
    }
};

Counts counts_of(const UseRecord &record, std::int64_t now_ms = start)
{
    return { record.requests_minute.sum(now_ms),
             record.requests_day.sum(now_ms),
             record.tokens_minute.sum(now_ms),
             record.tokens_day.sum(now_ms),
             static_cast<std::int64_t>(record.unsent_requests.load()),
             static_cast<std::int64_t>(record.unsent_tokens.load()) };
}

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

TEST(KeysUse, ABurstOverHostsTakesExactlyTheLimit)
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

TEST(KeysUse, ABurstAsTheTurnChangesGetsAtLeastTheLimit)
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

TEST(KeysUse, LoadOverHostsStaysNearTheLimit)
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

TEST(KeysUse, AnyScheduleOverHostsStaysNearTheLimit)
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

TEST(KeysUse, ALoadedHostOfTwoSoonGetsNearlyAll)
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

TEST(KeysUse, AHostOverItsShareIsToldWhenItHasOneAgain)
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

struct Table {
    explicit Table(std::size_t capacity)
        : records(new UseRecord[capacity]()), dirty(new Word[64]()),
          table(records.get(), dirty.get(), capacity)
    {
    }

    std::unique_ptr<UseRecord[]> records;
    std::unique_ptr<Word[]> dirty;
    UseTable table;
};

TEST(KeysUse, ATableFindsWhatWasClaimed)
{
    Table t(64);
    EXPECT_EQ(t.table.find(7), nullptr);

    UseRecord &record = t.table.claim(7, 70, 2, start);
    EXPECT_EQ(t.table.find(7), &record);
    EXPECT_EQ(&t.table.claim(7, 70, 0, start), &record);
    EXPECT_EQ(record.owner.load(), 70u);
    EXPECT_EQ(record.model.load(), 2u);
    EXPECT_EQ(&t.table.claim(7 + 64, 71, 1, start), &record + 1);
}

TEST(KeysUse, LastUseIsWrittenOnceASecond)
{
    Table t(64);
    UseRecord &record = t.table.claim(7, 70, 2, start);

    t.table.claim(7, 70, 2, start + 999);
    EXPECT_EQ(record.last_used_ms.load(), std::uint64_t{start});
    t.table.claim(7, 70, 2, start + 1000);
    EXPECT_EQ(record.last_used_ms.load(), std::uint64_t{start + 1000});
}

TEST(KeysUse, WhatWasUnusedForLongestGivesWayWithAllItCounted)
{
    Table t(32);

    for (std::uint64_t id = 1; id <= 32; ++id) {
        UseRecord &record = t.table.claim(id, id, id,
            start + static_cast<std::int64_t>(id % 32) * second);
        ASSERT_TRUE(take(record, {}, 9, start, { 2, 0 }));
        learn(record, Quantity::rpm, 5, start);
    }

    UseRecord &record = t.table.claim(100, 200, 3, start + minute);
    EXPECT_EQ(t.table.find(32), nullptr);
    EXPECT_EQ(record.owner.load(), 200u);
    EXPECT_EQ(record.model.load(), 3u);
    EXPECT_EQ(record.recent.load(), 0u);
    EXPECT_TRUE(counts_of(record) == (Counts{ 0, 0, 0, 0, 0, 0 }));
    EXPECT_FALSE(known_limits(&record, {}, start).any());
    EXPECT_NE(t.table.find(1), nullptr);
}

TEST(KeysUse, APlaceThatADeadWorkerWasTakingIsTakenWithNothingCounted)
{
    constexpr std::uint64_t on_its_way = ~std::uint64_t{0};
    Table t(32);

    for (std::uint64_t id = 1; id <= 32; ++id) {
        ASSERT_TRUE(take(t.table.claim(id, id, id, start), {}, 9));
    }

    UseRecord *place = t.table.find(20);
    place->id.store(on_its_way);
    EXPECT_EQ(t.table.find(20), nullptr);

    UseRecord &record = t.table.claim(100, 100, 1, start);
    EXPECT_EQ(&record, place);
    EXPECT_TRUE(counts_of(record) == (Counts{ 0, 0, 0, 0, 0, 0 }));
}

TEST(KeysUse, WorkersThatClaimTheSameIdGetTheSameRecord)
{
    for (int round = 0; round < 50; ++round) {
        Table t(64);
        std::vector<std::thread> workers;

        for (int i = 0; i < 4; ++i) {
            workers.emplace_back([&] {
                for (std::uint64_t id = 1; id <= 50; ++id) {
                    take(t.table.claim(id, id, 1, start), {}, 1);
                }
            });
        }

        for (std::thread &one : workers) {
            one.join();
        }

        for (std::uint64_t id = 1; id <= 50; ++id) {
            ASSERT_NE(t.table.find(id), nullptr);
            EXPECT_EQ(counts_of(*t.table.find(id)).rpm, 4);
        }
    }
}

TEST(KeysUse, AFullTableServesWorkersThatTakeFromEachOther)
{
    Table t(32);
    std::vector<std::thread> workers;

    for (std::uint64_t i = 0; i < 4; ++i) {
        workers.emplace_back([&, i] {
            for (std::uint64_t n = 0; n < 5000; ++n) {
                auto now = start + static_cast<std::int64_t>(n);
                take(t.table.claim(1 + i * 5000 + n, 1, 1, now), {}, 1);
            }
        });
    }

    for (std::thread &one : workers) {
        one.join();
    }

    for (const UseRecord &record : t.table) {
        EXPECT_LT(counts_of(record).rpd, 40);
    }
}

TEST(KeysUse, MarkedRecordsAreVisitedOnce)
{
    Table t(128);

    for (std::uint64_t id : { 3u, 70u, 127u }) {
        t.table.mark(t.table.claim(id, id, 1, start));
        t.table.mark(t.table.claim(id, id, 1, start));
    }

    std::vector<std::uint64_t> visited;
    auto visit = [&](UseRecord &record) {
        visited.push_back(record.id.load());
    };

    t.table.for_each_marked(visit);
    EXPECT_EQ(visited, (std::vector<std::uint64_t>{ 3, 70, 127 }));
    t.table.for_each_marked(visit);
    EXPECT_EQ(visited.size(), 3u);
}

TEST(KeysUse, NothingUnsentIsLostBetweenCountingAndSending)
{
    Table t(64);
    std::atomic<int> running{4};
    std::vector<std::thread> workers;

    for (int i = 0; i < 4; ++i) {
        workers.emplace_back([&] {
            for (int n = 0; n < 20000; ++n) {
                UseRecord &record = t.table.claim(
                    1 + static_cast<std::uint64_t>(n % 5), 1, 1, start);
                take(record, {}, 2);
                t.table.mark(record);
            }

            --running;
        });
    }

    std::uint64_t requests = 0, tokens = 0;
    auto send = [&](UseRecord &record) {
        requests += record.unsent_requests.exchange(0);
        tokens += record.unsent_tokens.exchange(0);
    };

    while (running != 0) {
        t.table.for_each_marked(send);
    }

    for (std::thread &one : workers) {
        one.join();
    }

    t.table.for_each_marked(send);
    EXPECT_EQ(requests, 80000u);
    EXPECT_EQ(tokens, 160000u);
}

TEST(KeysUse, ATableOfAnotherSizeTakesOverWhatWasUsedLast)
{
    Table old(128);

    for (std::uint64_t id = 1; id <= 100; ++id) {
        UseRecord &record = old.table.claim(id, id + 500, 2,
            start + static_cast<std::int64_t>(id) * second);
        ASSERT_TRUE(take(record, {}, static_cast<std::int64_t>(id)));
        learn(record, Quantity::tpm, 77, start);
    }

    for (std::size_t capacity : { 32u, 64u, 256u }) {
        Table fresh(capacity);
        fresh.table.copy_from(old.table,
            [](std::uint64_t model) { return model + 10; });

        for (std::uint64_t id = 101 - std::min<std::uint64_t>(32, capacity);
             id <= 100; ++id)
        {
            UseRecord *record = fresh.table.find(id);
            ASSERT_NE(record, nullptr) << id;
            EXPECT_EQ(record->owner.load(), id + 500);
            EXPECT_EQ(record->model.load(), 12u);
            EXPECT_EQ(known_limits(record, {}, start).tpm, 77);
            EXPECT_EQ(counts_of(*record).tpd, static_cast<std::int64_t>(id));
            EXPECT_EQ(counts_of(*record).unsent_requests, 1);
        }

        std::size_t marked = 0;
        fresh.table.for_each_marked([&](UseRecord &) { ++marked; });
        EXPECT_EQ(marked, std::min<std::size_t>(capacity, 100));
    }
}

}

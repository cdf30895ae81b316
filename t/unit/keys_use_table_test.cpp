#include "keys_use.hpp"

#include "core/keys/use.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;

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

TEST(KeysUseTable, ATableFindsWhatWasClaimed)
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

TEST(KeysUseTable, LastUseIsWrittenOnceASecond)
{
    Table t(64);
    UseRecord &record = t.table.claim(7, 70, 2, start);

    t.table.claim(7, 70, 2, start + 999);
    EXPECT_EQ(record.last_used_ms.load(), std::uint64_t{start});
    t.table.claim(7, 70, 2, start + 1000);
    EXPECT_EQ(record.last_used_ms.load(), std::uint64_t{start + 1000});
}

TEST(KeysUseTable, WhatWasUnusedForLongestGivesWayWithAllItCounted)
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

TEST(KeysUseTable, APlaceThatADeadWorkerWasTakingIsTakenWithNothingCounted)
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

TEST(KeysUseTable, WorkersThatClaimTheSameIdGetTheSameRecord)
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

TEST(KeysUseTable, AFullTableServesWorkersThatTakeFromEachOther)
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

TEST(KeysUseTable, MarkedRecordsAreVisitedOnce)
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

TEST(KeysUseTable, NothingUnsentIsLostBetweenCountingAndSending)
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

TEST(KeysUseTable, ATableOfAnotherSizeTakesOverWhatWasUsedLast)
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

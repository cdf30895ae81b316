#include "core/keys/resources.hpp"

#include "keys_memory.hpp"

#include <atomic>
#include <thread>

namespace {

using gw::keys::Resource;
using gw::keys::ResourceRecord;
using gw::keys::ResourceTable;
using gw::keys::resource_id;

constexpr std::int64_t now = 1768507200000;
constexpr std::int64_t hour = 3600 * 1000;

struct Table {
    explicit Table(std::size_t capacity)
        : records(capacity), table(records.data(), capacity)
    {
    }

    std::vector<ResourceRecord> records;
    ResourceTable table;
};

Resource resource(std::uint64_t id, std::uint64_t project = 7,
    std::int64_t when = now)
{
    Resource made;
    made.id = id;
    made.project = project;
    made.client = 9;
    made.expires_ms = now + hour;
    made.when_ms = when;

    return made;
}

TEST(KeysResources, KeepsWhoseSomethingIs)
{
    Table t(64);
    std::uint64_t id = resource_id("files/abc");

    EXPECT_FALSE(t.table.find(id, now));
    EXPECT_TRUE(t.table.keep(resource(id), now));

    auto found = t.table.find(id, now);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->project, 7u);
    EXPECT_EQ(found->client, 9u);
    EXPECT_EQ(found->expires_ms, now + hour);

    EXPECT_FALSE(t.table.find(resource_id("files/abd"), now));
}

TEST(KeysResources, ForgetsWhatIsOver)
{
    Table t(64);

    EXPECT_TRUE(t.table.keep(resource(1), now));
    EXPECT_FALSE(t.table.find(1, now + hour));
    EXPECT_FALSE(t.table.keep(resource(1), now + hour));
    EXPECT_TRUE(t.table.all(now + hour).empty());
}

TEST(KeysResources, SaysOnlyOnceWhatIsNoNews)
{
    Table t(64);
    Resource later = resource(1);
    later.when_ms = now + 1000;
    later.expires_ms += 1000;

    EXPECT_TRUE(t.table.keep(resource(1), now));
    EXPECT_FALSE(t.table.keep(later, now));

    later.expires_ms += hour;
    EXPECT_TRUE(t.table.keep(later, now));
    EXPECT_EQ(t.table.find(1, now)->expires_ms, now + 2 * hour + 1000);
}

TEST(KeysResources, TheLaterWins)
{
    Table t(64);

    EXPECT_TRUE(t.table.keep(resource(1, 7, now + 1), now));
    EXPECT_FALSE(t.table.keep(resource(1, 8, now), now));
    EXPECT_EQ(t.table.find(1, now)->project, 7u);
    EXPECT_TRUE(t.table.keep(resource(1, 8, now + 2), now));
    EXPECT_EQ(t.table.find(1, now)->project, 8u);
}

TEST(KeysResources, WhoKnowsBetterComesBeforeAGuess)
{
    Table t(64);
    Resource guess = resource(1, 7, Resource::guessed_at(now));
    Resource made = resource(1, 7, now - 20 * 24 * hour);
    made.client = 5;

    EXPECT_TRUE(guess.is_guess(now));
    EXPECT_TRUE(guess.is_guess(now + 20 * 24 * hour));
    EXPECT_FALSE(made.is_guess(now));

    EXPECT_TRUE(t.table.keep(guess, now));
    EXPECT_TRUE(t.table.keep(made, now));
    EXPECT_EQ(t.table.find(1, now)->client, 5u);
    EXPECT_FALSE(t.table.keep(guess, now));
}

TEST(KeysResources, WhatWasDeletedStaysSo)
{
    Table t(64);

    EXPECT_TRUE(t.table.keep(resource(1), now));
    EXPECT_TRUE(t.table.keep(resource(1, 0, now + 1), now));
    EXPECT_FALSE(t.table.find(1, now));
    EXPECT_TRUE(t.table.known(1, now));
    EXPECT_FALSE(t.table.keep(resource(1, 7, now), now));
    EXPECT_FALSE(t.table.find(1, now));
}

TEST(KeysResources, TheOldestGivesWay)
{
    Table t(ResourceTable::reach);
    constexpr std::uint64_t count = ResourceTable::reach;

    for (std::uint64_t i = 1; i <= count + 1; ++i) {
        EXPECT_TRUE(t.table.keep(resource(i, 7,
            now + static_cast<std::int64_t>(i)), now));
    }

    EXPECT_FALSE(t.table.find(1, now));

    for (std::uint64_t i = 2; i <= count + 1; ++i) {
        EXPECT_TRUE(t.table.find(i, now)) << i;
    }
}

TEST(KeysResources, MovesToATableOfAnotherSize)
{
    Table large(256);
    Table small(32);

    for (std::uint64_t i = 1; i <= 100; ++i) {
        (void) large.table.keep(resource(resource_id(std::to_string(i)), i,
            now + static_cast<std::int64_t>(i)), now);
    }

    small.table.copy_from(large.table);

    std::size_t kept = small.table.all(now).size();
    EXPECT_GE(kept, 16u);
    EXPECT_LE(kept, 32u);
    EXPECT_TRUE(small.table.find(resource_id("100"), now));

    Table other(512);
    other.table.copy_from(small.table);
    EXPECT_EQ(other.table.all(now).size(), kept);
}

TEST(KeysResources, ATableWithoutRoomKnowsNothing)
{
    ResourceTable none;

    EXPECT_FALSE(none.keep(resource(1), now));
    EXPECT_FALSE(none.find(1, now));
    EXPECT_TRUE(none.all(now).empty());
}

TEST(KeysResources, ARecordHalfWrittenIsNone)
{
    Table t(1);

    EXPECT_TRUE(t.table.keep(resource(1), now));
    t.records[0].project.store(8);
    EXPECT_FALSE(t.table.find(1, now));
    EXPECT_TRUE(t.table.keep(resource(1), now));
    EXPECT_TRUE(t.table.find(1, now));
}

TEST(KeysResources, BelongsToWhoMadeIt)
{
    Resource made = resource(1);

    EXPECT_TRUE(made.belongs_to(9));
    EXPECT_FALSE(made.belongs_to(8));
    EXPECT_TRUE(made.belongs_to(0));
    made.client = 0;
    EXPECT_TRUE(made.belongs_to(8));
}

TEST(KeysResources, WritersAtOnceLeaveNoMixture)
{
    Table t(8);
    std::atomic<bool> stop{false};
    std::vector<std::thread> writers;

    for (std::uint64_t w = 1; w <= 3; ++w) {
        writers.emplace_back([&t, &stop, w]() {
            for (std::int64_t i = 0; !stop.load(); ++i) {
                Resource mine = resource(1 + static_cast<std::uint64_t>(i)
                    % 4, w, now + i);
                mine.client = w;
                (void) t.table.keep(mine, now);
            }
        });
    }

    for (int i = 0; i < 20000; ++i) {
        auto found = t.table.find(1 + static_cast<std::uint64_t>(i) % 4, now);
        ASSERT_TRUE(!found || found->project == found->client);
    }

    stop = true;

    for (std::thread &writer : writers) {
        writer.join();
    }
}

TEST(KeysResources, ThePoolTellsWhatItKeeps)
{
    PoolBench bench(credentials(2));
    Resource made = resource(resource_id("files/a"), 7, pool_now);
    made.expires_ms = pool_now + hour;

    EXPECT_TRUE(bench.pool.keep_resource(made, false, pool_now));
    EXPECT_FALSE(bench.pool.keep_resource(made, false, pool_now));

    auto events = bench.events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, gw::keys::EventKind::resource_kept);
    EXPECT_EQ(events[0].owner, made.id);

    // From a clock that is wrong.
    made.when_ms = pool_now + 100 * hour;
    made.expires_ms = pool_now + 200 * hour;
    EXPECT_FALSE(bench.pool.keep_resource(made, true, pool_now));
}

TEST(KeysResources, OutlivesAChangeOfTheZonesSize)
{
    gw::keys::Layout large = gw::keys::Layout::for_keys(1000);
    PoolBench bench(credentials(2));
    Resource made = resource(resource_id("files/a"), 7, pool_now);

    made.expires_ms = pool_now + hour;
    EXPECT_TRUE(bench.pool.keep_resource(made, false, pool_now));

    Memory memory = formatted_memory(large);
    gw::keys::Pool::migrate(memory.get(), bench.memory.get());
    gw::keys::Pool other(credentials(2), {});
    ASSERT_TRUE(other.adopt(memory.get()));
    EXPECT_TRUE(other.resources().find(made.id, pool_now));
}

}

#include "core/keys/added.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>

namespace {

using namespace gw::keys;

constexpr std::int64_t now = 1768507200000;

struct Places {
    explicit Places(std::size_t capacity)
        : records(std::make_unique<AddedRecord[]>(capacity)),
          table(records.get(), capacity)
    {
    }

    bool write(const KeyChange &change)
    {
        return table.write(change, full);
    }

    bool holds(std::string_view text) const
    {
        std::string_view bytes(reinterpret_cast<const char *>(records.get()),
            table.capacity() * sizeof(AddedRecord));

        return bytes.find(text) != std::string_view::npos;
    }

    std::unique_ptr<AddedRecord[]> records;
    AddedTable table;
    bool full = false;
};

KeyChange added(std::uint64_t id, std::int64_t when_ms = now)
{
    KeyChange change;
    change.id = id;
    change.added = true;
    change.secret = "secret-number-" + std::to_string(id);
    change.when_ms = when_ms;

    return change;
}

KeyChange removed(std::uint64_t id, std::int64_t when_ms)
{
    KeyChange change;
    change.id = id;
    change.added = true;
    change.removed = true;
    change.when_ms = when_ms;

    return change;
}

TEST(KeysAdded, AChangeIsReadAsItWasWritten)
{
    Places places(4);
    KeyChange full = added(5);
    full.enabled = false;
    full.weight = 1000;
    full.name = std::string(KeyChange::max_name, 'n');
    full.project = std::string(KeyChange::max_project, 'p');
    full.secret = std::string(KeyChange::max_secret, 's');
    KeyChange bare;
    bare.id = 6;
    bare.when_ms = 1;
    KeyChange nameless = added(7);
    nameless.name = "";

    for (const KeyChange &change : { full, bare, nameless }) {
        ASSERT_TRUE(places.write(change));
        auto read = places.table.find(change.id);
        ASSERT_TRUE(read);
        EXPECT_EQ(read->id, change.id);
        EXPECT_EQ(read->added, change.added);
        EXPECT_EQ(read->removed, change.removed);
        EXPECT_EQ(read->enabled, change.enabled);
        EXPECT_EQ(read->weight, change.weight);
        EXPECT_EQ(read->name, change.name);
        EXPECT_EQ(read->project, change.project);
        EXPECT_EQ(read->secret, change.secret);
        EXPECT_EQ(read->when_ms, change.when_ms);
    }

    EXPECT_FALSE(places.table.find(99));
    EXPECT_FALSE(places.table.find(0));
    EXPECT_EQ(places.table.at(1)->id, 6u);
    EXPECT_FALSE(places.table.at(3));
}

TEST(KeysAdded, TheLaterOfTwoChangesHolds)
{
    Places places(2);
    ASSERT_TRUE(places.write(added(5, now)));
    KeyChange change = added(5, now);
    change.weight = 7;
    EXPECT_FALSE(places.write(change));
    change.when_ms = now - 1;
    EXPECT_FALSE(places.write(change));
    EXPECT_FALSE(places.full);
    EXPECT_FALSE(places.table.find(5)->weight);
    change.when_ms = now + 1;
    EXPECT_TRUE(places.write(change));
    EXPECT_EQ(places.table.find(5)->weight, 7u);
    EXPECT_FALSE(places.table.at(1));
}

TEST(KeysAdded, AShorterTextLeavesNothingOfALonger)
{
    Places places(1);
    KeyChange change = added(5);
    change.secret = "a-very-long-secret";
    change.name = "a-very-long-name";
    ASSERT_TRUE(places.write(change));
    EXPECT_TRUE(places.holds("long-secret"));
    change.secret = "short";
    change.name = "name";
    change.when_ms = now + 1;
    ASSERT_TRUE(places.write(change));
    EXPECT_FALSE(places.holds("long"));

    ASSERT_TRUE(places.write(removed(5, now + 2)));
    EXPECT_FALSE(places.holds("short"));
    EXPECT_TRUE(places.table.find(5)->removed);
    EXPECT_EQ(places.table.find(5)->secret, "");
}

TEST(KeysAdded, TheOldestRemovedOneGivesWay)
{
    Places places(3);
    ASSERT_TRUE(places.write(added(1)));
    ASSERT_TRUE(places.write(added(2)));
    ASSERT_TRUE(places.write(added(3)));
    EXPECT_FALSE(places.write(added(4)));
    EXPECT_TRUE(places.full);

    ASSERT_TRUE(places.write(removed(2, now + 5)));
    ASSERT_TRUE(places.write(removed(3, now + 4)));
    EXPECT_TRUE(places.write(added(4)));
    EXPECT_FALSE(places.full);
    EXPECT_FALSE(places.table.find(3));
    EXPECT_TRUE(places.write(added(6)));
    EXPECT_FALSE(places.table.find(2));
    EXPECT_FALSE(places.write(added(7)));
    EXPECT_TRUE(places.full);

    for (std::uint64_t id : { 1u, 4u, 6u }) {
        EXPECT_EQ(places.table.find(id)->secret, added(id).secret);
    }
}

TEST(KeysAdded, WhatIsTooLongForAPlaceIsNotCut)
{
    Places places(1);
    KeyChange change = added(1);
    change.secret = std::string(KeyChange::max_secret + 1, 's');
    EXPECT_FALSE(places.write(change));
    EXPECT_TRUE(places.full);
    change = added(1);
    change.name = std::string(KeyChange::max_name + 1, 's');
    EXPECT_FALSE(places.write(change));
    change = added(1);
    change.project = std::string(KeyChange::max_project + 1, 's');
    EXPECT_FALSE(places.write(change));
    EXPECT_FALSE(places.table.at(0));
}

TEST(KeysAdded, AWriterThatDiedLeavesWhatIsNotReadButWrittenAgain)
{
    Places places(2);
    ASSERT_TRUE(places.write(added(1)));
    ASSERT_TRUE(places.write(added(2)));
    places.records[0].version.fetch_add(1);
    places.records[0].secret[3] = '\0';
    EXPECT_FALSE(places.table.find(1));
    EXPECT_FALSE(places.table.at(0));
    EXPECT_TRUE(places.table.find(2));

    // Even an older change is better than half of one.
    EXPECT_TRUE(places.write(added(1, now - 100)));
    ASSERT_TRUE(places.table.find(1));
    EXPECT_EQ(places.table.find(1)->secret, added(1).secret);
    EXPECT_EQ(places.table.find(1)->when_ms, now - 100);

    // Or its place goes to another.
    places.records[0].version.fetch_add(1);
    EXPECT_TRUE(places.write(added(3)));
    EXPECT_EQ(places.table.at(0)->id, 3u);
    EXPECT_EQ(places.records[0].version.load() % 2, 0u);
}

TEST(KeysAdded, SizesBeyondTheBytesAreNotBelieved)
{
    Places places(1);
    KeyChange change = added(1);
    change.name = "n";
    ASSERT_TRUE(places.write(change));
    places.records[0].sizes = ~std::uint64_t{0};
    auto read = places.table.at(0);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->secret.size(), KeyChange::max_secret);
    EXPECT_EQ(read->name->size(), KeyChange::max_name);
    EXPECT_EQ(read->project.size(), KeyChange::max_project);
}

TEST(KeysAdded, ReadersBesideAWriterSeeWholeChangesOnly)
{
    Places places(1);
    std::atomic<bool> done{false};
    std::atomic<int> torn{0};
    std::atomic<int> reads{0};
    std::thread reader([&] {
        while (!done) {
            auto change = places.table.at(0);

            if (change) {
                ++reads;
                auto size = static_cast<std::size_t>(change->when_ms % 300);
                char c = static_cast<char>('a' + change->when_ms % 26);
                torn += change->secret != std::string(size, c);
            }
        }
    });

    for (int i = 1; i < 20000 || reads == 0; ++i) {
        KeyChange change;
        change.id = 9;
        change.added = true;
        change.when_ms = i;
        change.secret = std::string(static_cast<std::size_t>(i % 300),
            static_cast<char>('a' + i % 26));
        ASSERT_TRUE(places.write(change));
    }

    done = true;
    reader.join();
    EXPECT_EQ(torn, 0);
}

}

#include "core/keys/journal.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;
using gw::gemini::FailureClass;

constexpr std::int64_t now = 1768507200000;

struct Ring {
    explicit Ring(std::size_t capacity)
        : entries(std::make_unique<JournalEntry[]>(capacity)),
          journal(&next, entries.get(), capacity)
    {
    }

    Journal::Read look(std::uint64_t number)
    {
        Event event;

        return journal.read(number, event);
    }

    Word next{0};
    std::unique_ptr<JournalEntry[]> entries;
    Journal journal;
};

Event event_of(std::uint64_t owner)
{
    Event event;
    event.owner = owner;
    event.model = owner * 3;
    event.value = ~owner;
    event.at_ms = now + static_cast<std::int64_t>(owner);

    return event;
}

TEST(KeysJournal, AnEventIsReadAsItWasWritten)
{
    Ring ring(8);
    Event event = event_of(77);
    event.kind = EventKind::limit_learned;
    event.remote = true;
    event.failure = FailureClass::daily_quota;
    ring.journal.append(event_of(1));
    ring.journal.append(event);
    EXPECT_EQ(ring.journal.next(), 2u);

    Event read;
    ASSERT_EQ(ring.journal.read(1, read), Journal::Read::ok);
    EXPECT_EQ(read.number, 1u);
    EXPECT_EQ(read.kind, EventKind::limit_learned);
    EXPECT_TRUE(read.remote);
    EXPECT_EQ(read.failure, FailureClass::daily_quota);
    EXPECT_EQ(read.owner, 77u);
    EXPECT_EQ(read.model, 231u);
    EXPECT_EQ(read.value, ~std::uint64_t{77});
    EXPECT_EQ(read.at_ms, now + 77);

    ASSERT_EQ(ring.journal.read(0, read), Journal::Read::ok);
    EXPECT_EQ(read.kind, EventKind::rested);
    EXPECT_FALSE(read.remote);
    EXPECT_EQ(read.failure, FailureClass::none);
    EXPECT_EQ(ring.look(2), Journal::Read::none);
    EXPECT_EQ(ring.look(1000), Journal::Read::none);
}

TEST(KeysJournal, WhatWasOverwrittenIsLost)
{
    Ring ring(8);

    for (std::uint64_t i = 0; i < 20; ++i) {
        ring.journal.append(event_of(i));
    }

    for (std::uint64_t i = 0; i < 20; ++i) {
        EXPECT_EQ(ring.look(i),
            i < 12 ? Journal::Read::lost : Journal::Read::ok) << i;
    }
}

TEST(KeysJournal, AWriterThatDiedHoldsUpNobody)
{
    Ring ring(8);
    ring.journal.append(event_of(0));

    // It had taken its number, and no more.
    ring.next.fetch_add(1);
    EXPECT_EQ(ring.look(1), Journal::Read::none);
    ring.journal.append(event_of(2));
    EXPECT_EQ(ring.look(1), Journal::Read::lost);
    EXPECT_EQ(ring.look(2), Journal::Read::ok);

    // It had begun to write where an older event stood.
    for (std::uint64_t i = 3; i < 9; ++i) {
        ring.journal.append(event_of(i));
    }

    std::uint64_t number = ring.next.fetch_add(1);
    ring.entries[number % 8].number = 0;
    ring.entries[number % 8].owner = 99;
    EXPECT_EQ(ring.look(number), Journal::Read::none);
    EXPECT_EQ(ring.look(number - 8), Journal::Read::lost);
    ring.journal.append(event_of(10));
    EXPECT_EQ(ring.look(number), Journal::Read::lost);

    // The place is used again.
    for (std::uint64_t i = 0; i < 8; ++i) {
        ring.journal.append(event_of(i));
    }

    EXPECT_EQ(ring.look(number + 8), Journal::Read::ok);
}

TEST(KeysJournal, AMigratedReaderNoticesThatEventsAreMissing)
{
    Ring ring(8);
    ring.next = 100;
    EXPECT_EQ(ring.look(100), Journal::Read::none);
    ring.journal.append(event_of(1));
    EXPECT_EQ(ring.look(98), Journal::Read::lost);
    EXPECT_EQ(ring.look(99), Journal::Read::lost);
    EXPECT_EQ(ring.look(100), Journal::Read::ok);
}

TEST(KeysJournal, WordsOfTwoWritersAreNoEvent)
{
    Ring ring(8);
    ring.journal.append(event_of(1));
    ring.journal.append(event_of(2));

    for (Word JournalEntry::*word : { &JournalEntry::kind,
                                      &JournalEntry::owner,
                                      &JournalEntry::model,
                                      &JournalEntry::value,
                                      &JournalEntry::at_ms,
                                      &JournalEntry::check })
    {
        std::uint64_t before = (ring.entries[0].*word).load();
        EXPECT_EQ(ring.look(0), Journal::Read::ok);
        ring.entries[0].*word = before ^ 1;
        EXPECT_EQ(ring.look(0), Journal::Read::lost);
        ring.entries[0].*word = before;
    }
}

TEST(KeysJournal, ReadersBesideWritersSeeWholeEventsOnly)
{
    constexpr int writers = 3;
    constexpr std::uint64_t each = 20000;
    Ring ring(16);
    std::atomic<int> running{writers};
    std::vector<std::thread> threads;

    for (int i = 0; i < writers; ++i) {
        threads.emplace_back([&ring, &running] {
            for (std::uint64_t n = 0; n < each; ++n) {
                ring.journal.append(event_of(n));
            }

            --running;
        });
    }

    std::uint64_t position = 0;
    std::uint64_t seen = 0;
    bool torn = false;

    while (running != 0 || position < ring.journal.next()) {
        Event event;

        switch (ring.journal.read(position, event)) {

        case Journal::Read::ok:
            ++seen;
            torn = torn || event.number != position
                || event.model != event.owner * 3
                || event.value != ~event.owner;
            ++position;
            break;

        case Journal::Read::lost:
            ++position;
            break;

        case Journal::Read::none:
            break;
        }
    }

    for (std::thread &one : threads) {
        one.join();
    }

    EXPECT_FALSE(torn);
    EXPECT_GT(seen, 0u);
    EXPECT_EQ(ring.journal.next(), writers * each);

    for (std::uint64_t i = 1; i <= 16; ++i) {
        EXPECT_EQ(ring.look(writers * each - i), Journal::Read::ok);
    }
}

TEST(KeysJournal, EveryKindHasANameOfItsOwn)
{
    std::set<std::string_view> names;

    for (int i = 0; i < static_cast<int>(EventKind::kinds); ++i) {
        names.insert(name_of(static_cast<EventKind>(i)));
    }

    EXPECT_EQ(names.size(), static_cast<std::size_t>(EventKind::kinds));
    EXPECT_EQ(names.count("unknown"), 0u);
}

}

#include "core/base/duration.hpp"
#include "core/keys/window.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t second = 1000;
constexpr std::int64_t start = 1768507200000;       // noon Pacific
constexpr int threads = 4;

template <typename Body>
void in_threads(Body body)
{
    std::vector<std::thread> running;

    for (int i = 0; i < threads; ++i) {
        running.emplace_back([&body, i] { body(i); });
    }

    for (std::thread &one : running) {
        one.join();
    }
}

TEST(KeysWindow, AMinuteForgetsNeverEarlyAndAtMostFourSecondsLate)
{
    for (std::int64_t offset = 0; offset < 8000; offset += 500) {
        MinuteWindow window{};
        std::int64_t then = start + offset;
        window.add(then, 3);

        EXPECT_EQ(window.sum(then), 3);
        EXPECT_EQ(window.sum(then + 60 * second), 3) << offset;
        EXPECT_EQ(window.sum(then + 64 * second), 0) << offset;
    }
}

TEST(KeysWindow, WaitForNamesTheMomentTheSumHasFallen)
{
    MinuteWindow window{};
    window.add(start, 5);
    window.add(start + 10 * second, 5);
    window.add(start + 30 * second, 5);
    std::int64_t now = start + 31 * second;

    for (std::int64_t most : { 14, 10, 9, 5, 4, 0 }) {
        std::int64_t wait = window.wait_for(now, most);
        EXPECT_GT(wait, 0);
        EXPECT_LE(window.sum(now + wait), most);
        EXPECT_GT(window.sum(now + wait - 1), most);
    }

    EXPECT_EQ(window.wait_for(now, 15), 0);
}

TEST(KeysWindow, ALateWriterDoesNotReviveAnOldSlot)
{
    MinuteWindow window{};
    window.add(start + 64 * second, 2);
    window.add(start, 100);
    EXPECT_EQ(window.sum(start + 64 * second), 2);
}

TEST(KeysWindow, AWorkerALittleBehindSeesWhatOthersHaveCounted)
{
    MinuteWindow window{};
    window.add(start, 2);
    EXPECT_EQ(window.sum(start - 1), 2);
}

TEST(KeysWindow, CountsSaturateAndNeverGoBelowZero)
{
    MinuteWindow window{};
    window.add(start, std::int64_t{1} << 62);
    window.add(start, std::int64_t{1} << 62);
    EXPECT_EQ(window.sum(start), (std::int64_t{1} << 32) - 1);
    EXPECT_EQ(window.sum(start + 4 * second), (std::int64_t{1} << 32) - 1);

    MinuteWindow other{};
    other.add(start, -5);
    EXPECT_EQ(other.sum(start), 0);
}

TEST(KeysWindow, ADayStartsOverAtPacificMidnight)
{
    DayCount day{};
    std::int64_t midnight = gw::next_pacific_midnight(start);
    day.add(start, 7);
    day.add(midnight - 1, 1);
    EXPECT_EQ(day.sum(midnight - 1), 8);
    EXPECT_EQ(day.sum(midnight), 0);
    day.add(midnight, 1);
    EXPECT_EQ(day.sum(midnight), 1);

    // A worker whose clock is a moment behind does not bring yesterday back.
    day.add(midnight - 1, 1);
    EXPECT_EQ(day.sum(midnight), 2);
}

TEST(KeysWindow, EachLimitRefusesAndSaysHowLong)
{
    struct Case {
        const char *name;
        Limits limits;
        std::int64_t tokens;
        int passes;
        std::int64_t least_wait;
        std::int64_t most_wait;
    };

    std::int64_t day_left = gw::next_pacific_midnight(start) - start;

    for (const Case &c : {
        Case{"rpm", {3, 0, 0, 0}, 0, 3, 60 * second, 64 * second},
        Case{"rpd", {0, 2, 0, 0}, 0, 2, day_left, day_left},
        Case{"tpm", {0, 0, 100, 0}, 50, 2, 60 * second, 64 * second},
        Case{"tpd", {0, 0, 0, 100}, 60, 2, day_left, day_left},
        Case{"rpm and rpd", {5, 2, 0, 0}, 0, 2, day_left, day_left},
        Case{"rpd and rpm", {2, 5, 0, 0}, 0, 2, 60 * second, 64 * second} })
    {
        auto record = std::make_unique<LimitRecord>();

        for (int i = 0; i < c.passes; ++i) {
            EXPECT_EQ(take_request(*record, c.limits, start), 0) << c.name;
            add_tokens(*record, c.tokens, start);
        }

        std::int64_t counted = record->requests_minute.sum(start);
        std::int64_t wait = take_request(*record, c.limits, start);
        EXPECT_GE(wait, c.least_wait) << c.name;
        EXPECT_LE(wait, c.most_wait) << c.name;
        EXPECT_EQ(record->requests_minute.sum(start), counted) << c.name;
        EXPECT_EQ(record->requests_day.sum(start), counted) << c.name;
        EXPECT_EQ(take_request(*record, c.limits, start + wait), 0) << c.name;
    }
}

TEST(KeysWindow, WithoutLimitsNothingIsRefused)
{
    auto record = std::make_unique<LimitRecord>();
    EXPECT_FALSE(Limits{}.any());

    for (int i = 0; i < 1000; ++i) {
        EXPECT_EQ(take_request(*record, {}, start), 0);
    }

    EXPECT_EQ(record->requests_minute.sum(start), 1000);
}

TEST(KeysWindow, ConcurrentCallersPassExactlyTheLimit)
{
    Limits by_minute;
    by_minute.rpm = 1000;
    Limits by_day;
    by_day.rpd = 1000;

    for (const Limits &limits : { by_minute, by_day }) {
        auto record = std::make_unique<LimitRecord>();
        std::atomic<int> passed{0};

        in_threads([&](int) {
            for (int i = 0; i < 2000; ++i) {
                if (take_request(*record, limits, start) == 0) {
                    ++passed;
                }
            }
        });

        EXPECT_EQ(passed, 1000);
    }
}

TEST(KeysWindow, ConcurrentCallersAcrossASlotsEdgeNeverPassMore)
{
    Limits limits;
    limits.rpm = 50;

    for (int round = 0; round < 50; ++round) {
        auto record = std::make_unique<LimitRecord>();
        std::atomic<int> passed{0};

        in_threads([&](int thread) {
            for (int i = 0; i < 100; ++i) {
                // Neighbouring slots for different threads.
                if (take_request(*record, limits,
                        start + thread % 2 * MinuteWindow::slot_ms) == 0)
                {
                    ++passed;
                }
            }
        });

        EXPECT_LE(passed, 50);
        EXPECT_GT(passed, 0);
    }
}

TEST(KeysWindow, AClientIsFoundAgain)
{
    auto records = std::make_unique<LimitRecord[]>(64);
    LimitTable table(records.get(), 64);

    LimitRecord &a = table.find(11, start);
    LimitRecord &b = table.find(12, start);
    EXPECT_NE(&a, &b);
    EXPECT_EQ(&a, &table.find(11, start + second));
    EXPECT_EQ(&b, &table.find(12, start + second));
    EXPECT_EQ(&table.find(0, start), &table.find(0, start));
}

TEST(KeysWindow, TheOneUnusedForLongestGivesWayWithItsCounts)
{
    auto records = std::make_unique<LimitRecord[]>(4);
    LimitTable table(records.get(), 4);

    for (std::uint64_t id = 1; id <= 4; ++id) {
        auto now = start + static_cast<std::int64_t>(id) * 2 * second;
        LimitRecord &record = table.find(id, now);
        take_request(record, {}, now);
        add_tokens(record, 9, now);
    }

    LimitRecord &first = table.find(1, start + 20 * second);
    std::int64_t now = start + 21 * second;
    LimitRecord &stranger = table.find(5, now);

    EXPECT_EQ(stranger.requests_minute.sum(now), 0);
    EXPECT_EQ(stranger.tokens_minute.sum(now), 0);
    EXPECT_EQ(stranger.requests_day.sum(now), 0);
    EXPECT_EQ(stranger.tokens_day.sum(now), 0);
    EXPECT_EQ(&first, &table.find(1, now));
    EXPECT_EQ(first.requests_minute.sum(now), 1);
    EXPECT_EQ(table.find(3, now).requests_minute.sum(now), 1);

    // 2 had been unused for longest.
    EXPECT_EQ(table.find(2, now).requests_minute.sum(now), 0);
}

TEST(KeysWindow, ConcurrentSearchesAgreeOnOneRecord)
{
    constexpr std::uint64_t clients = 200;

    auto records = std::make_unique<LimitRecord[]>(1024);
    LimitTable table(records.get(), 1024);

    in_threads([&](int) {
        for (std::uint64_t id = 1; id <= clients; ++id) {
            take_request(table.find(id * 977, start), {}, start);
        }
    });

    for (std::uint64_t id = 1; id <= clients; ++id) {
        EXPECT_EQ(table.find(id * 977, start).requests_minute.sum(start),
            threads);
    }
}

TEST(KeysWindow, AFullTableStillAnswersEverybodyAtOnce)
{
    auto records = std::make_unique<LimitRecord[]>(8);
    LimitTable table(records.get(), 8);

    in_threads([&](int thread) {
        for (std::uint64_t i = 0; i < 2000; ++i) {
            table.find(i * 7919 + static_cast<std::uint64_t>(thread) + 1,
                start + static_cast<std::int64_t>(i));
        }
    });

    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_NE(records[i].id.load(), 0u);
    }
}

}

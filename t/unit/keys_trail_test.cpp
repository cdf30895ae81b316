#include "core/keys/trail.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace gw::keys;
using gw::gemini::FailureClass;

constexpr std::int64_t now = 1768507200000;

struct Ring {
    explicit Ring(std::size_t capacity)
        : records(std::make_unique<TrailRecord[]>(capacity)),
          ring(&next, records.get(), capacity)
    {
    }

    Word next{0};
    std::unique_ptr<TrailRecord[]> records;
    TrailRing ring;
};

/// Told from others by a number.
void keep(TrailRing &ring, std::uint64_t number, std::size_t steps)
{
    std::uint64_t ids[Trail::most];
    Trail trail;

    for (std::size_t i = 0; i < steps; ++i) {
        ids[i] = number + i;
        trail.add({ 0, Why::resting, FailureClass::server_error,
            now + static_cast<std::int64_t>(i) });
    }

    std::uint64_t request[2] = { number, ~number };
    ring.keep(now + static_cast<std::int64_t>(number), request, 3, trail,
        ids);
}

TEST(KeysTrail, ATrailEndsWithTheOneTaken)
{
    Trail trail;

    for (std::uint32_t i = 0; i < 40; ++i) {
        trail.add({ i, Why::passed_over, FailureClass::none, 0 });
    }

    EXPECT_EQ(trail.count, Trail::most);
    EXPECT_EQ(trail.steps[Trail::most - 1].credential, Trail::most - 1);
    trail.add({ 99, Why::taken, FailureClass::none, 0 });
    EXPECT_EQ(trail.count, Trail::most);
    EXPECT_EQ(trail.steps[Trail::most - 1].credential, 99u);
}

TEST(KeysTrail, TheNewestComeFirstAndWhole)
{
    Ring ring(5);
    EXPECT_TRUE(ring.ring.newest(10).empty());

    for (std::uint64_t i = 0; i < 8; ++i) {
        keep(ring.ring, i, i);
    }

    auto trails = ring.ring.newest(10);
    ASSERT_EQ(trails.size(), 5u);

    for (std::uint64_t i = 0; i < 5; ++i) {
        std::uint64_t number = 7 - i;
        const KeptTrail &trail = trails[i];
        EXPECT_EQ(trail.at_ms, now + static_cast<std::int64_t>(number));
        EXPECT_EQ(trail.request[0], number);
        EXPECT_EQ(trail.request[1], ~number);
        EXPECT_EQ(trail.model, 3u);
        ASSERT_EQ(trail.marks.size(), number);
        EXPECT_EQ(trail.marks.back().credential_id, 2 * number - 1);
        EXPECT_EQ(trail.marks.back().why, Why::resting);
        EXPECT_EQ(trail.marks.back().failure, FailureClass::server_error);
        EXPECT_EQ(trail.marks.back().back_at_ms,
            now + static_cast<std::int64_t>(number) - 1);
    }

    EXPECT_EQ(ring.ring.newest(2).size(), 2u);
    EXPECT_TRUE(ring.ring.newest(0).empty());
}

TEST(KeysTrail, TimesAreBounded)
{
    Ring ring(2);
    std::uint64_t ids[] = { 5, 6 };
    Trail trail;
    trail.add({ 0, Why::over_rpd, FailureClass::none, -5 });
    trail.add({ 1, Why::taken, FailureClass::none, INT64_MAX });
    ring.ring.keep(now, { 1, 2 }, 0, trail, ids);

    auto trails = ring.ring.newest(1);
    ASSERT_EQ(trails.size(), 1u);
    ASSERT_EQ(trails[0].marks.size(), 2u);
    EXPECT_EQ(trails[0].marks[0].back_at_ms, 0);
    EXPECT_EQ(trails[0].marks[0].why, Why::over_rpd);
    EXPECT_EQ(trails[0].marks[1].back_at_ms, (std::int64_t{1} << 48) - 1);
    EXPECT_EQ(trails[0].marks[1].why, Why::taken);
}

TEST(KeysTrail, ATrailHalfWrittenIsLeftOutAndItsPlaceUsedAgain)
{
    Ring ring(4);

    for (std::uint64_t i = 0; i < 4; ++i) {
        keep(ring.ring, i, 2);
    }

    // Died before it was whole; and before it began.
    ring.records[1].number = 0;
    ring.next.fetch_add(1);
    auto trails = ring.ring.newest(10);
    ASSERT_EQ(trails.size(), 2u);
    EXPECT_EQ(trails[0].request[0], 3u);
    EXPECT_EQ(trails[1].request[0], 2u);

    // Words of two writers.
    ring.records[2].marks[2] = 12345;
    EXPECT_EQ(ring.ring.newest(10).size(), 1u);
    ring.records[3].count = 1000;
    EXPECT_TRUE(ring.ring.newest(10).empty());

    for (std::uint64_t i = 0; i < 4; ++i) {
        keep(ring.ring, i, 2);
    }

    EXPECT_EQ(ring.ring.newest(10).size(), 4u);
}

TEST(KeysTrail, ThreadsThatKeepTrailsTogetherLeaveWholeOnes)
{
    Ring ring(4);
    std::vector<std::thread> threads;

    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&ring] {
            for (std::uint64_t n = 0; n < 5000; ++n) {
                keep(ring.ring, n, 1 + n % Trail::most);
            }
        });
    }

    for (int i = 0; i < 2000; ++i) {
        for (const KeptTrail &trail : ring.ring.newest(4)) {
            EXPECT_EQ(trail.request[1], ~trail.request[0]);
            EXPECT_EQ(trail.marks.size(), 1 + trail.request[0] % Trail::most);
        }
    }

    for (std::thread &one : threads) {
        one.join();
    }

    EXPECT_EQ(ring.next.load(), 15000u);
}

TEST(KeysTrail, EveryReasonHasANameOfItsOwn)
{
    std::set<std::string_view> names;

    for (int i = 0; i < static_cast<int>(Why::whys); ++i) {
        names.insert(name_of(static_cast<Why>(i)));
    }

    EXPECT_EQ(names.size(), static_cast<std::size_t>(Why::whys));
    EXPECT_EQ(names.count("unknown"), 0u);
}

}

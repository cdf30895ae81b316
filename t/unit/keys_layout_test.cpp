#include "keys_memory.hpp"

#include "core/keys/pool.hpp"
#include "core/keys/regions.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t now = pool_now;
constexpr std::int64_t second = 1000;

void expect_powers_of_two(const Layout &layout)
{
    for (std::uint32_t capacity : { layout.cell_capacity,
                                    layout.limit_capacity,
                                    layout.use_capacity,
                                    layout.journal_capacity,
                                    layout.metric_capacity })
    {
        EXPECT_NE(capacity, 0u);
        EXPECT_EQ(capacity & (capacity - 1), 0u) << capacity;
    }
}

TEST(KeysLayout, TheRegionsLieOneBehindTheOtherInWholeLines)
{
    for (const Layout &layout : { Layout::for_keys(10), small_layout(5),
                                  Layout::within(56u << 10, 1) })
    {
        ASSERT_NE(layout.key_capacity, 0u);
        Memory memory = formatted_memory(layout);
        Regions regions = regions_of(memory.get());
        const char *places[] = {
            reinterpret_cast<const char *>(regions.header),
            reinterpret_cast<const char *>(regions.keys),
            reinterpret_cast<const char *>(regions.cells),
            reinterpret_cast<const char *>(regions.models),
            reinterpret_cast<const char *>(regions.limits),
            reinterpret_cast<const char *>(regions.uses),
            reinterpret_cast<const char *>(regions.dirty_uses),
            reinterpret_cast<const char *>(regions.added),
            reinterpret_cast<const char *>(regions.resources),
            reinterpret_cast<const char *>(regions.journal),
            reinterpret_cast<const char *>(regions.trails),
            reinterpret_cast<const char *>(regions.series),
            reinterpret_cast<const char *>(regions.histograms),
            reinterpret_cast<const char *>(regions.tokens),
        };

        EXPECT_EQ(places[0], memory.get());

        for (std::size_t i = 1; i < std::size(places); ++i) {
            EXPECT_GT(places[i], places[i - 1]) << i;
            EXPECT_EQ((places[i] - places[0]) % 64, 0) << i;
        }

        EXPECT_EQ(static_cast<std::size_t>(reinterpret_cast<const char *>(
                      regions.tokens + layout.token_capacity) - places[0]),
            layout.bytes());
    }
}

TEST(KeysLayout, FormattedTellsALayoutFromAnother)
{
    Layout layout = Layout::for_keys(10);
    Memory memory = zeroed_memory(layout);
    EXPECT_FALSE(Pool::formatted(memory.get(), layout));
    Pool::format(memory.get(), layout);
    EXPECT_TRUE(Pool::formatted(memory.get(), layout));
    EXPECT_FALSE(Pool::formatted(memory.get(), Layout::for_keys(1000)));
}

TEST(KeysLayout, ALayoutHasRoomForItsKeysAndGrowth)
{
    for (std::size_t keys : { 0u, 1u, 10u, 64u, 1000u, 10000u, 100000u }) {
        Layout layout = Layout::for_keys(keys);
        EXPECT_GE(layout.key_capacity,
            keys + keys / 4 + layout.added_capacity);
        EXPECT_GE(layout.added_capacity, 1024u);
        EXPECT_GE(layout.cell_capacity, 4 * keys);
        EXPECT_GE(layout.use_capacity, 4 * keys);
        expect_powers_of_two(layout);
    }

    EXPECT_EQ(Layout::for_keys(0).bytes(), Layout::for_keys(20).bytes());
    EXPECT_LT(Layout::for_keys(64).bytes(), 8u << 20);
    EXPECT_LT(Layout::for_keys(10000).bytes(), 40u << 20);
}

TEST(KeysLayout, ALayoutWithinASizeFitsAndHasRoom)
{
    for (std::size_t bytes : { 64u << 10, 256u << 10, 1u << 20, 10u << 20,
                               100u << 20 })
    {
        for (std::size_t keys : { 0u, 1u, 10u, 100u, 1000u, 10000u }) {
            Layout layout = Layout::within(bytes, keys);

            if (layout.key_capacity == 0) {
                // Refused only where even a bare record, with what little
                // is kept beside it, is tight.
                EXPECT_GT(keys * 800 + 48000, bytes);
                continue;
            }

            EXPECT_LE(layout.bytes(), bytes);
            EXPECT_GE(layout.key_capacity, keys + layout.added_capacity);
            EXPECT_GE(layout.added_capacity, 8u);
            EXPECT_GE(layout.trail_capacity, 4u);
            expect_powers_of_two(layout);
        }
    }

    EXPECT_EQ(Layout::within(4096, 1).key_capacity, 0u);
}

TEST(KeysLayout, AFewKeysMoreKeepTheLayoutOfAFixedSize)
{
    Layout one = Layout::within(4u << 20, 1);

    for (std::size_t keys : { 2u, 50u, 500u, 1500u }) {
        Layout layout = Layout::within(4u << 20, keys);
        EXPECT_EQ(layout.key_capacity, one.key_capacity) << keys;
        EXPECT_EQ(layout.bytes(), one.bytes()) << keys;
    }
}

TEST(KeysLayout, MigrationCarriesEverythingThatMatters)
{
    Layout small = Layout::for_keys(5);
    Layout large = Layout::for_keys(500);

    for (bool grow : { true, false }) {
        Layout from_layout = grow ? small : large;
        Layout to_layout = grow ? large : small;
        Memory from = formatted_memory(from_layout);
        Pool before(with_project(), {});
        ASSERT_TRUE(before.adopt(from.get()));

        before.begin_try(0, now);
        before.failed(0, "gemini-2.5-pro",
            verdict_of(FailureClass::rate_limit), now);
        before.failed(1, "gemini-2.5-pro",
            verdict_of(FailureClass::no_access), now);
        before.failed(2, "m", verdict_of(FailureClass::invalid), now);
        before.header().requests = 5;
        before.header().answered = 4;
        Limits limits;
        limits.rpm = 2;
        take_request(before.limits().find(77, now), limits, now);
        add_tokens(before.limits().find(77, now), 9, now);

        Memory to = formatted_memory(to_layout);
        Pool::migrate(to.get(), from.get());
        Pool after(with_project(), {});
        ASSERT_TRUE(after.adopt(to.get()));

        auto view = after.view(now);
        EXPECT_EQ(view[0].requests, 1u);
        EXPECT_EQ(view[0].failures, 1u);
        EXPECT_EQ(view[0].in_flight, 0u);
        EXPECT_EQ(view[0].last_used_ms, now);
        ASSERT_EQ(view[0].models.size(), 1u);
        EXPECT_EQ(view[0].models[0].model, "gemini-2.5-pro");
        EXPECT_EQ(view[1].models.size(), 2u);
        EXPECT_EQ(view[2].rest.failure, FailureClass::invalid);
        EXPECT_EQ(after.header().requests.load(), 5u);
        EXPECT_EQ(after.header().answered.load(), 4u);
        EXPECT_EQ(after.header().generation.load(), 2u);

        LimitRecord &record = after.limits().find(77, now);
        EXPECT_EQ(record.tokens_day.sum(now), 9);
        EXPECT_EQ(take_request(record, limits, now), 0);
        EXPECT_GT(take_request(record, limits, now), 0);

        // Repetitions are carried over too.
        std::int64_t at = now + 60 * second;
        EXPECT_EQ(after.failed(0, "gemini-2.5-pro",
                      verdict_of(FailureClass::rate_limit), at).until_ms,
            at + 120 * second);
    }
}

TEST(KeysLayout, MigrationToLessRoomKeepsTheKeysNamedLast)
{
    Memory from = formatted_memory(small_layout(64));
    Pool old_pool(credentials(60), {});
    ASSERT_TRUE(old_pool.adopt(from.get()));
    std::vector<Credential> list = credentials(60);
    list.erase(list.begin(), list.begin() + 52);
    Pool pool(list, {});
    ASSERT_TRUE(pool.adopt(from.get()));
    pool.begin_try(7, now);

    Memory to = formatted_memory(small_layout(16));
    Pool::migrate(to.get(), from.get());
    ASSERT_TRUE(pool.adopt(to.get()));
    EXPECT_EQ(pool.view(now)[7].requests, 1u);
}

TEST(KeysLayout, MigrationCarriesUsageAndWhatWasLearned)
{
    for (std::size_t keys : { 5u, 500u }) {
        PoolBench bench(with_project());
        gw::gemini::QuotaViolation violation;
        violation.quota_id =
            "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
        violation.value = 20;
        bench.pool.model_index("another");
        bench.pool.charge(0, "gemini-2.5-pro", 100, now);
        bench.pool.charge(1, "gemini-2.5-pro", 100, now);
        bench.pool.learn(1, "gemini-2.5-pro", {violation}, now);
        bench.pool.metrics().add({ Metric::tries, 0, 200,
            static_cast<std::uint16_t>(
                bench.pool.model_index("gemini-2.5-pro")),
            bench.pool.credentials()[2].slot + 1 }, 7);
        bench.pool.metrics().latency(1).add(30);

        Memory to = formatted_memory(Layout::for_keys(keys));
        Pool::migrate(to.get(), bench.memory.get());
        std::vector<Credential> list = with_project();
        std::reverse(list.begin(), list.end());
        Pool after(list, {});
        ASSERT_TRUE(after.adopt(to.get()));

        auto view = after.view(now);
        ASSERT_EQ(view[2].uses.size(), 1u);
        EXPECT_EQ(view[2].uses[0].model, "gemini-2.5-pro");
        EXPECT_EQ(view[2].uses[0].rpm, 2);
        EXPECT_EQ(view[2].uses[0].tpd, 200);
        EXPECT_EQ(view[2].uses[0].learned.rpd, 20);
        EXPECT_TRUE(view[0].uses.empty());

        auto values = after.metrics().values();
        ASSERT_EQ(values.size(), 1u);
        EXPECT_EQ(values[0].count, 7u);
        EXPECT_EQ(after.model_name(values[0].series.model),
            "gemini-2.5-pro");
        EXPECT_EQ(after.credential_in(values[0].series.credential - 1), 0u);
        EXPECT_EQ(after.metrics().latency(1).sum_ms.load(), 30u);
    }
}

TEST(KeysLayout, MigrationCarriesAddedKeysAndTheirRests)
{
    PoolBench bench(credentials(2));
    KeyChange change;
    change.added = true;
    change.secret = "a-secret-added-later";
    change.name = "later";
    change.when_ms = now;
    ASSERT_EQ(bench.pool.change_key(change, false, now),
        Pool::Changed::done);
    bench.fail(2, FailureClass::invalid);
    std::uint64_t next = bench.pool.journal().next();
    ASSERT_NE(next, 0u);

    Memory to = formatted_memory(small_layout(8));
    Pool::migrate(to.get(), bench.memory.get());
    Pool after(credentials(2), {});
    ASSERT_TRUE(after.adopt(to.get()));
    ASSERT_EQ(after.credentials().size(), 3u);
    EXPECT_EQ(after.credentials()[2].secret, "a-secret-added-later");
    EXPECT_EQ(after.view(now)[2].rest.failure, FailureClass::invalid);
    ASSERT_EQ(after.rests(now).size(), 1u);
    EXPECT_EQ(after.rests(now)[0].when_ms, now);

    // Whoever reads the journal goes on, and sees that he has missed some.
    EXPECT_EQ(after.journal().next(), next);
    after.reset(2, now);
    Event event;
    EXPECT_EQ(after.journal().read(next - 1, event), Journal::Read::lost);
    EXPECT_EQ(after.journal().read(next, event), Journal::Read::ok);
}

}

#include "keys_memory.hpp"

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace gw::keys;
using gw::gemini::Scope;

constexpr std::int64_t now = 1768507200000;
constexpr std::int64_t second = 1000;

struct Bench {
    explicit Bench(std::vector<Credential> list, PoolOptions options = {})
        : memory(formatted_memory(Layout::for_keys(list.size()))),
          pool(std::move(list), options)
    {
        EXPECT_TRUE(pool.adopt(memory.get()));
    }

    bool usable(std::size_t key, std::string_view model = "m",
        std::int64_t at = now)
    {
        std::vector<std::size_t> others;

        for (std::size_t i = 0; i < pool.credentials().size(); ++i) {
            if (i != key) {
                others.push_back(i);
            }
        }

        Wanted wanted;
        wanted.model = model;
        wanted.tried = others.data();
        wanted.tried_count = others.size();
        wanted.now_ms = at;

        return pool.choose(wanted).ok();
    }

    Pool::Consequence fail(std::size_t key, FailureClass failure,
        std::string_view model = "m", std::int64_t at = now,
        std::optional<std::int64_t> retry = std::nullopt)
    {
        return pool.failed(key, model, verdict_of(failure, retry), at);
    }

    Memory memory;
    Pool pool;
};

/// Two keys of one project, and one of its own.
std::vector<Credential> with_project()
{
    std::vector<Credential> list = credentials(3);
    list[0].project = "shared";
    list[1].project = "shared";

    return list;
}

TEST(KeysPool, EachClassRestsItsScope)
{
    struct Case {
        FailureClass failure;
        Scope scope;
        bool other_model;           // the key for another model
        bool sibling;               // the other key of the project
    };

    for (const Case &c : {
        Case{FailureClass::invalid, Scope::key, false, true},
        Case{FailureClass::rate_limit, Scope::project_model, true, false},
        Case{FailureClass::daily_quota, Scope::project_model, true, false},
        Case{FailureClass::no_access, Scope::key_model, true, true},
        Case{FailureClass::unavailable, Scope::key_model, true, true},
        Case{FailureClass::gateway, Scope::key_model, true, true},
        Case{FailureClass::server_error, Scope::key_model, true, true} })
    {
        Bench bench(with_project());
        auto name = gw::gemini::name_of(c.failure);
        Pool::Consequence consequence = bench.fail(0, c.failure);

        EXPECT_EQ(consequence.failure, c.failure) << name;
        EXPECT_EQ(consequence.scope, c.scope) << name;
        EXPECT_TRUE(consequence.news) << name;
        EXPECT_GT(consequence.until_ms, now) << name;

        EXPECT_FALSE(bench.usable(0)) << name;
        EXPECT_EQ(bench.usable(0, "other"), c.other_model) << name;
        EXPECT_EQ(bench.usable(1), c.sibling) << name;
        EXPECT_TRUE(bench.usable(1, "other")) << name;
        EXPECT_TRUE(bench.usable(2)) << name;

        std::int64_t end = consequence.until_ms;
        EXPECT_FALSE(bench.usable(0, "m", end - 1)) << name;

        if (end != no_end_ms) {
            EXPECT_TRUE(bench.usable(0, "m", end)) << name;
        }
    }
}

TEST(KeysPool, AFailureOfNobodyRestsNothing)
{
    Bench bench(credentials(1));
    Pool::Consequence consequence = bench.fail(0, FailureClass::none);
    EXPECT_EQ(consequence.failure, FailureClass::none);
    EXPECT_EQ(consequence.until_ms, 0);
    EXPECT_FALSE(consequence.news);
    EXPECT_TRUE(bench.usable(0));
    EXPECT_EQ(bench.pool.view(now)[0].failures, 0u);
}

TEST(KeysPool, WhatIsSwitchedOffRestsNothingAndTakesNoRoom)
{
    PoolOptions options;

    for (std::int64_t &time : options.cooldowns.time_ms) {
        time = CooldownRules::off;
    }

    Bench bench(with_project(), options);

    for (int i = 1; i < 8; ++i) {
        auto failure = static_cast<FailureClass>(i);
        Pool::Consequence consequence = bench.fail(0, failure);
        EXPECT_EQ(consequence.failure, failure);
        EXPECT_EQ(consequence.until_ms, 0);
        EXPECT_FALSE(consequence.news);
        EXPECT_TRUE(bench.usable(0));
    }

    for (std::uint32_t i = 0; i < bench.pool.header().cell_capacity; ++i) {
        const auto *cells = reinterpret_cast<const Cell *>(
            reinterpret_cast<const KeyRecord *>(&bench.pool.header() + 1)
            + bench.pool.header().key_capacity);
        ASSERT_EQ(cells[i].id.load(), 0u);
    }
}

TEST(KeysPool, AnEndedRestIsRememberedForTheDoubling)
{
    Bench bench(credentials(1));
    std::int64_t at = now;

    for (std::int64_t seconds : { 1, 2, 4, 8, 16, 32, 60, 60 }) {
        Pool::Consequence consequence = bench.fail(0,
            FailureClass::unavailable, "m", at);
        EXPECT_EQ(consequence.until_ms - at, seconds * second);
        EXPECT_TRUE(consequence.news);
        at = consequence.until_ms;
    }

    // Another model has its own.
    EXPECT_EQ(bench.fail(0, FailureClass::unavailable, "n", at).until_ms - at,
        second);
}

TEST(KeysPool, ASuccessEndsTheDoublingOfThatModelOnly)
{
    Bench bench(with_project());

    for (FailureClass failure : { FailureClass::rate_limit,
                                  FailureClass::unavailable })
    {
        std::int64_t first = bench.fail(2, failure).until_ms - now;
        std::int64_t at = now + first;
        bench.fail(2, failure, "other");
        bench.pool.succeeded(2, "m", at);
        EXPECT_EQ(bench.fail(2, failure, "m", at).until_ms - at, first);
        EXPECT_EQ(bench.fail(2, failure, "other", at).until_ms - at,
            2 * first);

        // In the project's cell as well, whichever key succeeds.
        bench.fail(0, failure);
        bench.pool.succeeded(
            failure == FailureClass::rate_limit ? 1 : 0, "m", at);
        EXPECT_EQ(bench.fail(0, failure, "m", at).until_ms - at, first);

        bench = Bench(with_project());
    }
}

TEST(KeysPool, ASuccessOfATryFromBeforeDoesNotEndTheRest)
{
    Bench bench(credentials(1));
    bench.fail(0, FailureClass::rate_limit);
    bench.fail(0, FailureClass::invalid);
    bench.pool.succeeded(0, "m", now);
    EXPECT_FALSE(bench.usable(0));
    EXPECT_EQ(bench.pool.view(now)[0].rest.failure, FailureClass::invalid);
    EXPECT_EQ(bench.pool.view(now)[0].models.size(), 1u);
}

TEST(KeysPool, AMixedFailureRightAfterItsDelayRestsForTheDay)
{
    Bench bench(with_project());
    gw::gemini::Verdict mixed = verdict_of(FailureClass::rate_limit,
        20 * second);
    mixed.perhaps_daily = true;

    Pool::Consequence first = bench.pool.failed(0, "m", mixed, now);
    EXPECT_EQ(first.failure, FailureClass::rate_limit);
    EXPECT_EQ(first.until_ms, now + 20 * second);

    // By the other key of the project.
    Pool::Consequence again = bench.pool.failed(1, "m", mixed,
        first.until_ms + second);
    EXPECT_EQ(again.failure, FailureClass::daily_quota);
    EXPECT_EQ(again.scope, Scope::project_model);
    EXPECT_EQ(again.until_ms, now + 12 * 3600 * second);

    // With a success between, it was the minute's.
    bench.pool.failed(2, "m", mixed, now);
    bench.pool.succeeded(2, "m", now + 20 * second);
    EXPECT_EQ(bench.pool.failed(2, "m", mixed, now + 21 * second).failure,
        FailureClass::rate_limit);
}

TEST(KeysPool, OnlyTheFirstOfManyFailuresIsNews)
{
    Bench bench(credentials(1));
    Pool::Consequence first = bench.fail(0, FailureClass::rate_limit);
    EXPECT_TRUE(first.news);

    for (int i = 0; i < 10; ++i) {
        Pool::Consequence more = bench.fail(0, FailureClass::rate_limit);
        EXPECT_FALSE(more.news);
        EXPECT_EQ(more.until_ms, first.until_ms);
    }

    Pool::Consequence longer = bench.fail(0, FailureClass::rate_limit, "m",
        now, 100 * second);
    EXPECT_FALSE(longer.news);
    EXPECT_EQ(longer.until_ms, now + 100 * second);
}

TEST(KeysPool, WorkersThatFailTogetherDoubleOnce)
{
    constexpr std::size_t workers = 4;
    Memory memory = formatted_memory(Layout::for_keys(1));
    std::vector<Pool> pools;

    for (std::size_t i = 0; i < workers; ++i) {
        pools.emplace_back(credentials(1), PoolOptions{});
        ASSERT_TRUE(pools.back().adopt(memory.get()));
    }

    std::int64_t at = now;
    std::int64_t rest = second;

    for (int round = 0; round < 7; ++round) {
        std::atomic<int> news{0};
        std::atomic<bool> wrong{false};
        std::vector<std::thread> running;

        for (Pool &pool : pools) {
            running.emplace_back([&] {
                for (int i = 0; i < 100; ++i) {
                    Pool::Consequence consequence = pool.failed(0, "m",
                        verdict_of(FailureClass::unavailable), at);
                    news += consequence.news;

                    if (consequence.until_ms != at + rest) {
                        wrong = true;
                    }
                }
            });
        }

        for (std::thread &one : running) {
            one.join();
        }

        EXPECT_EQ(news, 1);
        EXPECT_FALSE(wrong);
        at += rest;
        rest = std::min(2 * rest, 60 * second);
    }

    EXPECT_EQ(pools[0].view(at)[0].failures, 7 * workers * 100);
}

TEST(KeysPool, WorkersThatRestManyModelsAtOnceLoseNone)
{
    constexpr std::size_t workers = 4;
    Memory memory = formatted_memory(Layout::for_keys(10));
    std::vector<Pool> pools;

    for (std::size_t i = 0; i < workers; ++i) {
        pools.emplace_back(credentials(10), PoolOptions{});
        ASSERT_TRUE(pools.back().adopt(memory.get()));
    }

    std::atomic<int> news{0};
    std::vector<std::thread> running;

    for (Pool &pool : pools) {
        running.emplace_back([&pool, &news] {
            for (int i = 0; i < 200; ++i) {
                news += pool.failed(static_cast<std::size_t>(i % 10),
                    "model-" + std::to_string(i / 10),
                    verdict_of(FailureClass::no_access), now).news;
            }
        });
    }

    for (std::thread &one : running) {
        one.join();
    }

    EXPECT_EQ(news, 200);
    EXPECT_EQ(pools[0].header().cells_lost.load(), 0u);

    for (const Pool::View &view : pools[0].view(now)) {
        std::set<std::string> models;

        for (const Pool::ModelRest &rest : view.models) {
            models.insert(rest.model);
        }

        EXPECT_EQ(models.size(), 20u);
        EXPECT_EQ(view.models.size(), 20u);
    }
}

TEST(KeysPool, ARestThatFindsNoRoomIsCountedAndRestsNothing)
{
    Layout layout{16, 64, 16, 64};
    Memory memory = formatted_memory(layout);
    Pool pool(credentials(1), {});
    ASSERT_TRUE(pool.adopt(memory.get()));

    int rested = 0;

    for (int i = 0; i < 200; ++i) {
        Pool::Consequence consequence = pool.failed(0,
            "model-" + std::to_string(i),
            verdict_of(FailureClass::no_access), now);

        EXPECT_EQ(consequence.failure, FailureClass::no_access);
        EXPECT_EQ(consequence.news, consequence.until_ms != 0);
        rested += consequence.until_ms != 0;
    }

    EXPECT_GT(rested, 40);
    EXPECT_LE(rested, 64);
    EXPECT_EQ(pool.header().cells_lost.load(),
        static_cast<std::uint64_t>(200 - rested));
    EXPECT_TRUE(pool.healthy(now));

    // Once the rests have lost their meaning, others find room.
    std::int64_t later = now + 24 * 3600 * second + repeat_within_ms + 1;

    for (int i = 1000; i < 1020; ++i) {
        EXPECT_TRUE(pool.failed(0, "model-" + std::to_string(i),
            verdict_of(FailureClass::unavailable), later).news);
    }
}

TEST(KeysPool, CountersTellWhatWasSent)
{
    Bench bench(credentials(2));
    bench.pool.begin_try(0, now);
    bench.pool.begin_try(0, now + 1);
    bench.fail(0, FailureClass::unavailable);
    bench.pool.end_try(0);

    Pool::View view = bench.pool.view(now)[0];
    EXPECT_EQ(view.requests, 2u);
    EXPECT_EQ(view.failures, 1u);
    EXPECT_EQ(view.in_flight, 1u);
    EXPECT_EQ(view.last_used_ms, now + 1);

    bench.pool.end_try(0);
    bench.pool.end_try(0);
    EXPECT_EQ(bench.pool.view(now)[0].in_flight, 0u);
    EXPECT_EQ(bench.pool.view(now)[1].requests, 0u);
}

TEST(KeysPool, TheViewNamesEveryRestThatIsActive)
{
    Bench bench(with_project());
    bench.fail(0, FailureClass::rate_limit, "gemini-2.5-pro");
    bench.fail(0, FailureClass::unavailable, "gemini-2.5-flash");
    bench.fail(2, FailureClass::invalid);

    auto view = bench.pool.view(now);
    ASSERT_EQ(view[0].models.size(), 2u);
    EXPECT_EQ(view[0].models[0].model, "gemini-2.5-flash");
    EXPECT_EQ(view[0].models[1].model, "gemini-2.5-pro");
    EXPECT_EQ(view[0].models[1].rest.failure, FailureClass::rate_limit);
    ASSERT_EQ(view[1].models.size(), 1u);
    EXPECT_EQ(view[1].models[0].model, "gemini-2.5-pro");
    EXPECT_EQ(view[2].rest.failure, FailureClass::invalid);
    EXPECT_EQ(bench.pool.usable(now), 2u);

    view = bench.pool.view(now + 3600 * second);
    EXPECT_TRUE(view[0].models.empty());
    EXPECT_EQ(view[2].rest.until_ms, no_end_ms);
}

TEST(KeysPool, ALongModelNameRestsAndIsShownCut)
{
    Bench bench(credentials(1));
    std::string model(300, 'a');
    bench.fail(0, FailureClass::no_access, model);
    bench.fail(0, FailureClass::no_access, model + "b");
    EXPECT_FALSE(bench.usable(0, model));
    EXPECT_FALSE(bench.usable(0, model + "b"));
    EXPECT_TRUE(bench.usable(0, model + "c"));
    ASSERT_EQ(bench.pool.view(now)[0].models.size(), 2u);
    EXPECT_EQ(bench.pool.view(now)[0].models[0].model,
        std::string(ModelName::max_length, 'a'));
}

TEST(KeysPool, IdsComeFromTheSecretAndNothingElse)
{
    EXPECT_EQ(credential_id("abc"), 0xba7816bf8f01cfeau);
    EXPECT_NE(credential_id("abc"), credential_id("abd"));

    std::vector<Credential> list = credentials(2);
    list[1].secret = list[0].secret;
    list[0].name.clear();
    list[0].secret = list[1].secret = "AIzaSyA-0123456789abcdefghijklmnopqrst";
    list[0].weight = 0;
    Pool pool(list, {});
    ASSERT_EQ(pool.credentials().size(), 1u);
    EXPECT_EQ(pool.credentials()[0].name, "AIza\xe2\x80\xa6rst");
    EXPECT_EQ(pool.credentials()[0].weight, 1u);
    EXPECT_EQ(pool.credentials()[0].project_id, pool.credentials()[0].id);
}

TEST(KeysPool, AReloadKeepsTheStateOfKeysThatStay)
{
    Memory memory = formatted_memory(Layout::for_keys(5));
    Pool before(credentials(5), {});
    ASSERT_TRUE(before.adopt(memory.get()));
    before.begin_try(3, now);
    before.failed(3, "m", verdict_of(FailureClass::no_access), now);
    before.failed(4, "m", verdict_of(FailureClass::invalid), now);

    std::vector<Credential> list = credentials(7);
    list.erase(list.begin());
    std::reverse(list.begin(), list.end());
    Pool after(list, {});
    ASSERT_TRUE(after.adopt(memory.get()));

    auto view = after.view(now);
    EXPECT_EQ(after.credentials()[3].name, "key-3");
    EXPECT_EQ(view[3].requests, 1u);
    EXPECT_EQ(view[3].in_flight, 1u);
    ASSERT_EQ(view[3].models.size(), 1u);
    EXPECT_EQ(view[2].rest.failure, FailureClass::invalid);
    EXPECT_EQ(after.credentials()[3].slot, before.credentials()[3].slot);
    EXPECT_EQ(after.credentials()[2].slot, before.credentials()[4].slot);

    // The old worker's try ends where it began.
    before.end_try(3);
    EXPECT_EQ(after.view(now)[3].in_flight, 0u);
}

TEST(KeysPool, AdoptingAgainChangesNothing)
{
    Memory memory = formatted_memory(Layout::for_keys(20));
    Pool pool(credentials(20), {});
    ASSERT_TRUE(pool.adopt(memory.get()));
    std::vector<std::uint32_t> slots;

    for (const Credential &credential : pool.credentials()) {
        EXPECT_EQ(credential.slot, slots.size());
        slots.push_back(credential.slot);
    }

    pool.begin_try(7, now);
    ASSERT_TRUE(pool.adopt(memory.get()));

    for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_EQ(pool.credentials()[i].slot, slots[i]);
    }

    EXPECT_EQ(pool.view(now)[7].requests, 1u);
}

TEST(KeysPool, TheSlotNotNamedForLongestIsReused)
{
    Layout layout{4, 64, 16, 64};
    Memory memory = formatted_memory(layout);
    std::vector<Credential> all = credentials(6);

    auto of = [&all](std::vector<std::size_t> which) {
        std::vector<Credential> list;

        for (std::size_t i : which) {
            list.push_back(all[i]);
        }

        return Pool(list, {});
    };

    Pool a = of({0, 1});
    Pool b = of({1, 2});
    Pool c = of({2, 3});
    ASSERT_TRUE(a.adopt(memory.get()));
    a.begin_try(0, now);
    ASSERT_TRUE(b.adopt(memory.get()));
    ASSERT_TRUE(c.adopt(memory.get()));

    // 0 was named by the first configuration only.
    Pool d = of({2, 3, 4});
    ASSERT_TRUE(d.adopt(memory.get()));
    EXPECT_EQ(d.credentials()[2].slot, a.credentials()[0].slot);
    EXPECT_EQ(d.view(now)[2].requests, 0u);
    EXPECT_EQ(d.view(now)[2].in_flight, 0u);

    // An old worker no longer touches what was its key's.
    a.end_try(0);
    a.begin_try(0, now);
    EXPECT_EQ(a.failed(0, "m", verdict_of(FailureClass::invalid), now)
                  .until_ms, 0);
    EXPECT_EQ(d.view(now)[2].requests, 0u);
}

TEST(KeysPool, MoreKeysThanSlotsAreRefusedAndNothingChanges)
{
    Layout layout{4, 64, 16, 64};
    Memory memory = formatted_memory(layout);
    Pool few(credentials(4), {});
    ASSERT_TRUE(few.adopt(memory.get()));
    few.begin_try(0, now);

    Pool many(credentials(5), {});
    EXPECT_FALSE(many.adopt(memory.get()));
    EXPECT_EQ(few.view(now)[0].requests, 1u);
    EXPECT_EQ(few.header().generation.load(), 1u);
}

TEST(KeysPool, FormattedTellsALayoutFromAnother)
{
    Layout layout = Layout::for_keys(10);
    Memory memory = zeroed_memory(layout);
    EXPECT_FALSE(Pool::formatted(memory.get(), layout));
    Pool::format(memory.get(), layout);
    EXPECT_TRUE(Pool::formatted(memory.get(), layout));
    EXPECT_FALSE(Pool::formatted(memory.get(), Layout::for_keys(1000)));
}

TEST(KeysPool, ALayoutHasRoomForItsKeysAndGrowth)
{
    for (std::size_t keys : { 0u, 1u, 10u, 64u, 1000u, 10000u, 100000u }) {
        Layout layout = Layout::for_keys(keys);
        EXPECT_GE(layout.key_capacity, keys + keys / 4);
        EXPECT_GE(layout.cell_capacity, 4 * keys);
        EXPECT_EQ(layout.cell_capacity & (layout.cell_capacity - 1), 0u);
        EXPECT_EQ(layout.limit_capacity & (layout.limit_capacity - 1), 0u);
    }

    EXPECT_EQ(Layout::for_keys(10).bytes(), Layout::for_keys(20).bytes());
    EXPECT_LT(Layout::for_keys(10000).bytes(), 8u << 20);
}

TEST(KeysPool, ALayoutWithinASizeFitsAndHasRoom)
{
    for (std::size_t bytes : { 64u << 10, 256u << 10, 1u << 20, 10u << 20,
                               100u << 20 })
    {
        for (std::size_t keys : { 0u, 1u, 10u, 100u, 1000u, 10000u }) {
            Layout layout = Layout::within(bytes, keys);

            if (layout.key_capacity == 0) {
                EXPECT_EQ(layout.bytes(), sizeof(Header));
                // Refused only where even a bare record and cell is tight.
                EXPECT_GT(keys * 128 + 40000, bytes);
                continue;
            }

            EXPECT_LE(layout.bytes(), bytes);
            EXPECT_GE(layout.key_capacity, keys);
            EXPECT_EQ(layout.cell_capacity & (layout.cell_capacity - 1), 0u);
            EXPECT_EQ(layout.limit_capacity & (layout.limit_capacity - 1),
                0u);
        }
    }

    EXPECT_EQ(Layout::within(4096, 1).key_capacity, 0u);
}

TEST(KeysPool, AFewKeysMoreKeepTheLayoutOfAFixedSize)
{
    Layout one = Layout::within(4u << 20, 1);

    for (std::size_t keys : { 2u, 50u, 500u, 4000u }) {
        Layout layout = Layout::within(4u << 20, keys);
        EXPECT_EQ(layout.key_capacity, one.key_capacity) << keys;
        EXPECT_EQ(layout.bytes(), one.bytes()) << keys;
    }
}

TEST(KeysPool, MigrationCarriesEverythingThatMatters)
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

TEST(KeysPool, MigrationToLessRoomKeepsTheKeysNamedLast)
{
    Memory from = formatted_memory(Layout{64, 64, 16, 64});
    Pool old_pool(credentials(60), {});
    ASSERT_TRUE(old_pool.adopt(from.get()));
    std::vector<Credential> list = credentials(60);
    list.erase(list.begin(), list.begin() + 52);
    Pool pool(list, {});
    ASSERT_TRUE(pool.adopt(from.get()));
    pool.begin_try(7, now);

    Memory to = formatted_memory(Layout{16, 64, 16, 64});
    Pool::migrate(to.get(), from.get());
    ASSERT_TRUE(pool.adopt(to.get()));
    EXPECT_EQ(pool.view(now)[7].requests, 1u);
}

TEST(KeysPool, AWorkerKilledAnywhereLeavesAUsablePool)
{
    Layout layout{16, 64, 16, 64};
    void *memory = mmap(nullptr, layout.bytes(), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    Pool::format(memory, layout);
    Pool pool(with_project(), {});
    ASSERT_TRUE(pool.adopt(memory));

    for (int round = 0; round < 30; ++round) {
        pid_t worker = fork();
        ASSERT_NE(worker, -1);

        if (worker == 0) {
            for (std::uint64_t i = 0; ; ++i) {
                auto at = now + static_cast<std::int64_t>(i) * second;
                auto key = static_cast<std::size_t>(i % 2);
                auto failure = static_cast<FailureClass>(2 + i % 6);
                pool.begin_try(key, at);
                pool.failed(key, "model-" + std::to_string(i % 300),
                    verdict_of(failure), at);
                pool.succeeded(key, "m", at);
                take_request(pool.limits().find(i % 200, at), {}, at);
                pool.end_try(key);
            }
        }

        usleep(static_cast<useconds_t>(1000 + 137 * round));
        kill(worker, SIGKILL);
        ASSERT_EQ(waitpid(worker, nullptr, 0), worker);

        // Another worker goes on: nothing hangs, everything still works.
        ASSERT_TRUE(pool.adopt(memory));
        EXPECT_TRUE(pool.healthy(now));

        auto late = now + 400LL * 24 * 3600 * second;
        std::string model = "after-" + std::to_string(round);
        Pool::Consequence consequence = pool.failed(2, model,
            verdict_of(FailureClass::no_access), late);
        EXPECT_TRUE(consequence.news);

        Wanted wanted;
        wanted.model = model;
        wanted.now_ms = late;
        Choice choice = pool.choose(wanted);
        EXPECT_TRUE(choice.ok());
        EXPECT_NE(choice.credential, 2u);

        Limits limits;
        limits.rpm = 1;
        LimitRecord &record = pool.limits().find(
            7000 + static_cast<std::uint64_t>(round), late);
        EXPECT_EQ(take_request(record, limits, late), 0);
        EXPECT_GT(take_request(record, limits, late), 0);
    }

    munmap(memory, layout.bytes());
}

}

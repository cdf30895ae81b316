#include "keys_memory.hpp"

#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace gw::keys;
using gw::gemini::Scope;

constexpr std::int64_t now = pool_now;
constexpr std::int64_t second = 1000;

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
        PoolBench bench(with_project());
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
    PoolBench bench(credentials(1));
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

    PoolBench bench(with_project(), options);

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
    PoolBench bench(credentials(1));
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
    PoolBench bench(with_project());

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

        bench = PoolBench(with_project());
    }
}

TEST(KeysPool, ASuccessOfATryFromBeforeDoesNotEndTheRest)
{
    PoolBench bench(credentials(1));
    bench.fail(0, FailureClass::rate_limit);
    bench.fail(0, FailureClass::invalid);
    bench.pool.succeeded(0, "m", now);
    EXPECT_FALSE(bench.usable(0));
    EXPECT_EQ(bench.pool.view(now)[0].rest.failure, FailureClass::invalid);
    EXPECT_EQ(bench.pool.view(now)[0].models.size(), 1u);
}

TEST(KeysPool, AMixedFailureRightAfterItsDelayRestsForTheDay)
{
    PoolBench bench(with_project());
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
    PoolBench bench(credentials(1));
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
    Layout layout = small_layout(16);
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
    PoolBench bench(credentials(2));
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
    PoolBench bench(with_project());
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
    PoolBench bench(credentials(1));
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

TEST(KeysPool, TheJournalTellsOfARestOnce)
{
    PoolBench bench(with_project());
    bench.fail(0, FailureClass::rate_limit, "gemini-2.5-pro");

    for (int i = 0; i < 5; ++i) {
        bench.fail(1, FailureClass::rate_limit, "gemini-2.5-pro");
    }

    auto events = bench.events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, EventKind::rested);
    EXPECT_EQ(events[0].failure, FailureClass::rate_limit);
    EXPECT_EQ(events[0].owner, bench.pool.credentials()[0].project_id);
    EXPECT_EQ(bench.pool.model_name(events[0].model), "gemini-2.5-pro");
    EXPECT_EQ(unpack(events[0].value).until_ms, now + 60 * second);
    EXPECT_EQ(events[0].at_ms, now);
    EXPECT_FALSE(events[0].remote);

    // Later by a second is the same to others, by more is news to them.
    bench.fail(0, FailureClass::rate_limit, "gemini-2.5-pro", now,
        61 * second);
    EXPECT_EQ(bench.events().size(), 1u);
    EXPECT_FALSE(bench.fail(0, FailureClass::rate_limit, "gemini-2.5-pro",
        now, 63 * second).news);
    ASSERT_EQ(bench.events().size(), 2u);
    EXPECT_EQ(unpack(bench.events()[1].value).until_ms, now + 63 * second);

    bench.fail(2, FailureClass::invalid);
    ASSERT_EQ(bench.events().size(), 3u);
    EXPECT_EQ(bench.events()[2].owner, bench.pool.credentials()[2].id);
    EXPECT_EQ(bench.events()[2].model, 0u);
}

TEST(KeysPool, ASuccessAfterARestIsToldOnce)
{
    PoolBench bench(with_project());
    std::int64_t end = bench.fail(0, FailureClass::rate_limit).until_ms;

    // One from before the rest, and one of a model that never rested.
    bench.fail(0, FailureClass::unavailable, "n");
    bench.pool.succeeded(0, "other", end);
    EXPECT_EQ(bench.events().size(), 2u);

    bench.pool.succeeded(1, "m", end);
    bench.pool.succeeded(1, "m", end);
    bench.pool.succeeded(0, "m", end);
    auto events = bench.events();
    ASSERT_EQ(events.size(), 3u);
    EXPECT_EQ(events[2].kind, EventKind::woke);
    EXPECT_EQ(events[2].failure, FailureClass::rate_limit);
    EXPECT_EQ(events[2].owner, bench.pool.credentials()[0].project_id);
    EXPECT_EQ(bench.pool.model_name(events[2].model), "m");
}

TEST(KeysPool, RevivingEndsARefusalAndNothingElse)
{
    PoolBench bench(with_project());
    bench.fail(0, FailureClass::rate_limit, "a");
    bench.fail(0, FailureClass::unavailable, "b");
    EXPECT_FALSE(bench.pool.refused(0, now));
    EXPECT_FALSE(bench.pool.revive(0, now));

    bench.fail(0, FailureClass::invalid);
    EXPECT_TRUE(bench.pool.refused(0, now));
    std::uint64_t next = bench.pool.journal().next();

    EXPECT_TRUE(bench.pool.revive(0, now + second));
    EXPECT_FALSE(bench.pool.refused(0, now + second));
    EXPECT_FALSE(bench.pool.revive(0, now + second));
    EXPECT_FALSE(bench.usable(0, "a"));
    EXPECT_TRUE(bench.usable(0, "c"));

    auto events = bench.events(next);
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, EventKind::reset);

    auto rest = bench.pool.rest_of(events[0]);
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->rest.until_ms, 0);
    EXPECT_EQ(rest->when_ms, now + second);
}

TEST(KeysPool, AResetEndsAllRestsOfAKeyAndItsProject)
{
    PoolBench bench(with_project());
    bench.fail(0, FailureClass::rate_limit, "a");
    bench.fail(0, FailureClass::unavailable, "b");
    bench.fail(0, FailureClass::invalid);
    bench.fail(1, FailureClass::no_access, "b");
    bench.fail(2, FailureClass::rate_limit, "a");
    std::uint64_t next = bench.pool.journal().next();

    bench.pool.reset(0, now + second);
    EXPECT_TRUE(bench.usable(0, "a"));
    EXPECT_TRUE(bench.usable(0, "b"));
    EXPECT_TRUE(bench.usable(1, "a"));
    EXPECT_FALSE(bench.usable(1, "b"));
    EXPECT_FALSE(bench.usable(2, "a"));

    auto events = bench.events(next);
    ASSERT_EQ(events.size(), 3u);

    for (const Event &event : events) {
        EXPECT_EQ(event.kind, EventKind::reset);
        auto rest = bench.pool.rest_of(event);
        ASSERT_TRUE(rest);
        EXPECT_EQ(rest->rest.until_ms, 0);
        EXPECT_EQ(rest->when_ms, now + second);
    }

    // The doubling starts over as well; and a failure counts again.
    EXPECT_EQ(bench.fail(0, FailureClass::unavailable, "b").until_ms,
        now + second);
    EXPECT_EQ(bench.pool.rest_of(bench.events().back())->when_ms,
        now + second + 1);
}

TEST(KeysPool, UsageIsCountedSettledAndGivenBack)
{
    PoolBench bench(with_project());
    Reservation sent = bench.pool.charge(0, "m", 100, now);
    Reservation unsent = bench.pool.charge(1, "m", 50, now);
    EXPECT_NE(sent.use_id, 0u);

    auto use = [&](std::size_t key) {
        return bench.pool.view(now)[key].uses.at(0);
    };

    EXPECT_EQ(use(0).model, "m");
    EXPECT_EQ(use(0).rpm, 2);
    EXPECT_EQ(use(0).rpd, 2);
    EXPECT_EQ(use(1).tpm, 150);
    EXPECT_EQ(use(1).tpd, 150);
    EXPECT_FALSE(use(0).limits.any());
    EXPECT_TRUE(bench.pool.view(now)[2].uses.empty());

    bench.pool.give_back(unsent);
    bench.pool.settle(sent, 120);
    EXPECT_EQ(use(0).rpm, 1);
    EXPECT_EQ(use(0).tpm, 120);

    // Of nothing, nothing.
    bench.pool.settle(Reservation{}, 7);
    bench.pool.give_back(Reservation{});
    EXPECT_EQ(use(0).tpd, 120);
    EXPECT_TRUE(bench.pool.view(now + 25 * 3600 * second)[0].uses.empty());
}

TEST(KeysPool, ALimitThatA429NamesIsLearnedForTheProject)
{
    PoolOptions options;
    Limits limits;
    limits.rpm = 5;
    limits.rpd = 1000;
    options.quotas.add("m*", limits);
    PoolBench bench(with_project(), options);

    gw::gemini::QuotaViolation day;
    day.quota_id = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
    day.value = 20;
    gw::gemini::QuotaViolation nothing = day;
    nothing.value.reset();

    bench.pool.learn(0, "m", { nothing, day }, now);
    bench.pool.learn(1, "m", { day }, now + second);
    auto events = bench.events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, EventKind::limit_learned);
    EXPECT_EQ(events[0].owner, bench.pool.credentials()[0].project_id);
    EXPECT_EQ(events[0].value,
        std::uint64_t{static_cast<int>(Quantity::rpd)} << 56 | 20);

    auto limit = bench.pool.limit_of(events[0]);
    ASSERT_TRUE(limit);
    EXPECT_EQ(limit->model, "m");
    EXPECT_EQ(limit->quantity, Quantity::rpd);
    EXPECT_EQ(limit->value, 20);

    Pool::ModelUse use = bench.pool.view(now)[1].uses.at(0);
    EXPECT_EQ(use.limits.rpm, 5);
    EXPECT_EQ(use.limits.rpd, 20);
    EXPECT_EQ(use.learned.rpd, 20);
    EXPECT_EQ(use.learned.rpm, 0);
}

TEST(KeysPool, StreamsOfDeadWorkersAreForgotten)
{
    PoolBench bench(credentials(1));
    EXPECT_EQ(bench.pool.open_streams(), 0u);
    bench.pool.count_stream(1);
    bench.pool.count_stream(1);
    bench.pool.count_stream(-1);
    EXPECT_EQ(bench.pool.open_streams(), 1u);
    bench.pool.forget_tries();
    EXPECT_EQ(bench.pool.open_streams(), 0u);
    bench.pool.count_stream(-1);
    EXPECT_EQ(bench.pool.open_streams(), 0u);
    bench.pool.count_stream(1);
    EXPECT_EQ(bench.pool.open_streams(), 1u);
}

TEST(KeysPool, AViewOfManyKeysTakesNoTimeToSpeakOf)
{
    constexpr std::size_t keys = 10000;
    PoolBench bench(credentials(keys));

    for (std::size_t i = 0; i < keys; ++i) {
        bench.fail(i, FailureClass::unavailable);
        bench.pool.charge(i, "m", 1, now);
    }

    auto start = std::chrono::steady_clock::now();
    auto view = bench.pool.view(now);
    auto taken = std::chrono::steady_clock::now() - start;
    ASSERT_EQ(view.size(), keys);
    EXPECT_EQ(view[keys - 1].index, keys - 1);
    EXPECT_EQ(view[keys - 1].uses.size(), 1u);
    EXPECT_EQ(view[keys - 1].models.size(), 1u);
    EXPECT_LT(taken, std::chrono::seconds(2));
}

KeyChange added_key(std::uint64_t number, bool there)
{
    KeyChange change;
    change.added = true;
    change.secret = "a-secret-added-later-" + std::to_string(number);
    change.id = credential_id(change.secret);
    change.removed = !there;
    change.when_ms = now;

    return change;
}

TEST(KeysPool, AWorkerKilledAnywhereLeavesAUsablePool)
{
    Layout layout = small_layout(16);
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
                pool.settle(pool.charge(key,
                    "model-" + std::to_string(i % 20), 10, at), 20);
                pool.count_stream(1);
                pool.take_unsent();

                if (i % 5 == 0) {
                    pool.change_key(added_key(i % 3, i % 2 == 0), false, at);
                    pool.reset(key, at);
                }

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
        // The journal goes on, and so do keys added at run time.
        std::uint64_t next = pool.journal().next();
        auto number = static_cast<std::uint64_t>(round % 3);
        pool.change_key(added_key(number, false), false, late);
        ASSERT_EQ(pool.change_key(added_key(number, true), false, late),
            Pool::Changed::done);
        Event event;
        ASSERT_EQ(pool.journal().read(pool.journal().next() - 1, event),
            Journal::Read::ok);
        EXPECT_EQ(event.kind, EventKind::key_added);
        EXPECT_GT(pool.journal().next(), next);
        EXPECT_TRUE(pool.find(added_key(number, true).secret, late)
                        .credential != Choice::nobody);

        pool.forget_tries();
        EXPECT_EQ(pool.open_streams(), 0u);

        LimitRecord &record = pool.limits().find(
            7000 + static_cast<std::uint64_t>(round), late);
        EXPECT_EQ(take_request(record, limits, late), 0);
        EXPECT_GT(take_request(record, limits, late), 0);
    }

    munmap(memory, layout.bytes());
}

}

// What the pool gives to and takes from other hosts: pool_share.cpp.
#include "keys_memory.hpp"

#include "core/base/duration.hpp"
#include "core/keys/pool.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace gw::keys;

constexpr std::int64_t now = pool_now;
constexpr std::int64_t second = 1000;
constexpr std::int64_t day = 24 * 3600 * second;

Rest rest_for(std::int64_t seconds,
    FailureClass failure = FailureClass::rate_limit)
{
    Rest rest;
    rest.until_ms = now + seconds * second;
    rest.failure = failure;
    rest.repeats = 1;

    return rest;
}

/// The same pool on two hosts.
struct Hosts {
    PoolBench here{with_project()};
    PoolBench there{with_project()};

    std::uint64_t key(std::size_t i) const
    {
        return here.pool.credentials()[i].id;
    }

    std::uint64_t project() const
    {
        return here.pool.credentials()[0].project_id;
    }
};

TEST(KeysShare, ARestIsTheSameOnAnotherHost)
{
    Hosts hosts;
    hosts.here.fail(0, FailureClass::rate_limit, "a");
    hosts.here.fail(0, FailureClass::no_access, "b");
    hosts.here.fail(2, FailureClass::invalid);

    // By events as they come, or all at once.
    for (bool at_once : { false, true }) {
        std::vector<RestChange> changes;

        if (at_once) {
            changes = hosts.here.pool.rests(now);

        } else {
            for (const Event &event : hosts.here.events()) {
                changes.push_back(*hosts.here.pool.rest_of(event));
            }
        }

        ASSERT_EQ(changes.size(), 3u);
        PoolBench there(with_project());

        for (const RestChange &change : changes) {
            EXPECT_EQ(change.when_ms, now);
            EXPECT_TRUE(there.pool.apply(change, now));
            EXPECT_FALSE(there.pool.apply(change, now));
        }

        EXPECT_FALSE(there.usable(0, "a"));
        EXPECT_FALSE(there.usable(1, "a"));
        EXPECT_FALSE(there.usable(0, "b"));
        EXPECT_TRUE(there.usable(1, "b"));
        EXPECT_TRUE(there.usable(1, "c"));
        EXPECT_FALSE(there.usable(2, "c"));

        auto view = there.pool.view(now);
        EXPECT_EQ(view[0].models.size(), 2u);
        EXPECT_EQ(view[2].rest.until_ms, no_end_ms);

        // Told as what it is, or hosts would tell each other for ever.
        auto events = there.events();
        ASSERT_EQ(events.size(), 3u);

        for (const Event &event : events) {
            EXPECT_TRUE(event.remote);
            EXPECT_EQ(event.kind, EventKind::rested);
        }

        EXPECT_EQ(there.pool.rests(now).size(), 3u);
    }
}

TEST(KeysShare, TheLaterOfTwoRestsHolds)
{
    struct Case {
        const char *name;
        std::int64_t when_s;
        std::int64_t until_s;       // 0: a reset
        bool taken;
    };

    for (const Case &c : {
        Case{"earlier, longer", -1, 100, false},
        Case{"same time, longer", 0, 100, true},
        Case{"same time, shorter", 0, 50, false},
        Case{"same time, the same", 0, 60, false},
        Case{"same time, a reset", 0, 0, false},
        Case{"later, shorter", 1, 50, true},
        Case{"later, a reset", 1, 0, true},
        Case{"earlier, a reset", -1, 0, false},
        Case{"a clock that is wrong", 7200, 100, false},
        Case{"no time", -now / second, 100, false} })
    {
        Hosts hosts;

        for (const char *model : { "", "m" }) {
            FailureClass failure = *model == '\0' ? FailureClass::invalid
                                                  : FailureClass::no_access;
            RestChange known;
            known.owner = hosts.key(0);
            known.model = model;
            known.rest = rest_for(60, failure);
            known.when_ms = now;
            ASSERT_TRUE(hosts.here.pool.apply(known, now)) << c.name;

            RestChange change = known;
            change.rest = c.until_s != 0 ? rest_for(c.until_s, failure)
                                         : Rest{};
            change.when_ms = now + c.when_s * second;
            std::uint64_t next = hosts.here.pool.journal().next();
            EXPECT_EQ(hosts.here.pool.apply(change, now), c.taken) << c.name;

            auto events = hosts.here.events(next);
            ASSERT_EQ(events.size(), c.taken ? 1u : 0u) << c.name;

            if (c.taken) {
                EXPECT_EQ(events[0].kind, c.until_s != 0
                    ? EventKind::rested : EventKind::reset) << c.name;
                auto rest = hosts.here.pool.rest_of(events[0]);
                ASSERT_TRUE(rest) << c.name;
                EXPECT_EQ(rest->rest.until_ms, change.rest.until_ms);
                EXPECT_EQ(rest->when_ms, change.when_ms) << c.name;
                EXPECT_EQ(rest->model, model) << c.name;
            }
        }
    }
}

TEST(KeysShare, AFailureHereIsLaterThanWhatCameFromAheadOfOurClock)
{
    Hosts hosts;
    RestChange reset;
    reset.owner = hosts.key(2);
    reset.model = "m";
    reset.rest = rest_for(1, FailureClass::unavailable);
    reset.when_ms = now + 5 * second;
    ASSERT_TRUE(hosts.here.pool.apply(reset, now));
    hosts.here.fail(2, FailureClass::no_access, "m", now + second);

    auto rest = hosts.here.pool.rest_of(hosts.here.events().back());
    ASSERT_TRUE(rest);
    EXPECT_EQ(rest->rest.failure, FailureClass::no_access);
    EXPECT_EQ(rest->when_ms, now + 5 * second + 1);
}

TEST(KeysShare, AResetReachesHostsThatComeLater)
{
    Hosts hosts;
    hosts.here.fail(0, FailureClass::rate_limit, "a");
    hosts.here.fail(0, FailureClass::invalid);

    for (const RestChange &change : hosts.here.pool.rests(now)) {
        hosts.there.pool.apply(change, now);
    }

    EXPECT_FALSE(hosts.there.usable(0, "a"));
    hosts.here.pool.reset(0, now + second);

    for (const RestChange &change : hosts.here.pool.rests(now + 2 * second))
    {
        EXPECT_EQ(change.rest.until_ms, 0);
        EXPECT_TRUE(hosts.there.pool.apply(change, now + 2 * second));
    }

    EXPECT_TRUE(hosts.there.usable(0, "a"));
    EXPECT_TRUE(hosts.there.usable(1, "a"));

    // After a day nobody needs to know.
    EXPECT_EQ(hosts.here.pool.rests(now + day).size(), 2u);
    EXPECT_TRUE(hosts.here.pool.rests(now + second + day).empty());
}

TEST(KeysShare, ARestOfAnUnknownKeyOrOneThatIsOverTakesNoRoom)
{
    Hosts hosts;
    RestChange change;
    change.owner = 12345;
    change.rest = rest_for(60);
    change.when_ms = now;
    EXPECT_FALSE(hosts.here.pool.apply(change, now));

    change.owner = hosts.key(0);
    change.model = "m";
    EXPECT_FALSE(hosts.here.pool.apply(change, now + 61 * second));
    change.rest = Rest{};
    EXPECT_FALSE(hosts.here.pool.apply(change, now));
    EXPECT_TRUE(hosts.here.pool.rests(now).empty());
    EXPECT_TRUE(hosts.here.events().empty());
    EXPECT_FALSE(hosts.here.pool.rest_of(Event{}));
}

TEST(KeysShare, RestsThatFindNoRoomAreCounted)
{
    Memory memory = formatted_memory(small_layout(4));
    Pool pool(credentials(1), {});
    ASSERT_TRUE(pool.adopt(memory.get()));
    int taken = 0;

    for (int i = 0; i < 100; ++i) {
        RestChange change;
        change.owner = pool.credentials()[0].id;
        change.model = "model-" + std::to_string(i);
        change.rest = rest_for(60);
        change.when_ms = now;
        taken += pool.apply(change, now);
    }

    EXPECT_GT(taken, 40);
    EXPECT_EQ(pool.header().cells_lost.load(),
        static_cast<std::uint64_t>(100 - taken));

    // Only so many have a name by which others can be told of them.
    EXPECT_EQ(pool.rests(now).size(), 16u);
    EXPECT_EQ(pool.journal().next(), 16u);
}

TEST(KeysShare, ALearnedLimitIsTheSameOnAnotherHost)
{
    Hosts hosts;
    gw::gemini::QuotaViolation violation;
    violation.quota_id = "GenerateRequestsPerDayPerProjectPerModel-FreeTier";
    violation.value = 20;
    hosts.here.pool.learn(0, "m", {violation}, now);

    auto limits = hosts.here.pool.learned(now);
    ASSERT_EQ(limits.size(), 1u);
    EXPECT_EQ(limits[0].owner, hosts.project());
    EXPECT_EQ(limits[0].model, "m");
    EXPECT_EQ(limits[0].quantity, Quantity::rpd);
    EXPECT_EQ(limits[0].value, 20);

    EXPECT_TRUE(hosts.there.pool.apply(limits[0], now));
    EXPECT_FALSE(hosts.there.pool.apply(limits[0], now));
    ASSERT_EQ(hosts.there.events().size(), 1u);
    EXPECT_TRUE(hosts.there.events()[0].remote);
    EXPECT_EQ(hosts.there.pool.limit_of(hosts.there.events()[0])->value, 20);

    // Again, later: known to hold longer, but no news.
    LearnedLimit again = limits[0];
    again.when_ms += 120 * second;
    EXPECT_TRUE(hosts.there.pool.apply(again, now + 120 * second));
    EXPECT_EQ(hosts.there.events().size(), 1u);
    again.when_ms += 120 * second;
    again.value = 50;
    EXPECT_TRUE(hosts.there.pool.apply(again, now + 240 * second));
    EXPECT_EQ(hosts.there.events().size(), 2u);
    EXPECT_FALSE(hosts.there.pool.apply(limits[0], now + 240 * second));
    EXPECT_EQ(hosts.there.pool.learned(now + 240 * second)[0].value, 50);

    EXPECT_TRUE(hosts.there.pool.learned(now + 2 * day).empty());
    EXPECT_FALSE(hosts.here.pool.apply(again, now + 2 * day));
    again.value = 0;
    EXPECT_FALSE(hosts.here.pool.apply(again, now));
}

TEST(KeysShare, UsageIsToldOnceAndCountedThere)
{
    Hosts hosts;
    Reservation first = hosts.here.pool.charge(0, "m", 100, now);
    hosts.here.pool.charge(1, "m", 50, now);
    hosts.here.pool.charge(2, "n", 10, now);

    auto uses = hosts.here.pool.take_unsent();
    ASSERT_EQ(uses.size(), 2u);
    EXPECT_TRUE(hosts.here.pool.take_unsent().empty());

    for (const UseDelta &use : uses) {
        EXPECT_EQ(use.requests, use.model == "m" ? 2 : 1);
        EXPECT_EQ(use.tokens, use.model == "m" ? 150 : 10);
        EXPECT_EQ(use.owner,
            use.model == "m" ? hosts.project() : hosts.key(2));
        hosts.there.pool.apply(use, now);
    }

    Pool::ModelUse there = hosts.there.pool.view(now)[1].uses.at(0);
    EXPECT_EQ(there.rpm, 2);
    EXPECT_EQ(there.tpd, 150);

    // What came from elsewhere is not told again.
    EXPECT_TRUE(hosts.there.pool.take_unsent().empty());

    // Settling gives some back.
    hosts.here.pool.settle(first, 30);
    uses = hosts.here.pool.take_unsent();
    ASSERT_EQ(uses.size(), 1u);
    EXPECT_EQ(uses[0].requests, 0);
    EXPECT_EQ(uses[0].tokens, -70);
    hosts.there.pool.apply(uses[0], now);
    EXPECT_EQ(hosts.there.pool.view(now)[1].uses.at(0).tpd, 80);
}

TEST(KeysShare, UsageThatCouldNotBeToldIsToldLater)
{
    Hosts hosts;
    hosts.here.pool.charge(0, "m", 100, now);
    auto uses = hosts.here.pool.take_unsent();
    hosts.here.pool.charge(0, "m", 7, now);
    hosts.here.pool.return_unsent(uses);
    uses = hosts.here.pool.take_unsent();
    ASSERT_EQ(uses.size(), 1u);
    EXPECT_EQ(uses[0].requests, 2);
    EXPECT_EQ(uses[0].tokens, 107);
}

TEST(KeysShare, OfADaysTotalsTheLargerHolds)
{
    Hosts hosts;
    hosts.here.pool.charge(0, "m", 100, now);
    hosts.here.pool.charge(0, "m", 100, now);

    auto totals = hosts.here.pool.totals(now);
    ASSERT_EQ(totals.size(), 1u);
    EXPECT_EQ(totals[0].owner, hosts.project());
    EXPECT_EQ(totals[0].model, "m");
    EXPECT_EQ(totals[0].day, gw::pacific_day(now));
    EXPECT_EQ(totals[0].requests, 2);
    EXPECT_EQ(totals[0].tokens, 200);

    hosts.there.pool.apply(totals[0], now);
    hosts.there.pool.apply(totals[0], now);
    EXPECT_EQ(hosts.there.pool.totals(now)[0].requests, 2);
    totals[0].requests = 1;
    totals[0].tokens = 1000;
    hosts.there.pool.apply(totals[0], now);
    EXPECT_EQ(hosts.there.pool.totals(now)[0].requests, 2);
    EXPECT_EQ(hosts.there.pool.totals(now)[0].tokens, 1000);

    // Another day's says nothing of today.
    totals[0].day -= 1;
    totals[0].model = "n";
    hosts.there.pool.apply(totals[0], now);
    EXPECT_EQ(hosts.there.pool.totals(now).size(), 1u);
    EXPECT_TRUE(hosts.there.pool.totals(now + 2 * day).empty());
}

TEST(KeysShare, AModelWhoseNameIsUncertainIsNotTold)
{
    Hosts hosts;
    std::string model(300, 'a');
    hosts.here.fail(0, FailureClass::no_access, model);
    hosts.here.pool.charge(0, model, 5, now);
    EXPECT_FALSE(hosts.here.usable(0, model));
    EXPECT_TRUE(hosts.here.pool.rests(now).empty());
    EXPECT_TRUE(hosts.here.pool.totals(now).empty());
    EXPECT_TRUE(hosts.here.pool.take_unsent().empty());
}

TEST(KeysShare, AnAddedKeyIsTheSameOnAnotherHost)
{
    Hosts hosts;
    KeyChange change;
    change.added = true;
    change.secret = "a-secret-added-later";
    change.weight = 5;
    change.when_ms = now;
    ASSERT_EQ(hosts.here.pool.change_key(change, false, now),
        Pool::Changed::done);

    for (const Event &event : hosts.here.events()) {
        ASSERT_EQ(hosts.there.pool.change_key(
            *hosts.here.pool.key_of(event), true, now), Pool::Changed::done);
    }

    EXPECT_EQ(hosts.there.pool.credentials()[3].secret, change.secret);
    EXPECT_EQ(hosts.there.pool.credentials()[3].weight, 5u);
    EXPECT_TRUE(hosts.there.events()[0].remote);

    // And back: nothing is new.
    EXPECT_EQ(hosts.here.pool.change_key(
        hosts.there.pool.key_changes().at(0), true, now),
        Pool::Changed::unchanged);

    Event other;
    other.owner = credential_id(change.secret);
    EXPECT_FALSE(hosts.here.pool.key_of(other));
}

}

#include "keys_memory.hpp"

#include "core/view/events.hpp"
#include "core/view/status.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw::keys;

std::string written(PoolBench &bench, std::size_t number)
{
    std::vector<Event> events = bench.events();
    gw::StringOutput out;

    if (number >= events.size()
        || !gw::view::write_event(bench.pool, events[number], pool_now, out))
    {
        return {};
    }

    return out.take();
}

bool holds(const std::string &text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

TEST(ViewEvents, ARestIsToldWithReasonAndEnd)
{
    PoolBench bench(credentials(1));
    bench.fail(0, FailureClass::rate_limit, "m");
    std::string id = gw::view::id_text(bench.pool.credentials()[0].id);

    EXPECT_EQ(written(bench, 0), "id: 0\nevent: rested\ndata: "
        R"({"event":"rested","key":"key-0","id":")" + id + R"(",)"
        R"("project":null,"model":"m","reason":"rate_limit",)"
        R"("until":1768507260,"seconds_left":60,"quantity":null,)"
        R"("limit":null,"remote":false,"time":1768507200})" "\n\n");
}

TEST(ViewEvents, ARestWithoutAnEndHasNone)
{
    PoolBench bench(credentials(1));
    bench.fail(0, FailureClass::invalid);
    EXPECT_TRUE(holds(written(bench, 0), R"("model":null,"reason":"invalid",)"
        R"("until":null,"seconds_left":null)"));
}

TEST(ViewEvents, WhatConcernsAProjectHasItsName)
{
    PoolBench bench(with_project());
    bench.fail(0, FailureClass::rate_limit);
    EXPECT_TRUE(holds(written(bench, 0),
        R"("key":null,"id":null,"project":"shared")")) << written(bench, 0);
}

TEST(ViewEvents, AnAddedKeyIsToldByItsNameAndNeverWhole)
{
    PoolBench bench(credentials(1));
    KeyChange change;
    change.added = true;
    change.secret = "AIzaSyD-0123456789abcdefghijklmnopqrst";
    change.id = credential_id(change.secret);
    change.name = change.secret;
    change.when_ms = pool_now;
    ASSERT_EQ(bench.pool.change_key(change, false, pool_now),
        Pool::Changed::done);

    std::string event = written(bench, 0);
    EXPECT_TRUE(holds(event, "event: key_added\n")) << event;
    EXPECT_FALSE(holds(event, change.secret)) << event;

    change.removed = true;
    change.when_ms = pool_now + 1;
    ASSERT_EQ(bench.pool.change_key(change, true, pool_now),
        Pool::Changed::done);
    event = written(bench, 1);
    EXPECT_TRUE(holds(event, "id: 1\nevent: key_removed\n")) << event;
    EXPECT_TRUE(holds(event, R"("remote":true)")) << event;
}

TEST(ViewEvents, ALearnedLimitIsToldWithItsQuantity)
{
    PoolBench bench(credentials(1));
    Event event;
    event.kind = EventKind::limit_learned;
    event.owner = bench.pool.credentials()[0].id;
    event.value = std::uint64_t{1} << 56 | 250;
    bench.pool.journal().append(event);
    EXPECT_TRUE(holds(written(bench, 0), R"("quantity":"rpd","limit":250)"));
}

TEST(ViewEvents, SignaturesAreNobodysBusiness)
{
    PoolBench bench(credentials(1));
    Event event;
    event.kind = EventKind::signature_kept;
    bench.pool.journal().append(event);
    EXPECT_EQ(written(bench, 0), "");
}

TEST(ViewEvents, WhoMissedSomeIsToldSo)
{
    gw::StringOutput out;
    gw::view::write_lost(7, pool_now, out);
    EXPECT_EQ(out.take(), "id: 6\nevent: lost\ndata: "
        R"({"event":"lost","time":1768507200})" "\n\n");
    gw::view::write_lost(0, pool_now, out);
    EXPECT_EQ(out.view().find("event: lost\n"), 0u);
}

TEST(ViewEvents, ALastEventIdIsANumberOfOurs)
{
    EXPECT_EQ(gw::view::event_after("0"), 1u);
    EXPECT_EQ(gw::view::event_after("41"), 42u);

    for (std::string_view bad : { "", "-1", "4x", " 4",
             "18446744073709551615", "99999999999999999999999" })
    {
        EXPECT_EQ(gw::view::event_after(bad), std::nullopt) << bad;
    }
}

}

#include "keys_memory.hpp"

#include "core/view/status.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw::keys;

constexpr std::int64_t now = 1768507200000;

std::vector<Credential> real_looking()
{
    std::vector<Credential> list(3);
    list[0].secret = "AIzaSyA-0123456789abcdefghijklmnopqrst";
    list[0].name = "team \"a\"";
    list[0].project = "shared";
    list[1].secret = "AIzaSyB-0123456789abcdefghijklmnopqrst";
    list[2].secret = "tiny";
    list[2].name = "tiny";
    list[2].weight = 7;

    return list;
}

struct Bench {
    Bench() : memory(formatted_memory(Layout::for_keys(3))),
              pool(real_looking(), {})
    {
        EXPECT_TRUE(pool.adopt(memory.get()));
    }

    std::string status(std::int64_t at = now)
    {
        gw::StringOutput out;
        gw::view::write_status(pool, {"main", "1.0", at}, out);

        return out.take();
    }

    std::string health()
    {
        gw::StringOutput out;
        gw::view::write_health(pool, now, out);

        return out.take();
    }

    void fail(std::size_t key, FailureClass failure, std::string_view model)
    {
        pool.failed(key, model, verdict_of(failure), now);
    }

    Memory memory;
    Pool pool;
};

std::size_t count(const std::string &text, std::string_view part)
{
    std::size_t times = 0;

    for (std::size_t at = text.find(part); at != std::string::npos;
         at = text.find(part, at + 1))
    {
        ++times;
    }

    return times;
}

TEST(ViewStatus, HealthTellsHowManyAreUsableAndNothingElse)
{
    Bench bench;
    EXPECT_EQ(bench.health(),
        R"({"status":"ok","keys":{"total":3,"usable":3}})");

    // A model's quota is not the key's health.
    bench.fail(0, FailureClass::daily_quota, "m");
    bench.fail(1, FailureClass::invalid, "m");
    EXPECT_EQ(bench.health(),
        R"({"status":"ok","keys":{"total":3,"usable":2}})");

    bench.fail(0, FailureClass::invalid, "m");
    bench.fail(2, FailureClass::invalid, "m");
    EXPECT_EQ(bench.health(),
        R"({"status":"unavailable","keys":{"total":3,"usable":0}})");
}

TEST(ViewStatus, AKeyAtRestIsShownWithReasonAndTimeLeft)
{
    Bench bench;
    bench.pool.begin_try(0, now);
    bench.fail(0, FailureClass::rate_limit, "gemini-2.5-pro");
    bench.fail(1, FailureClass::invalid, "gemini-2.5-pro");
    bench.pool.header().requests = 2;
    bench.pool.header().answered = 1;

    std::string id = "0000000000000000";
    char hex[17];
    std::snprintf(hex, sizeof(hex), "%016llx",
        static_cast<unsigned long long>(bench.pool.credentials()[0].id));
    id = hex;

    std::string status = bench.status(now + 500);
    EXPECT_EQ(status.find(R"({"pool":"main","version":"1.0","requests":2,)"
        R"("answered":1,"cells_lost":0,"keys":[{"id":")" + id + R"(",)"
        R"("name":"team \"a\"","key":"AIza…rst","project":"shared",)"
        R"("weight":1,"state":"resting","cooldowns":[{"scope":"model",)"
        R"("model":"gemini-2.5-pro","reason":"rate_limit",)"
        R"("seconds_left":60}],"requests":1,"failures":1,"in_flight":1,)"
        R"("last_used":1768507200},)"), 0u) << status;

    EXPECT_NE(status.find(R"("state":"invalid","cooldowns":[{"scope":"key",)"
        R"("model":null,"reason":"invalid","seconds_left":null}])"),
        std::string::npos) << status;
    EXPECT_NE(status.find(R"("weight":7,"state":"ok","cooldowns":[],)"
        R"("requests":0,"failures":0,"in_flight":0,"last_used":null}]})"),
        std::string::npos) << status;
}

TEST(ViewStatus, AnEndedRestIsNotShown)
{
    Bench bench;
    bench.fail(0, FailureClass::rate_limit, "m");
    EXPECT_EQ(count(bench.status(now + 59999), "rate_limit"), 1u);
    EXPECT_EQ(count(bench.status(now + 60000), "rate_limit"), 0u);
    EXPECT_EQ(count(bench.status(now + 60000), R"("state":"ok")"), 3u);
}

TEST(ViewStatus, NoSecretIsShownNotEvenAsAName)
{
    Bench bench;
    bench.fail(0, FailureClass::no_access, "m");
    std::string status = bench.status();

    for (const Credential &credential : bench.pool.credentials()) {
        EXPECT_EQ(status.find(credential.secret), std::string::npos);
    }
}

TEST(ViewStatus, APoolWithoutKeysIsUnavailable)
{
    Memory memory = formatted_memory(Layout::for_keys(0));
    Pool pool({}, {});
    ASSERT_TRUE(pool.adopt(memory.get()));
    gw::StringOutput out;
    gw::view::write_health(pool, now, out);
    EXPECT_EQ(out.view(),
        R"({"status":"unavailable","keys":{"total":0,"usable":0}})");
}

}

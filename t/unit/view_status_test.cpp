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
        context.pool = "main";
        context.version = "1.0";
        context.now_ms = at;
        gw::view::write_status(pool, context, out);

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
    gw::view::StatusContext context;
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
    EXPECT_EQ(status.find(R"({"pool":"main","version":"1.0","time":1768507200,)"
        R"("requests":2,)"
        R"("answered":1,"cells_lost":0,"keys":[{"id":")" + id + R"(",)"
        R"("name":"team \"a\"","kind":"key","key":"AIza…rst",)"
        R"("project":"shared",)"
        R"("weight":1,"added":false,"enabled":true,"state":"resting",)"
        R"("cooldowns":[{"scope":"model",)"
        R"("model":"gemini-2.5-pro","reason":"rate_limit",)"
        R"("seconds_left":60}],"usage":[],)"
        R"("requests":1,"failures":1,"in_flight":1,)"
        R"("last_used":1768507200},)"), 0u) << status;

    EXPECT_NE(status.find(R"("state":"invalid","cooldowns":[{"scope":"key",)"
        R"("model":null,"reason":"invalid","seconds_left":null}])"),
        std::string::npos) << status;
    EXPECT_NE(status.find(R"("weight":7,"added":false,"enabled":true,)"
        R"("state":"ok","cooldowns":[],"usage":[],)"
        R"("requests":0,"failures":0,"in_flight":0,"last_used":null}],)"
        R"("redis":{"state":"off","url":null,"since":null,"losses":0,)"
        R"("hosts":1},"zone":{"keys":{"used":3,"capacity":)"),
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

TEST(ViewStatus, UsageIsShownWithTheLimitsThatAreKnown)
{
    PoolOptions options;
    options.quotas.add("gemini-2.5-pro", Limits{5, 0, 0, 0});
    PoolBench bench(credentials(1), options);
    Wanted wanted;
    wanted.model = "gemini-2.5-pro";
    wanted.tokens = 70;
    wanted.now_ms = now;
    ASSERT_TRUE(bench.pool.choose(wanted).ok());

    gw::StringOutput out;
    ASSERT_TRUE(gw::view::write_key(bench.pool, 0, now, out));
    EXPECT_NE(out.view().find(R"("usage":[{"model":"gemini-2.5-pro",)"
        R"("rpm":{"used":1,"limit":5,"learned":false},)"
        R"("rpd":{"used":1,"limit":null,"learned":false},)"
        R"("tpm":{"used":70,"limit":null,"learned":false},)"
        R"("tpd":{"used":70,"limit":null,"learned":false}}])"),
        std::string_view::npos) << out.view();
    EXPECT_FALSE(gw::view::write_key(bench.pool, 1, now, out));
}

TEST(ViewStatus, AKeyThatIsSwitchedOffIsDisabledWhateverElseItIs)
{
    Bench bench;
    bench.fail(0, FailureClass::invalid, "m");
    KeyChange change;
    change.id = bench.pool.credentials()[0].id;
    change.enabled = false;
    change.when_ms = now;
    ASSERT_EQ(bench.pool.change_key(change, false, now), Pool::Changed::done);
    EXPECT_EQ(count(bench.status(), R"("enabled":false,"state":"disabled")"),
        1u);
}

TEST(ViewStatus, ARemovedKeyIsNotShownAndDoesNotCount)
{
    Bench bench;
    KeyChange change;
    change.added = true;
    change.secret = "AIzaSyD-0123456789abcdefghijklmnopqrst";
    change.id = credential_id(change.secret);
    change.when_ms = now;
    ASSERT_EQ(bench.pool.change_key(change, false, now), Pool::Changed::done);
    EXPECT_EQ(count(bench.status(), R"("added":true)"), 1u);
    EXPECT_EQ(bench.health(),
        R"({"status":"ok","keys":{"total":4,"usable":4}})");

    change.removed = true;
    change.when_ms = now + 1;
    ASSERT_EQ(bench.pool.change_key(change, false, now), Pool::Changed::done);
    EXPECT_EQ(count(bench.status(), R"("added":true)"), 0u);
    EXPECT_EQ(bench.health(),
        R"({"status":"ok","keys":{"total":3,"usable":3}})");
}

TEST(ViewStatus, ClientsAreShownToWhoAdministersAndNobodyElse)
{
    Bench bench;
    ClientSet set;
    Client alice;
    alice.digest = digest_of("sk-token-of-alice");
    alice.name = "alice";
    alice.limits.rpm = 60;
    Client bob = alice;
    bob.digest = digest_of("sk-token-of-bob");
    bob.name = "bob";
    bob.admin = true;
    ASSERT_TRUE(set.add(alice) && set.add(bob));

    std::vector<LimitRecord> records(8);
    LimitTable table(records.data(), records.size());
    take_request(table.find(alice.limit_id(), now), alice.limits, now);

    EXPECT_EQ(count(bench.status(), "clients"), 0u);

    gw::view::ClientsView clients{&set, records.data(), records.size()};
    bench.context.clients = &clients;
    std::string status = bench.status();
    EXPECT_NE(status.find(R"("clients":[{"name":"alice","admin":false,)"
        R"("rpm":{"used":1,"limit":60},"rpd":{"used":1,"limit":null},)"
        R"("tpm":{"used":0,"limit":null},"tpd":{"used":0,"limit":null},)"
        R"("last_used":1768507200},{"name":"bob","admin":true,)"),
        std::string::npos) << status;
    EXPECT_NE(status.find(R"("last_used":null}])"), std::string::npos);
}

TEST(ViewStatus, TrailsTellWhyAKeyWasTaken)
{
    Bench bench;
    bench.fail(0, FailureClass::rate_limit, "m");
    bench.fail(1, FailureClass::invalid, "m");
    Wanted wanted;
    wanted.model = "m";
    wanted.request[0] = 0x1234;
    wanted.now_ms = now + 1000;
    ASSERT_EQ(bench.pool.choose(wanted).credential, 2u);

    EXPECT_EQ(count(bench.status(), "trails"), 0u);
    bench.context.trails = 10;
    std::string status = bench.status(now + 9000);
    EXPECT_NE(status.find(R"("trails":[{"time":1768507201,"request_id":)"
        R"("00000000000012340000000000000000","model":"m","steps":[)"),
        std::string::npos) << status;
    EXPECT_NE(status.find(R"({"key":"team \"a\"","why":"resting",)"
        R"("reason":"rate_limit","seconds_left":59})"), std::string::npos)
        << status;
    EXPECT_NE(status.find(R"("why":"resting","reason":"invalid",)"
        R"("seconds_left":null})"), std::string::npos) << status;
    EXPECT_NE(status.find(R"("why":"taken","reason":null,)"
        R"("seconds_left":null})"), std::string::npos) << status;
}

TEST(ViewStatus, TheLinkToRedisIsShownAsItStands)
{
    Bench bench;
    bench.context.redis.state = gw::view::LinkView::State::up;
    bench.context.redis.url = "redis://127.0.0.1:6379/0";
    bench.context.redis.since_ms = now;
    bench.context.redis.losses = 2;
    bench.context.redis.hosts = 3;
    EXPECT_EQ(count(bench.status(), R"("redis":{"state":"up",)"
        R"("url":"redis://127.0.0.1:6379/0","since":1768507200,"losses":2,)"
        R"("hosts":3})"), 1u);
}

TEST(ViewStatus, AnAccountIsShownWithItsTokensTimeAndProblem)
{
    Credential one;
    one.secret = "service-account a@b vertex p global";
    one.name = "robot";
    one.account = true;
    one.client_email = "a@b";
    one.api = gw::gemini::Api::vertex;
    one.cloud_project = "p";
    one.location = "global";
    one.token_id = 7;

    Memory memory = formatted_memory(Layout::for_keys(1, 1));
    Pool pool({ one }, {});
    ASSERT_TRUE(pool.adopt(memory.get()));

    auto status = [&pool] {
        gw::StringOutput out;
        gw::view::write_key(pool, 0, now, out);
        return out.take();
    };

    EXPECT_NE(status().find(R"("name":"robot","kind":"service_account",)"
        R"("key":null)"), std::string::npos) << status();
    EXPECT_NE(status().find(R"("state":"no_token")"), std::string::npos);
    EXPECT_NE(status().find(R"("account":{"email":"a@b","api":"vertex",)"
        R"("project":"p","location":"global","token_seconds_left":null,)"
        R"("next_exchange_seconds":null,"problem":null,"hint":null})"),
        std::string::npos) << status();

    pool.tokens().store(0, 7, "ya29.secret", now + 60000, now + 30000);
    pool.tokens().fail(0, 7, gw::account::Cause::wrong_key,
        "invalid_grant: Invalid JWT Signature.", 1, now + 600000);
    EXPECT_NE(status().find(R"("state":"ok")"), std::string::npos);
    EXPECT_NE(status().find(R"("token_seconds_left":60,)"
        R"("next_exchange_seconds":600,)"
        R"("problem":"invalid_grant: Invalid JWT Signature.","hint":"the )"),
        std::string::npos) << status();
    EXPECT_EQ(status().find("ya29"), std::string::npos);
    EXPECT_FALSE(pool.find("service-account", now).credential == 0);
    EXPECT_EQ(pool.find("robot", now).credential, 0u);
}

}

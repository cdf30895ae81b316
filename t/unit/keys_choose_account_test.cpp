// Service accounts among keys: who goes out when there is no token.
#include "core/keys/shortage.hpp"

#include "keys_memory.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace {

using namespace gw;
using namespace gw::keys;
using account::Cause;
using gemini::FailureClass;

constexpr std::int64_t hour = 3600000;

Credential account_named(const std::string &name)
{
    Credential one;
    one.secret = "service-account " + name + " gemini  ";
    one.name = name;
    one.account = true;
    one.cloud_project = "p";
    one.token_id = token_id(name, "scope", "https://t");

    return one;
}

/// key-0, then alice and bob.
struct Bench : PoolBench {
    Bench() : PoolBench(list()) {}

    static std::vector<Credential> list()
    {
        std::vector<Credential> all = credentials(1);
        all.push_back(account_named("alice"));
        all.push_back(account_named("bob"));

        return all;
    }

    void give(std::size_t index, std::int64_t expires_ms = pool_now + hour)
    {
        const Credential &one = pool.credentials()[index];
        pool.tokens().store(one.token_place, one.token_id,
            "token-" + one.name, expires_ms, pool_now);
    }

    void fail_exchange(std::size_t index)
    {
        const Credential &one = pool.credentials()[index];
        pool.tokens().fail(one.token_place, one.token_id, Cause::endpoint,
            "HTTP 503", 1, pool_now + 1000);
    }

    Choice choose(std::vector<std::size_t> tried = {}, bool soonest = false)
    {
        Wanted wanted;
        wanted.model = "m";
        wanted.tried = tried.data();
        wanted.tried_count = tried.size();
        wanted.soonest = soonest;
        wanted.now_ms = pool_now;

        return pool.choose(wanted);
    }
};

TEST(KeysChooseAccount, AnAccountWithoutATokenIsPassedOver)
{
    Bench bench;

    for (int i = 0; i < 6; ++i) {
        EXPECT_EQ(bench.choose().credential, 0u);
    }

    Choice choice = bench.choose();
    ASSERT_EQ(choice.trail.count, 3u);
    EXPECT_EQ(choice.trail.steps[1].why, Why::no_token);
    EXPECT_EQ(choice.trail.steps[2].why, Why::no_token);
    EXPECT_EQ(name_of(Why::no_token), "no_token");

    bench.give(1);
    bool chosen[3] = { false, false, false };

    for (int i = 0; i < 6; ++i) {
        chosen[bench.choose().credential] = true;
    }

    EXPECT_TRUE(chosen[0]);
    EXPECT_TRUE(chosen[1]);
    EXPECT_FALSE(chosen[2]);
}

TEST(KeysChooseAccount, ItIsSaidWhetherWaitingForATokenIsWorthIt)
{
    Bench bench;
    bench.fail(0, FailureClass::invalid, "");
    Choice choice = bench.choose();
    EXPECT_FALSE(choice.ok());
    EXPECT_EQ(choice.shortage, Shortage::no_token);
    EXPECT_TRUE(choice.token_coming);
    EXPECT_EQ(choice.without_token, "alice");

    bench.fail_exchange(1);
    EXPECT_TRUE(bench.choose().token_coming);
    bench.fail_exchange(2);
    choice = bench.choose();
    EXPECT_FALSE(choice.token_coming);
    EXPECT_EQ(choice.shortage, Shortage::no_token);

    Error error = shortage_error(choice, "m", pool_now);
    EXPECT_EQ(error.kind, ErrorKind::unavailable);
    EXPECT_EQ(error.message, "There is no access token for the upstream "
        "account \"alice\" right now. Please try again shortly.");
}

TEST(KeysChooseAccount, AKeyThatWillBeBackIsTheNewsForTheClient)
{
    Bench bench;
    bench.fail(0, FailureClass::rate_limit, "m", pool_now, 7000);
    Choice choice = bench.choose();
    EXPECT_EQ(choice.shortage, Shortage::resting_on_quota);
    EXPECT_EQ(choice.back_at_ms, pool_now + 7000);
    EXPECT_TRUE(choice.token_coming);

    bench.pool.reset(0, pool_now);
    bench.fail(0, FailureClass::server_error);
    EXPECT_EQ(bench.choose().shortage, Shortage::resting);
}

TEST(KeysChooseAccount, AnAccountThatRestsIsNotWaitedFor)
{
    Bench bench;
    bench.fail(0, FailureClass::invalid, "");
    bench.fail(1, FailureClass::invalid, "");
    bench.fail(2, FailureClass::rate_limit);
    EXPECT_FALSE(bench.choose().token_coming);
    EXPECT_EQ(bench.choose().shortage, Shortage::resting_on_quota);

    // Nor does `exhausted soonest` take one that has nothing to send.
    bench.fail_exchange(2);
    EXPECT_FALSE(bench.choose({}, true).ok());
    bench.give(2);
    EXPECT_EQ(bench.choose({}, true).credential, 2u);
}

TEST(KeysChooseAccount, ATriedAccountIsWaitedForWhenItsTokenWasDropped)
{
    Bench bench;
    bench.fail(0, FailureClass::invalid, "");
    bench.give(1);
    bench.fail_exchange(2);
    ASSERT_EQ(bench.choose().credential, 1u);
    EXPECT_EQ(bench.choose({ 1 }).shortage, Shortage::all_tried);

    auto token = bench.pool.token_of(1);
    ASSERT_TRUE(token);
    EXPECT_EQ(token->text, "token-alice");
    EXPECT_EQ(bench.pool.refuse_token(1, token->number, pool_now),
        TokenRefusal::renews);
    Choice choice = bench.choose({ 1 });
    EXPECT_EQ(choice.shortage, Shortage::no_token);
    EXPECT_TRUE(choice.token_coming);

    bench.give(1);
    EXPECT_EQ(bench.choose().credential, 1u);
}

TEST(KeysChooseAccount, HealthCountsAnAccountUntilItsExchangeFails)
{
    Bench bench;
    EXPECT_EQ(bench.pool.usable(pool_now), 3u);
    bench.fail_exchange(1);
    EXPECT_EQ(bench.pool.usable(pool_now), 2u);
    bench.give(1);
    bench.fail_exchange(1);
    EXPECT_EQ(bench.pool.usable(pool_now), 3u);
    EXPECT_EQ(bench.pool.usable(pool_now + hour), 2u);

    auto views = bench.pool.view(pool_now);
    EXPECT_FALSE(views[0].token);
    ASSERT_TRUE(views[1].token);
    EXPECT_TRUE(views[1].token->usable(pool_now));
    EXPECT_EQ(views[1].token->problem, "HTTP 503");
    EXPECT_FALSE(bench.pool.token_of(0));
    EXPECT_FALSE(bench.pool.token_state_of(0));
}

TEST(KeysChooseAccount, PlacesOfOneAccountShareItsToken)
{
    std::vector<Credential> list = { account_named("alice"),
        account_named("alice"), account_named("bob") };
    list[1].secret += "europe-west1";
    PoolBench bench(list);
    EXPECT_EQ(bench.pool.credentials()[0].token_place,
        bench.pool.credentials()[1].token_place);
    EXPECT_NE(bench.pool.credentials()[0].token_place,
        bench.pool.credentials()[2].token_place);
    EXPECT_NE(bench.pool.credentials()[0].id, bench.pool.credentials()[1].id);
}

TEST(KeysChooseAccount, TokensOutliveAReloadAndAnotherSize)
{
    Bench bench;
    bench.give(1);

    Pool again(Bench::list(), {});
    ASSERT_TRUE(again.adopt(bench.memory.get()));
    EXPECT_EQ(again.token_of(1)->text, "token-alice");

    Memory larger = formatted_memory(Layout::for_keys(500, 40));
    Pool::migrate(larger.get(), bench.memory.get());
    ASSERT_TRUE(again.adopt(larger.get()));
    EXPECT_EQ(again.token_of(1)->text, "token-alice");

    Memory small = formatted_memory(small_layout(5));
    Pool::migrate(small.get(), bench.memory.get());
    Pool other({ account_named("bob"), account_named("carol") }, {});
    ASSERT_TRUE(other.adopt(small.get()));

    // Without room for all it is not taken.
    Pool many({ account_named("1"), account_named("2"), account_named("3") },
        {});
    EXPECT_FALSE(many.adopt(small.get()));
}

}

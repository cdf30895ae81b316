#include "core/account/token_reply.hpp"

#include "core/account/schedule.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;
using account::Cause;
using account::read_token_reply;

TEST(AccountTokenReply, ATokenComesWithTheTimeItHolds)
{
    struct Case {
        const char *name;
        std::string body;
        std::int64_t lifetime_ms;
    };

    for (const Case &c : {
             Case{"as Google says it", R"({"access_token":"ya29.x-_/+=",
                 "expires_in":3599,"token_type":"Bearer"})", 3599000},
             Case{"in quotes", R"({"access_token":"ya29.x-_/+=",
                 "expires_in":"3599"})", 3599000},
             Case{"a fraction", R"({"access_token":"ya29.x-_/+=",
                 "expires_in":59.7})", 59000},
             Case{"not said", R"({"access_token":"ya29.x-_/+="})", 3600000},
             Case{"null", R"({"access_token":"ya29.x-_/+=",
                 "expires_in":null})", 3600000},
             Case{"for ever", R"({"access_token":"ya29.x-_/+=",
                 "expires_in":99999999999999999999})", 12 * 3600000},
             Case{"with an escape", R"({"access_token":"ya29.x-_\/+=",
                 "expires_in":7})", 7000},
             Case{"beside an error of nobody's", R"({"error":null,
                 "access_token":"ya29.x-_/+=","expires_in":7,"scope":[1]})",
                 7000} })
    {
        auto reply = read_token_reply(200, c.body);
        EXPECT_TRUE(reply.ok()) << c.name << ": " << reply.problem;
        EXPECT_EQ(reply.token, "ya29.x-_/+=") << c.name;
        EXPECT_EQ(reply.lifetime_ms, c.lifetime_ms) << c.name;
        EXPECT_EQ(reply.problem, "") << c.name;
    }
}

TEST(AccountTokenReply, AnErrorIsToldWithItsCause)
{
    struct Case {
        int status;
        std::string body;
        Cause cause;
        const char *problem;
    };

    auto grant = [](const char *description) {
        return R"({"error":"invalid_grant","error_description":")"
               + std::string(description) + "\"}";
    };

    for (const Case &c : {
             Case{400, grant("Invalid JWT Signature."), Cause::wrong_key,
                 "invalid_grant: Invalid JWT Signature."},
             Case{400, grant("Invalid JWT: Token must be a short-lived token "
                 "(60 minutes) and in a reasonable timeframe. Check your iat "
                 "and exp values in the JWT claim."), Cause::clock,
                 "invalid_grant: Invalid JWT: Token must be a short-lived "
                 "token (60 minutes) and in a reasonable timeframe. Check "
                 "your iat and exp values in the JWT claim."},
             Case{400, grant("Invalid grant: account not found"),
                 Cause::account_gone,
                 "invalid_grant: Invalid grant: account not found"},
             Case{400, grant("Account has been DISABLED"),
                 Cause::account_gone,
                 "invalid_grant: Account has been DISABLED"},
             Case{400, grant("whatever"), Cause::other,
                 "invalid_grant: whatever"},
             Case{400, R"({"error":"invalid_scope","error_description":
                 "Invalid OAuth scope or ID token audience provided."})",
                 Cause::scope, "invalid_scope: Invalid OAuth scope or ID "
                 "token audience provided."},
             Case{401, R"({"error":"unauthorized_client"})",
                 Cause::not_allowed, "unauthorized_client"},
             Case{401, R"({"error":"invalid_client"})", Cause::not_allowed,
                 "invalid_client"},
             Case{404, "<html>", Cause::other, "HTTP 404"},
             Case{500, R"({"error":"internal_failure"})", Cause::endpoint,
                 "HTTP 500: internal_failure"},
             Case{503, "", Cause::endpoint, "HTTP 503"},
             Case{429, "slow down", Cause::endpoint, "HTTP 429"},
             Case{400, R"({"error":"temporarily_unavailable"})",
                 Cause::endpoint, "temporarily_unavailable"},
             Case{302, "", Cause::endpoint, "HTTP 302"},
             Case{200, "", Cause::endpoint, "an answer without a token"},
             Case{200, "<html>Log in</html>", Cause::endpoint,
                 "an answer without a token"},
             Case{200, R"({"id_token":"x"})", Cause::endpoint,
                 "an answer without a token"},
             Case{200, R"({"access_token":"a\nb: c"})", Cause::endpoint,
                 "an answer without a token"},
             Case{200, R"({"access_token":"a b"})", Cause::endpoint,
                 "an answer without a token"},
             Case{200, R"({"access_token":"a","expires_in":0})",
                 Cause::endpoint, "an answer without a token"},
             Case{200, R"({"access_token":"a","expires_in":"soon"})",
                 Cause::endpoint, "an answer without a token"},
             Case{200, R"({"access_token":"a","expires_in":-1})",
                 Cause::endpoint, "an answer without a token"},
             Case{200, R"({"access_token":")"
                 + std::string(account::max_token + 1, 'a') + "\"}",
                 Cause::endpoint, "an answer without a token"},
             Case{201, R"({"access_token":"a"})", Cause::endpoint,
                 "an answer without a token"} })
    {
        auto reply = read_token_reply(c.status, c.body);
        EXPECT_EQ(reply.cause, c.cause) << c.body;
        EXPECT_EQ(reply.token, "") << c.body;
        EXPECT_EQ(reply.problem,
            std::string(c.problem).substr(0, account::max_problem))
            << c.body;
    }
}

TEST(AccountTokenReply, AProblemIsOneShortLineWithoutSecrets)
{
    auto reply = read_token_reply(400, R"({"error":"invalid_grant",
        "error_description":"a\r\nline, ya29.a0ARrdaM_secretsecretsecret "})");
    EXPECT_EQ(reply.problem.find("secretsecret"), std::string::npos);
    EXPECT_EQ(reply.problem.find('\n'), std::string::npos);

    reply = read_token_reply(400, R"({"error":"invalid_grant",
        "error_description":")" + std::string(5000, 'x') + "\"}");
    EXPECT_EQ(reply.problem.size(), account::max_problem);
}

TEST(AccountTokenReply, WhatSomebodyCanDoIsSaid)
{
    for (Cause cause : { Cause::clock, Cause::wrong_key, Cause::account_gone,
             Cause::scope, Cause::not_allowed })
    {
        EXPECT_NE(account::hint_of(cause), "");
    }

    EXPECT_EQ(account::hint_of(Cause::endpoint), "");
}

TEST(AccountSchedule, ATokenIsRenewedBeforeItExpires)
{
    EXPECT_EQ(account::renewal_ms(3600000, 1000), 1000 + 3300000);
    EXPECT_EQ(account::renewal_ms(302000, 1000), 1000 + 2000);
    EXPECT_EQ(account::renewal_ms(300500, 1000), 1000 + 1000);
    EXPECT_EQ(account::renewal_ms(300000, 1000), 1000 + 150000);
    EXPECT_EQ(account::renewal_ms(10000, 1000), 1000 + 5000);
    EXPECT_EQ(account::renewal_ms(1000, 1000), 1000 + 1000);
}

TEST(AccountSchedule, AFailureIsTriedAgainAccordingToItsCause)
{
    std::int64_t pauses[] = { 1, 2, 4, 8, 16, 32, 60, 60 };

    for (unsigned i = 0; i < 8; ++i) {
        EXPECT_EQ(account::retry_ms(Cause::endpoint, i + 1, 0),
            pauses[i] * 1000);
        EXPECT_EQ(account::retry_ms(Cause::unreachable, i + 1, 0),
            pauses[i] * 1000);
    }

    EXPECT_EQ(account::retry_ms(Cause::endpoint, 0, 0), 1000);
    EXPECT_EQ(account::retry_ms(Cause::endpoint, 4000000000u, 0), 60000);
    EXPECT_EQ(account::retry_ms(Cause::clock, 1, 5), 60005);

    for (Cause cause : { Cause::wrong_key, Cause::account_gone, Cause::scope,
             Cause::not_allowed, Cause::other })
    {
        EXPECT_EQ(account::retry_ms(cause, 1, 5), 600005);
    }
}

}

#include "core/gemini/key_check.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace gw;
using gemini::KeyState;

constexpr const char *invalid = R"({"error":{"code":400,
    "message":"API key not valid. Please pass a valid API key.",
    "status":"INVALID_ARGUMENT","details":[{
    "@type":"type.googleapis.com/google.rpc.ErrorInfo",
    "reason":"API_KEY_INVALID","domain":"googleapis.com"}]}})";

TEST(GeminiKeyCheck, AnAnswerTellsOfAKeyOrOfNothing)
{
    struct Case {
        const char *name;
        int status;
        std::string body;
        KeyState state;
        const char *reason;
    };

    for (const Case &c : {
             Case{"a list", 200, R"({"models":[{"name":"models/m"}]})",
                 KeyState::lives, ""},
             Case{"an empty list", 200, R"({"models":[]})", KeyState::lives,
                 ""},
             Case{"a page of somebody on the way", 200, "<html>Log in</html>",
                 KeyState::unclear, ""},
             Case{"nothing", 200, "", KeyState::unclear, ""},
             Case{"a list that is none", 200, R"({"models":7})",
                 KeyState::unclear, ""},
             Case{"an error with a good status", 200, invalid,
                 KeyState::unclear, ""},
             Case{"API_KEY_INVALID", 400, invalid, KeyState::refused,
                 "API_KEY_INVALID"},
             Case{"another 400", 400, R"({"error":{"code":400,
                 "message":"no","status":"INVALID_ARGUMENT"}})",
                 KeyState::unclear, "INVALID_ARGUMENT"},
             Case{"401", 401, R"({"error":{"code":401,"message":"no",
                 "status":"UNAUTHENTICATED"}})", KeyState::refused,
                 "UNAUTHENTICATED"},
             Case{"403", 403, R"({"error":{"code":403,"message":"no",
                 "status":"PERMISSION_DENIED"}})", KeyState::refused,
                 "PERMISSION_DENIED"},
             Case{"403 of somebody on the way", 403, "<html>no</html>",
                 KeyState::unclear, ""},
             Case{"403 in the body only", 500, R"({"error":{"code":403,
                 "message":"no","status":"PERMISSION_DENIED"}})",
                 KeyState::unclear, "PERMISSION_DENIED"},
             Case{"429", 429, R"({"error":{"code":429,"message":"slow",
                 "status":"RESOURCE_EXHAUSTED"}})", KeyState::unclear,
                 "RESOURCE_EXHAUSTED"},
             Case{"503", 503, "", KeyState::unclear, ""},
             Case{"a redirection", 302, "", KeyState::unclear, ""} })
    {
        auto answer = gemini::read_key_answer(c.status, c.body, "secret");

        EXPECT_EQ(answer.state, c.state) << c.name;
        EXPECT_EQ(answer.reason, c.reason) << c.name;
    }
}

TEST(GeminiKeyCheck, TheKeyIsTakenOutOfTheMessage)
{
    auto answer = gemini::read_key_answer(403, R"({"error":{"code":403,
        "message":"Key my-own-secret-key is bad","status":"my-own-secret-key"
        }})", "my-own-secret-key");

    EXPECT_EQ(answer.state, KeyState::refused);
    EXPECT_EQ(answer.message, "Key [redacted] is bad");
    EXPECT_EQ(answer.reason, "[redacted]");
}

TEST(GeminiKeyCheck, VertexIsAskedForACountOfTokens)
{
    auto question = gemini::key_question({});
    EXPECT_EQ(question.method, "GET");
    EXPECT_EQ(question.path, "/v1beta/models?pageSize=1");
    EXPECT_EQ(question.body, "");

    question = gemini::key_question({ gemini::Api::vertex, "p", "global" });
    EXPECT_EQ(question.method, "POST");
    EXPECT_EQ(question.path, "/v1/projects/p/locations/global/publishers/"
        "google/models/gemini-2.5-flash:countTokens");
    EXPECT_NE(question.body, "");

    auto state = [](const char *body, gemini::Api api) {
        return gemini::read_key_answer(200, body, "", api).state;
    };

    EXPECT_EQ(state(R"({"totalTokens":1})", gemini::Api::vertex),
        KeyState::lives);
    EXPECT_EQ(state(R"({"models":[]})", gemini::Api::vertex),
        KeyState::unclear);
    EXPECT_EQ(state(R"({"totalTokens":1})", gemini::Api::gemini),
        KeyState::unclear);
}

TEST(GeminiKeyCheck, WhatAnOperatorHasToMendIsTold)
{
    auto told = [](const std::string &reason, const std::string &metadata) {
        return gemini::read_key_answer(403, R"({"error":{"code":403,
            "message":"no","status":"PERMISSION_DENIED","details":[{
            "@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":")"
            + reason + R"(","domain":"googleapis.com","metadata":{)"
            + metadata + "}}]}}", "secret").problem;
    };

    auto problem = told("SERVICE_DISABLED",
        R"("service":"aiplatform.googleapis.com","consumer":"projects/1")");
    EXPECT_EQ(name_of(problem.kind), "api_disabled");
    EXPECT_EQ(problem.service, "aiplatform.googleapis.com");
    EXPECT_EQ(problem.permission, "");
    EXPECT_NE(problem.hint.find("\"aiplatform.googleapis.com\""),
        std::string::npos);

    problem = told("IAM_PERMISSION_DENIED",
        R"("permission":"aiplatform.endpoints.predict","resource":"r")");
    EXPECT_EQ(name_of(problem.kind), "permission_missing");
    EXPECT_EQ(problem.permission, "aiplatform.endpoints.predict");
    EXPECT_NE(problem.hint.find("roles/aiplatform.user"), std::string::npos);

    EXPECT_EQ(name_of(told("ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        R"("service":"x y","permission":"<b>")").kind), "scope_insufficient");
    EXPECT_EQ(told("ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        R"("service":"x y")").service, "");
    EXPECT_EQ(name_of(told("BILLING_DISABLED", "").kind), "billing");
    EXPECT_EQ(name_of(told("SOMETHING_ELSE", "").kind), "none");
    EXPECT_NE(told("IAM_PERMISSION_DENIED", "").hint, "");
}

}

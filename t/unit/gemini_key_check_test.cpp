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

}

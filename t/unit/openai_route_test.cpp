#include "core/openai/route.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using openai::Operation;
using openai::route;

TEST(OpenaiRoute, EveryUsualBaseUrlReachesTheEndpoint)
{
    struct Case {
        const char *prefix;
        const char *uri;
    };

    for (const Case &c : {
             Case{"/v1/", "/v1/chat/completions"},
             Case{"/v1", "/v1/chat/completions"},
             Case{"/", "/v1/chat/completions"},
             Case{"/", "/chat/completions"},
             Case{"", "/v1/chat/completions"},
             Case{"/ai/", "/ai/v1/chat/completions"},
             Case{"/ai/", "/ai/chat/completions"},
             Case{"/ai/v1/", "/ai/v1/chat/completions"},
             Case{"/v1/ai/", "/v1/ai/chat/completions"},
             Case{"/v1/ai/", "/v1/ai/v1/chat/completions"},
             Case{"/v1/chat/completions", "/v1/chat/completions"},
             Case{"/ai/v1/chat/completions", "/ai/v1/chat/completions"},
             Case{"/chat/completions", "/chat/completions"},
             Case{"/v1/chat/", "/v1/chat/completions"},
             Case{"/elsewhere/", "/v1/chat/completions"},
             Case{"/v1/", "//v1///chat//completions"},
             Case{"/v1/", "/v1/chat/completions/"} })
    {
        auto found = route("POST", c.uri, c.prefix);

        ASSERT_TRUE(found) << c.prefix << " " << c.uri;
        EXPECT_EQ(found->operation, Operation::chat_completions) << c.uri;
    }
}

TEST(OpenaiRoute, TextCompletionsAreNotChats)
{
    struct Case {
        const char *prefix;
        const char *uri;
    };

    for (const Case &c : {
             Case{"/v1/", "/v1/completions"},
             Case{"/", "/v1/completions"},
             Case{"/", "/completions"},
             Case{"/chat/", "/chat/v1/completions"},
             Case{"/v1/completions", "/v1/completions"},
             Case{"/v1/", "/v1/completions/"} })
    {
        auto found = route("POST", c.uri, c.prefix);

        ASSERT_TRUE(found) << c.prefix << " " << c.uri;
        EXPECT_EQ(found->operation, Operation::completions) << c.uri;
    }

    EXPECT_EQ(route("GET", "/v1/completions", "/v1/").error().kind,
        ErrorKind::method_not_allowed);
    EXPECT_FALSE(route("POST", "/v1/completions/x", "/v1/"));
    EXPECT_EQ(route("POST", "/ai/chat/completions", "/ai/chat/")->operation,
        Operation::chat_completions);
    EXPECT_EQ(openai::name_of(Operation::completions), "completions");
}

TEST(OpenaiRoute, ModelsAreListedOrLookedUp)
{
    EXPECT_EQ(route("POST", "/v1/embeddings/", "/v1/")->operation,
        Operation::embeddings);
    EXPECT_EQ(route("POST", "/v1/embeddings", "/v1/embeddings")->operation,
        Operation::embeddings);
    EXPECT_EQ(route("GET", "/v1/models", "/v1/")->operation,
        Operation::models);
    EXPECT_EQ(route("HEAD", "/v1/models/", "/v1/")->operation,
        Operation::models);
    EXPECT_EQ(route("GET", "/v1/models", "/v1/models")->operation,
        Operation::models);

    struct Case {
        const char *prefix;
        const char *uri;
        const char *model;
    };

    for (const Case &c : {
             Case{"/v1/", "/v1/models/gemini-x", "gemini-x"},
             Case{"/v1/", "/v1/models/gemini-x/", "gemini-x"},
             Case{"/v1/", "/v1/models/models/gemini-x", "models/gemini-x"},
             Case{"/v1/", "/models/google/gemini-x", "google/gemini-x"},
             Case{"/v1/models", "/v1/models/gemini-x", "gemini-x"} })
    {
        auto found = route("GET", c.uri, c.prefix);

        ASSERT_TRUE(found) << c.uri;
        EXPECT_EQ(found->operation, Operation::model) << c.uri;
        EXPECT_EQ(found->model, c.model) << c.uri;
    }
}

TEST(OpenaiRoute, UnknownPathsAreNamed)
{
    for (const char *uri : {"/v1/", "/v1", "/v1/files", "/v1/chat",
             "/v1/chat/completions/x", "/v1/model", "/v1x/models", "/"})
    {
        auto found = route("POST", uri, "/v1/");

        ASSERT_FALSE(found) << uri;
        EXPECT_EQ(found.error().kind, ErrorKind::unknown_url) << uri;
        EXPECT_EQ(found.error().message,
            std::string("Unknown request URL: POST ") + uri);
    }

    EXPECT_FALSE(route("POST", "", ""));
}

TEST(OpenaiRoute, MessagesAreShortAndHoldNoKey)
{
    std::string uri = "/v1/x?key=AIzaSyA1234567890abcdefghijklmnopqrstuv/"
                      + std::string(9000, 'x');

    for (const char *method : {"GET", "POST"}) {
        auto message = route(method, uri, "/v1/").error().message;

        EXPECT_LT(message.size(), 300u);
        EXPECT_EQ(message.find("AIza"), std::string::npos);
    }
}

TEST(OpenaiRoute, AWrongMethodGetsTheAllowList)
{
    auto chat = route("GET", "/v1/chat/completions", "/v1/");
    ASSERT_FALSE(chat);
    EXPECT_EQ(chat.error().kind, ErrorKind::method_not_allowed);
    EXPECT_EQ(chat.error().param, "POST, OPTIONS");

    for (const char *uri : {"/v1/models", "/v1/models/x"}) {
        auto models = route("POST", uri, "/v1/");
        ASSERT_FALSE(models);
        EXPECT_EQ(models.error().kind, ErrorKind::method_not_allowed);
        EXPECT_EQ(models.error().param, "GET, HEAD, OPTIONS");
    }
}

TEST(OpenaiRoute, ADoubledVersionIsAnsweredWithTheRightBaseUrl)
{
    struct Case {
        const char *prefix;
        const char *uri;
        const char *base;
    };

    for (const Case &c : {
             Case{"/v1/", "/v1/v1/chat/completions", "\"/v1\""},
             Case{"/v1", "/v1//v1/models", "\"/v1\""},
             Case{"/", "/v1/v1/chat/completions", "\"/v1\""},
             Case{"/ai/v1/", "/ai/v1/v1/chat/completions", "\"/ai/v1\""},
             Case{"/ai/", "/ai/v1/v1/chat/completions", "\"/ai/v1\""} })
    {
        auto found = route("POST", c.uri, c.prefix);

        ASSERT_FALSE(found) << c.uri;
        EXPECT_EQ(found.error().kind, ErrorKind::unknown_url) << c.uri;
        EXPECT_NE(found.error().message.find(c.base), std::string::npos)
            << found.error().message;
    }
}

TEST(OpenaiRoute, OperationsHaveNames)
{
    EXPECT_EQ(openai::name_of(Operation::chat_completions),
        "chat_completions");
    EXPECT_EQ(openai::name_of(Operation::models), "models");
    EXPECT_EQ(openai::name_of(Operation::model), "model");
}

}

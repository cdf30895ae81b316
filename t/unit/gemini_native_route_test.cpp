#include "core/gemini/native_route.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using gemini::native_route;

std::string kept(const char *query)
{
    StringOutput out;
    gemini::write_native_query(query, out);
    return out.take();
}

std::string path(Operation operation, const char *model, const char *query)
{
    StringOutput out;
    gemini::write_native_path(operation, model, query, out);
    return out.take();
}

TEST(GeminiNativeRoute, EveryUsualBaseUrlReachesTheMethod)
{
    struct Case {
        const char *prefix;
        const char *uri;
    };

    for (const Case &c : {
             Case{"/v1beta/", "/v1beta/models/m:countTokens"},
             Case{"/v1beta", "/v1beta/models/m:countTokens"},
             Case{"/v1alpha/", "/v1alpha/models/m:countTokens"},
             Case{"/", "/v1beta/models/m:countTokens"},
             Case{"/", "/v1/models/m:countTokens"},
             Case{"/", "/v1alpha/models/m:countTokens"},
             Case{"/", "/models/m:countTokens"},
             Case{"", "/v1beta/models/m:countTokens"},
             Case{"/ai/", "/ai/v1beta/models/m:countTokens"},
             Case{"/ai/", "/ai/models/m:countTokens"},
             Case{"/ai/v1/", "/ai/v1/models/m:countTokens"},
             Case{"/v1/ai/", "/v1/ai/v1beta/models/m:countTokens"},
             Case{"/models/", "/models/m:countTokens"},
             Case{"/v1beta/models/", "/v1beta/models/m:countTokens"},
             Case{"/v1beta/models/m:countTokens",
                 "/v1beta/models/m:countTokens"},
             Case{"/ai/v1beta/models/", "/ai/v1beta/models/m:countTokens"},
             Case{"/elsewhere/", "/v1beta/models/m:countTokens"},
             Case{"/v1beta/", "//v1beta///models//m:countTokens/"} })
    {
        auto found = native_route("POST", c.uri, c.prefix);

        ASSERT_TRUE(found) << c.prefix << " " << c.uri;
        EXPECT_EQ(found->operation, Operation::count_tokens) << c.uri;
        EXPECT_EQ(found->model, "m") << c.uri;
    }
}

TEST(GeminiNativeRoute, KnowsTheMethodsOfAModel)
{
    for (const char *name : {"generateContent", "streamGenerateContent",
             "countTokens", "embedContent", "batchEmbedContents", "predict"})
    {
        std::string uri = std::string("/v1beta/models/a.b-1:") + name;
        auto found = native_route("POST", uri, "/v1beta/");

        ASSERT_TRUE(found) << name;
        EXPECT_EQ(name_of(found->operation), name);
        EXPECT_EQ(found->model, "a.b-1");
    }
}

TEST(GeminiNativeRoute, ListsModelsOrLooksOneUp)
{
    EXPECT_EQ(native_route("GET", "/v1beta/models", "/v1beta/")->operation,
        Operation::models);
    EXPECT_EQ(native_route("HEAD", "/v1beta/models/", "/")->operation,
        Operation::models);

    auto one = native_route("GET", "/v1beta/models/x:001", "/");
    EXPECT_EQ(one->operation, Operation::model);
    EXPECT_EQ(one->model, "x:001");
}

TEST(GeminiNativeRoute, SaysWhyThereIsNoSuchPath)
{
    struct Case {
        const char *uri;
        const char *says;
    };

    for (const Case &c : {
             Case{"/v1beta/cachedContents", "not served"},
             Case{"/v1beta/files/x", "not served"},
             Case{"/upload/v1beta/files", "not served"},
             Case{"/v1beta/batches/x", "not served"},
             Case{"/v1beta/operations/x", "not served"},
             Case{"/v1beta/models/m/operations/x", "not served"},
             Case{"/v1beta/tunedModels/x:generateContent", "not served"},
             Case{"/v1beta/models/tunedModels/x:generateContent",
                 "not served"},
             Case{"/v1beta/models/m:batchGenerateContent", "not served"},
             Case{"/v1beta", "no path"},
             Case{"/", "no path"},
             Case{"/v1beta/chat/completions", "no path"},
             Case{"/v1beta/v1beta/models", "twice"} })
    {
        auto found = native_route("POST", c.uri, "/");

        ASSERT_FALSE(found) << c.uri;
        EXPECT_EQ(found.error().kind, ErrorKind::unknown_url) << c.uri;
        EXPECT_NE(found.error().message.find(c.says), std::string::npos)
            << found.error().message;
    }
}

TEST(GeminiNativeRoute, RefusesAWrongMethodAndNamesTheRightOne)
{
    auto get = native_route("GET", "/v1beta/models/m:countTokens", "/");
    EXPECT_EQ(get.error().kind, ErrorKind::method_not_allowed);
    EXPECT_EQ(get.error().param, "POST, OPTIONS");

    auto post = native_route("POST", "/v1beta/models", "/");
    EXPECT_EQ(post.error().kind, ErrorKind::method_not_allowed);
    EXPECT_EQ(post.error().param, "GET, HEAD, OPTIONS");
}

TEST(GeminiNativeRoute, KeepsAQueryButItsCredentials)
{
    EXPECT_EQ(kept(""), "");
    EXPECT_EQ(kept("key=a"), "");
    EXPECT_EQ(kept("alt=sse"), "?alt=sse");
    EXPECT_EQ(kept("key=a&alt=sse&&access_token=b"), "?alt=sse");
    EXPECT_EQ(kept("KEY=a&k%65y=b&%24key=c&$access_token=d&oauth_token=e"),
        "");
    EXPECT_EQ(kept("$alt=json%3Benum-encoding=int&monkey=1&pageToken=a%2Fb"),
        "?$alt=json%3Benum-encoding=int&monkey=1&pageToken=a%2Fb");
    EXPECT_EQ(kept("a=b c&d=1\r\nx: y&e"), "?e");
}

TEST(GeminiNativeRoute, WritesTheUpstreamPath)
{
    EXPECT_EQ(path(Operation::models, "", "pageSize=2&key=x"),
        "/v1beta/models?pageSize=2");
    EXPECT_EQ(path(Operation::model, "m", ""), "/v1beta/models/m");
    EXPECT_EQ(path(Operation::stream_generate_content, "m", "alt=sse"),
        "/v1beta/models/m:streamGenerateContent?alt=sse");
    EXPECT_EQ(path(Operation::generate_content, "tunedModels/x", ""),
        "/v1beta/tunedModels/x:generateContent");
}

TEST(GeminiNativeRoute, KnowsWhoWantsEvents)
{
    EXPECT_TRUE(gemini::asks_for_events("alt=sse"));
    EXPECT_TRUE(gemini::asks_for_events("a=b&%24alt=sse%3Benum-encoding=int"));
    EXPECT_TRUE(gemini::asks_for_events("$alt=SSE"));
    EXPECT_FALSE(gemini::asks_for_events(""));
    EXPECT_FALSE(gemini::asks_for_events("alt=json&malt=sse"));
}

}

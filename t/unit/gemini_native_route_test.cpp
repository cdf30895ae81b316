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
    gemini::NativeRoute route;
    route.operation = operation;
    gemini::write_native_path(route, model, query, out);
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

struct Kept {
    const char *method;
    const char *uri;
    Operation operation;
    const char *upstream;           // the path
};

constexpr Kept kept_paths[] = {
    {"GET", "/v1beta/cachedContents", Operation::cached_contents,
        "/v1beta/cachedContents"},
    {"POST", "/v1/cachedContents", Operation::cached_contents,
        "/v1beta/cachedContents"},
    {"PATCH", "/v1beta/cachedContents/a-1", Operation::cached_contents,
        "/v1beta/cachedContents/a-1"},
    {"DELETE", "/cachedContents/a", Operation::cached_contents,
        "/v1beta/cachedContents/a"},
    {"HEAD", "/v1beta/files/a", Operation::files, "/v1beta/files/a"},
    {"DELETE", "/v1beta/files/a", Operation::files, "/v1beta/files/a"},
    {"POST", "/v1beta/files", Operation::files, "/v1beta/files"},
    {"GET", "/v1beta/files/a:download", Operation::download,
        "/v1beta/files/a:download"},
    {"GET", "/download/v1beta/files/a:download", Operation::download,
        "/download/v1beta/files/a:download"},
    {"POST", "/upload/v1beta/files", Operation::upload,
        "/upload/v1beta/files"},
    {"PUT", "/upload/v1alpha/files", Operation::upload,
        "/upload/v1beta/files"},
    {"POST", "/upload/files", Operation::upload, "/upload/v1beta/files"},
    {"GET", "/v1beta/batches", Operation::batches, "/v1beta/batches"},
    {"GET", "/v1beta/batches/a", Operation::batches, "/v1beta/batches/a"},
    {"POST", "/v1beta/batches/a:cancel", Operation::batches,
        "/v1beta/batches/a:cancel"},
    {"GET", "/v1beta/operations/a", Operation::operations,
        "/v1beta/operations/a"},
    {"GET", "/v1beta/models/m/operations", Operation::operations,
        "/v1beta/models/m/operations"},
    {"GET", "/v1beta/models/m/operations/a", Operation::operations,
        "/v1beta/models/m/operations/a"},
};

TEST(GeminiNativeRoute, KnowsWhatIsKeptUpstream)
{
    for (const Kept &row : kept_paths) {
        auto found = native_route(row.method, row.uri, "/");

        ASSERT_TRUE(found) << row.method << " " << row.uri;
        EXPECT_EQ(found->operation, row.operation) << row.uri;

        StringOutput out;
        gemini::write_native_path(found.value(), found->model, "a=b&key=x",
            out);
        EXPECT_EQ(out.view(), std::string(row.upstream) + "?a=b");
    }
}

TEST(GeminiNativeRoute, NamesWhatAPathIsAbout)
{
    EXPECT_EQ(native_route("GET", "/v1beta/files/a:download", "/")->name,
        "files/a");
    EXPECT_EQ(native_route("GET", "/v1beta/models/m/operations/a",
        "/v1beta/")->name, "models/m/operations/a");
    EXPECT_EQ(native_route("GET", "/v1beta/files", "/")->name, "");
}

TEST(GeminiNativeRoute, ReachesUploadsUnderAnyPrefix)
{
    for (const char *prefix : {"/", "/upload/", "/upload/v1beta/",
             "/upload/v1beta/files", "/up/"})
    {
        auto found = native_route("POST", "/upload/v1beta/files", prefix);

        ASSERT_TRUE(found) << prefix;
        EXPECT_EQ(found->operation, Operation::upload) << prefix;
    }

    EXPECT_EQ(native_route("POST", "/ai/upload/v1beta/files",
        "/ai/")->operation, Operation::upload);
    EXPECT_EQ(native_route("POST", "/ai/upload/v1beta/files",
        "/ai/upload/")->operation, Operation::upload);
    EXPECT_EQ(native_route("GET", "/v1beta/files/a", "/v1beta/files/")->name,
        "files/a");
}

TEST(GeminiNativeRoute, SaysWhichMethodsWhatIsKeptTakes)
{
    EXPECT_EQ(native_route("PUT", "/v1beta/files/a", "/").error().param,
        "GET, HEAD, DELETE, OPTIONS");
    EXPECT_EQ(native_route("GET", "/upload/v1beta/files", "/").error().param,
        "POST, PUT, OPTIONS");
    EXPECT_EQ(native_route("GET", "/v1beta/batches/a:cancel",
        "/").error().param, "POST, OPTIONS");
}

TEST(GeminiNativeRoute, SaysWhyThereIsNoSuchPath)
{
    struct Case {
        const char *uri;
        const char *says;
    };

    for (const Case &c : {
             Case{"/v1beta/cachedContents/a/b", "not served"},
             Case{"/v1beta/files/x:register", "not served"},
             Case{"/upload/v1beta/batches", "not served"},
             Case{"/v1beta/upload/files/x", "not served"},
             Case{"/download/v1beta/files/x", "not served"},
             Case{"/v1beta/fileSearchStores/x", "not served"},
             Case{"/v1beta/models/m/operations/x:poll", "not served"},
             Case{"/v1beta/tunedModels/x:generateContent", "not served"},
             Case{"/v1beta/models/tunedModels/x:generateContent",
                 "not served"},
             Case{"/v1beta/models/m:bidiGenerateContent", "not served"},
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

#include "core/gemini/resource_names.hpp"

#include <gtest/gtest.h>

namespace {

using namespace gw;
using gemini::Look;

using Names = std::vector<std::string>;

Names names(std::string_view body, Look look = Look::at_need)
{
    return gemini::names_in_request(body, look,
        std::pmr::new_delete_resource()).names;
}

std::vector<gemini::Shown> shown(std::string_view body)
{
    return gemini::names_in_answer(body, std::pmr::new_delete_resource());
}

TEST(GeminiResourceNames, FindsAFileInItsUris)
{
    struct Case {
        const char *uri;
        const char *name;
    };

    for (const Case &c : {
             Case{"files/abc-1", "files/abc-1"},
             Case{"https://generativelanguage.googleapis.com/v1beta/files/a",
                 "files/a"},
             Case{"https://x/v1/files/a:download?alt=media", "files/a"},
             Case{"http://127.0.0.1:80/download/v1alpha/files/a:download",
                 "files/a"},
             Case{"https://example.com/files/a.pdf", ""},
             Case{"gs://bucket/v1beta/files/a", ""},
             Case{"https://x/v1beta/files/", ""},
             Case{"https://x/v1beta/files/a/b", ""},
             Case{"https://x/?u=/v1beta/files/a", ""},
             Case{"files/..", ""},
             Case{"files/a b", ""},
             Case{"", ""} })
    {
        EXPECT_EQ(gemini::file_name_in(c.uri), c.name) << c.uri;
    }
}

TEST(GeminiResourceNames, FindsWhatARequestUses)
{
    EXPECT_EQ(names(R"({"cachedContent":"cachedContents/c","contents":[
        {"parts":[{"text":"a"},{"fileData":{"fileUri":"files/a"}}]},
        {"parts":[{"file_data":{"file_uri":"https:\/\/g\/v1beta\/files\/b"}},
                  {"fileData":{"fileUri":"files/a"}}]}]})"),
        (Names{"cachedContents/c", "files/a", "files/b"}));

    EXPECT_EQ(names(R"({"generateContentRequest":{"system_instruction":
        {"parts":{"fileData":{"fileUri":"files/s"}}}}})"), Names{"files/s"});

    EXPECT_EQ(names(R"({"contents":{"parts":[{"functionResponse":{"parts":[
        {"fileData":{"fileUri":"files/f"}}]}}]}})"), Names{"files/f"});
}

TEST(GeminiResourceNames, FindsWhatABatchReads)
{
    EXPECT_EQ(names(R"({"batch":{"inputConfig":{"fileName":"files/in"}}})",
        Look::always), Names{"files/in"});
    EXPECT_EQ(names(R"({"batch":{"input_config":{"requests":{"requests":[
        {"request":{"contents":[{"parts":[{"fileData":
        {"fileUri":"files/a"}}]}]}}]}}}})", Look::always), Names{"files/a"});
}

TEST(GeminiResourceNames, FindsWhatAPredictionReads)
{
    EXPECT_EQ(names(R"({"instances":[{"prompt":"x","video":
        {"uri":"https://g/v1beta/files/v:download?alt=media"}}]})",
        Look::always), Names{"files/v"});
}

TEST(GeminiResourceNames, FindsWhatIsToBeMade)
{
    EXPECT_EQ(names(R"({"file":{"name":"files/own"}})", Look::always),
        Names{"files/own"});
    EXPECT_EQ(gemini::names_in_request(R"({"model":"models/m"})",
        Look::always, std::pmr::new_delete_resource()).model, "models/m");
}

TEST(GeminiResourceNames, TakesNoTextForAName)
{
    EXPECT_EQ(names(R"({"contents":[{"parts":[
        {"text":"\"fileUri\": \"files/a\""},
        {"functionCall":{"args":{"fileUri":"files/b","cachedContent":"x"}}}
        ]}]})"), Names{});
    EXPECT_EQ(names(R"({"cachedContent":"files/a"})"), Names{});
    EXPECT_EQ(names(R"({"contents": "cachedContent fileUri)"), Names{});
}

TEST(GeminiResourceNames, ReadsWhatAnAnswerShows)
{
    auto one = shown(R"({"name":"cachedContents/c",
        "expireTime":"2026-01-15T20:00:00Z"})");
    ASSERT_EQ(one.size(), 1u);
    EXPECT_EQ(one[0].name, "cachedContents/c");
    EXPECT_EQ(one[0].expires_ms, 1768507200000);

    auto file = shown(R"({"file":{"name":"files/f",
        "expirationTime":"2026-01-15T20:00:00Z"}})");
    ASSERT_EQ(file.size(), 1u);
    EXPECT_EQ(file[0].name, "files/f");
    EXPECT_EQ(file[0].expires_ms, 1768507200000);

    auto batch = shown(R"({"name":"batches/b","metadata":{"output":
        {"responsesFile":"files/out"}},"done":true})");
    ASSERT_EQ(batch.size(), 2u);
    EXPECT_EQ(batch[1].name, "files/out");

    auto operation = shown(R"({"name":"models/m/operations/o","response":
        {"generateVideoResponse":{"generatedSamples":[{"video":
        {"uri":"https://g/v1beta/files/v:download?alt=media"}}]}}})");
    ASSERT_EQ(operation.size(), 2u);
    EXPECT_EQ(operation[1].name, "files/v");

    EXPECT_TRUE(shown("{}").empty());
    EXPECT_TRUE(shown("").empty());
    EXPECT_TRUE(shown("<html>").empty());
}

TEST(GeminiResourceNames, CutsAPageIntoItsItems)
{
    std::string body = R"({"files": [{"name":"files/a"}, {"name":"files/b",
        "x":["}"]}], "nextPageToken": "a\u003d"})";
    auto page = gemini::read_page(body, std::pmr::new_delete_resource());

    ASSERT_TRUE(page);
    EXPECT_EQ(page->collection, "files");
    ASSERT_EQ(page->items.size(), 2u);
    EXPECT_EQ(page->items[0], R"({"name":"files/a"})");
    EXPECT_EQ(page->next_page_token, "a=");

    auto empty = gemini::read_page("{}", std::pmr::new_delete_resource());
    ASSERT_TRUE(empty);
    EXPECT_TRUE(empty->items.empty());
    EXPECT_TRUE(empty->next_page_token.empty());

    EXPECT_FALSE(gemini::read_page("[]", std::pmr::new_delete_resource()));
}

}

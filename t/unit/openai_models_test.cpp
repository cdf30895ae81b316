#include "core/openai/models.hpp"

#include <string>

#include <gtest/gtest.h>

namespace {

using namespace gw;
using openai::ModelList;

std::string written(const ModelList &list)
{
    StringOutput out;
    list.write(out);
    return out.take();
}

std::string written_one(const ModelList &list, std::string_view id)
{
    StringOutput out;
    return list.write_one(id, out) ? out.take() : "none";
}

std::string entry(const std::string &id, const std::string &rest = {})
{
    return "{\"name\":\"" + id + "\"" + rest + "}";
}

std::string page(const std::string &models, const std::string &rest = {})
{
    return "{\"models\":[" + models + "]" + rest + "}";
}

std::string object(const std::string &id, const std::string &rest = {})
{
    return "{\"id\":\"" + id + "\",\"object\":\"model\",\"created\":"
           "1702425600,\"owned_by\":\"google\"" + rest + "}";
}

std::string list_of(const std::string &objects)
{
    return "{\"object\":\"list\",\"data\":[" + objects + "]}";
}

TEST(OpenaiModels, PagesBecomeOneListInUpstreamsOrder)
{
    ModelList list;

    auto first = list.add_page(page(entry("models/gemini-b",
        ",\"inputTokenLimit\":1048576,\"outputTokenLimit\":65536,"
        "\"supportedGenerationMethods\":[\"generateContent\"],\"x\":[{}]"),
        ",\"nextPageToken\":\"a\\u002fb\""));
    ASSERT_TRUE(first);
    EXPECT_EQ(first.value(), "a/b");

    auto last = list.add_page(page(entry("models/gemini-a")));
    ASSERT_TRUE(last);
    EXPECT_EQ(last.value(), "");

    EXPECT_EQ(list.size(), 2u);
    EXPECT_EQ(written(list), list_of(object("gemini-b",
        ",\"context_window\":1048576,\"max_output_tokens\":65536") + ","
        + object("gemini-a")));
}

TEST(OpenaiModels, AnIdIsListedOnce)
{
    ModelList list;
    ASSERT_TRUE(list.add_page(page(entry("models/a") + "," + entry("a"))));
    ASSERT_TRUE(list.add_page(page(entry("models/a"))));

    EXPECT_EQ(written(list), list_of(object("a")));
}

TEST(OpenaiModels, ModelsOfTheLiveApiAloneAreHidden)
{
    const std::string methods = ",\"supportedGenerationMethods\":";
    ModelList list;
    ASSERT_TRUE(list.add_page(page(
        entry("live", methods + "[\"bidiGenerateContent\",\"countTokens\"]")
        + "," + entry("both", methods
            + "[\"bidiGenerateContent\",\"generateContent\"]")
        + "," + entry("embed", methods + "[\"embedContent\"]")
        + "," + entry("silent", methods + "[]"))));

    EXPECT_EQ(written(list), list_of(object("both") + "," + object("embed")
        + "," + object("silent")));
}

TEST(OpenaiModels, OfVertexListWhatAnswersOurCallsIsListed)
{
    ModelList list;
    std::string models;

    for (const char *id : {"gemini-2.5-flash", "text-embedding-005",
             "text-multilingual-embedding-002", "gemini-embedding-2",
             "gemini-live-2.5-flash", "gemini-2.5-flash-native-audio",
             "imagetext", "veo-3", "chat-bison"})
    {
        models += (models.empty() ? "" : ",")
            + entry(std::string("publishers/google/models/") + id,
                ",\"versionId\":\"default\"");
    }

    auto added = list.add_page("{\"publisherModels\":[" + models
        + "],\"nextPageToken\":\"n\"}");
    ASSERT_TRUE(added);
    EXPECT_EQ(added.value(), "n");
    EXPECT_EQ(written(list), list_of(object("gemini-2.5-flash") + ","
        + object("text-embedding-005") + ","
        + object("text-multilingual-embedding-002") + ","
        + object("gemini-embedding-2")));
}

TEST(OpenaiModels, WhatCannotBeRequestedIsNotListed)
{
    ModelList list;
    ASSERT_TRUE(list.add_page(page("{},7,null," + entry("models/../x") + ","
        + entry("models/") + "," + entry("tunedModels/t"))));

    EXPECT_EQ(written(list), list_of(object("tunedModels/t")));
}

TEST(OpenaiModels, LimitsThatAreNoLimitsAreLeftOut)
{
    ModelList list;
    ASSERT_TRUE(list.add_page(page(entry("a",
        ",\"inputTokenLimit\":-1,\"outputTokenLimit\":1.5"))));

    EXPECT_EQ(written(list), list_of(object("a")));
}

TEST(OpenaiModels, AliasesFollowWithTheLimitsOfTheirTargets)
{
    ModelList list;
    ASSERT_TRUE(list.add_page(page(entry("models/a",
        ",\"inputTokenLimit\":5"))));
    list.add_alias("gpt-4o", "models/a");
    list.add_alias("odd\"name", "unknown");
    list.add_alias("gpt-*", "a");
    list.add_alias("a", "b");
    list.add_alias("gpt-4o", "a");

    EXPECT_EQ(written(list), list_of(object("a", ",\"context_window\":5")
        + "," + object("gpt-4o", ",\"context_window\":5") + ","
        + object("odd\\\"name")));
}

TEST(OpenaiModels, OneIsFoundWithAndWithoutItsPrefix)
{
    ModelList list;
    ASSERT_TRUE(list.add_page(page(entry("models/a"))));
    list.add_alias("team/x", "a");

    EXPECT_EQ(written_one(list, "a"), object("a"));
    EXPECT_EQ(written_one(list, "models/a"), object("a"));
    EXPECT_EQ(written_one(list, "google/a"), object("a"));
    EXPECT_EQ(written_one(list, "team/x"), object("team/x"));
    EXPECT_EQ(written_one(list, "b"), "none");
    EXPECT_EQ(written_one(list, ""), "none");
}

TEST(OpenaiModels, AnEmptyListIsAList)
{
    ModelList list;
    EXPECT_TRUE(list.add_page("{}"));
    EXPECT_TRUE(list.add_page(" { }\n"));
    EXPECT_TRUE(list.add_page(page("")));
    EXPECT_EQ(written(list), list_of(""));
}

TEST(OpenaiModels, WhatIsNoListChangesNothing)
{
    ModelList list;
    ASSERT_TRUE(list.add_page(page(entry("a"))));

    for (const char *text : {"", "[]", "null", "{\"error\":{}}", "{\"x\":1}",
             "{\"models\":7}", "{\"models\":[{\"name\":\"b\"}", "<html>",
             "{\"models\":[{\"name\":\"b\"}],\"error\":{}}"})
    {
        auto added = list.add_page(text);

        ASSERT_FALSE(added) << text;
        EXPECT_EQ(added.error().kind, ErrorKind::upstream_failed);
        EXPECT_EQ(list.size(), 1u) << text;
    }
}

TEST(OpenaiModels, NumberAndSizeAreBounded)
{
    std::string many = entry("a0");

    for (std::size_t i = 1; i < ModelList::max_models; ++i) {
        many += "," + entry("a" + std::to_string(i));
    }

    ModelList list;
    EXPECT_FALSE(list.add_page(page(many + "," + entry("b"))));
    EXPECT_EQ(list.size(), 0u);
    EXPECT_TRUE(list.add_page(page(many)));
    EXPECT_FALSE(list.add_page(page(entry("b"))));
    list.add_alias("c", "a0");
    EXPECT_EQ(list.size(), ModelList::max_models);

    EXPECT_FALSE(ModelList().add_page(page(entry("a", ",\"description\":\""
        + std::string(ModelList::max_bytes, 'x') + "\""))));
}

}

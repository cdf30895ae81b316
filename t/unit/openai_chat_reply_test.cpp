#include "core/openai/chat_reply.hpp"

#include "chat_answer.hpp"

#include "core/base/output.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace {

using namespace gw;

TEST(ChatReply, WritesArgumentsCompactAndUntouched)
{
    struct Case {
        std::string_view arguments;
        std::string_view written;
    };

    for (const auto &c : {
             Case{"", "{}"},
             Case{"{}", "{}"},
             Case{"{ }", "{}"},
             Case{"{\n  \"a b\": [ 1.50, 1e400 ],\t\"c\" : null }",
                 "{\\\"a b\\\":[1.50,1e400],\\\"c\\\":null}"},
             Case{R"({"q": "a \" b \\", "n": "x\n\u0041 y"})",
                 R"({\"q\":\"a \\\" b \\\\\",\"n\":\"x\\n\\u0041 y\"})"},
             Case{R"({"end": "\\"})", R"({\"end\":\"\\\\\"})"},
             Case{"\"\xc3\xa9  \"", "\\\"\xc3\xa9  \\\""},
         })
    {
        StringOutput out;
        openai::write_arguments(c.arguments, out);
        EXPECT_EQ(out.view(), c.written) << c.arguments;
    }
}

TEST(ChatReply, WritesAllCountsOfTheUsage)
{
    gemini::Usage usage;
    usage.prompt_tokens = 40;
    usage.completion_tokens = 70;
    usage.reasoning_tokens = 61;
    usage.cached_tokens = 5;

    StringOutput out;
    json::Writer writer(out);
    openai::write_usage(usage, writer);

    EXPECT_EQ(out.view(),
        "{\"prompt_tokens\":40,\"completion_tokens\":70,\"total_tokens\":110,"
        "\"prompt_tokens_details\":{\"cached_tokens\":5,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":61,"
        "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
        "\"rejected_prediction_tokens\":0}}");
}

TEST(ChatReply, WritesTheNativeFinishOnlyWhenThereIsOne)
{
    StringOutput out;
    openai::write_native_finish({}, {}, out);
    EXPECT_EQ(out.view(), "");

    openai::write_native_finish("STOP", "a \\\"b\\\" \\ud800", out);
    EXPECT_EQ(out.view(), ",\"native_finish_reason\":\"STOP\","
                          "\"finish_message\":\"a \\\"b\\\" \\ufffd\"");
}

TEST(ChatReply, WritesImagesAsDataUrls)
{
    StringOutput out;
    json::Writer writer(out);
    openai::write_image(2, json::String("image/png"), json::String("AAAA"),
        writer);

    EXPECT_EQ(out.view(), "{\"type\":\"image_url\",\"index\":2,\"image_url\":"
                          "{\"url\":\"data:image/png;base64,AAAA\"}}");
}

}

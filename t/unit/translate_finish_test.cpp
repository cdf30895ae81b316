#include "core/translate/finish.hpp"

#include "core/base/output.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace {

using namespace gw;
using translate::FinishKind;

TEST(Finish, MapsEveryReasonByWhatCameBefore)
{
    struct Case {
        std::string_view native;
        bool call;
        bool output;
        std::string_view reason;
        FinishKind kind;
    };

    constexpr auto normal = FinishKind::normal;
    constexpr auto wordless = FinishKind::wordless;
    constexpr auto retryable = FinishKind::retryable;

    for (const auto &c : {
             Case{"STOP", false, true, "stop", normal},
             Case{"STOP", true, true, "tool_calls", normal},
             Case{"STOP", false, false, "stop", wordless},
             Case{"", false, true, "stop", normal},
             Case{"", true, true, "tool_calls", normal},
             Case{"", false, false, "stop", wordless},
             Case{"MAX_TOKENS", false, false, "length", normal},
             Case{"MAX_TOKENS", true, true, "length", normal},
             Case{"CONTINUATION", false, true, "length", normal},
             Case{"SAFETY", false, false, "content_filter", normal},
             Case{"SAFETY", true, true, "content_filter", normal},
             Case{"RECITATION", false, true, "content_filter", normal},
             Case{"BLOCKLIST", false, true, "content_filter", normal},
             Case{"PROHIBITED_CONTENT", false, false, "content_filter",
                 normal},
             Case{"SPII", false, true, "content_filter", normal},
             Case{"LANGUAGE", false, true, "content_filter", normal},
             Case{"IMAGE_SAFETY", false, false, "content_filter", normal},
             Case{"IMAGE_PROHIBITED_CONTENT", false, false, "content_filter",
                 normal},
             Case{"IMAGE_RECITATION", false, false, "content_filter",
                 normal},
             Case{"MODEL_ARMOR", false, false, "content_filter", normal},
             Case{"NO_IMAGE", false, false, "content_filter", normal},
             Case{"NO_IMAGE", false, true, "stop", normal},
             Case{"IMAGE_OTHER", false, false, "content_filter", normal},
             Case{"OTHER", false, true, "stop", normal},
             Case{"OTHER", true, true, "tool_calls", normal},
             Case{"OTHER", false, false, "stop", retryable},
             Case{"MALFORMED_FUNCTION_CALL", false, false, "stop",
                 retryable},
             Case{"MALFORMED_FUNCTION_CALL", false, true, "stop", normal},
             Case{"MALFORMED_FUNCTION_CALL", true, true, "stop", normal},
             Case{"UNEXPECTED_TOOL_CALL", false, false, "stop", retryable},
             Case{"TOO_MANY_TOOL_CALLS", false, false, "stop", retryable},
             Case{"MALFORMED_RESPONSE", false, false, "stop", retryable},
             Case{"MISSING_THOUGHT_SIGNATURE", false, false, "stop",
                 retryable},
             Case{"NEW_IN_2031", false, true, "stop", normal},
             Case{"NEW_IN_2031", true, true, "tool_calls", normal},
             Case{"NEW_IN_2031", false, false, "stop", wordless},
         })
    {
        auto finish = translate::finish_of(c.native, c.call, c.output);
        EXPECT_EQ(finish.reason, c.reason) << c.native;
        EXPECT_EQ(finish.kind, c.kind) << c.native;
    }
}

TEST(Finish, NamesEnumsThatCameAsIntegers)
{
    EXPECT_EQ(translate::finish_name("1"), "STOP");
    EXPECT_EQ(translate::finish_name("2"), "MAX_TOKENS");
    EXPECT_EQ(translate::finish_name("10"), "MALFORMED_FUNCTION_CALL");
    EXPECT_EQ(translate::finish_name("STOP"), "STOP");
    EXPECT_EQ(translate::finish_name("0"), "");
    EXPECT_EQ(translate::finish_name("FINISH_REASON_UNSPECIFIED"), "");
    EXPECT_EQ(translate::finish_name(""), "");
    EXPECT_EQ(translate::finish_name("99"), "99");
    EXPECT_EQ(translate::finish_name("-1"), "-1");
    EXPECT_EQ(translate::finish_name("NEW"), "NEW");
    EXPECT_EQ(translate::block_name("1"), "SAFETY");
    EXPECT_EQ(translate::block_name("0"), "");
    EXPECT_EQ(translate::block_name("BLOCK_REASON_UNSPECIFIED"), "");
    EXPECT_EQ(translate::block_name("JAILBREAK"), "JAILBREAK");
}

TEST(Finish, WritesTheRefusalOfWhateverIsKnown)
{
    struct Case {
        std::string_view reason;
        std::string_view message;
        std::string_view refusal;
    };

    for (const auto &c : {
             Case{"SAFETY", "", "Prompt blocked by Gemini: SAFETY"},
             Case{"1", "why", "Prompt blocked by Gemini: SAFETY (why)"},
             Case{"", "why", "Prompt blocked by Gemini: why"},
         })
    {
        gemini::PromptFeedback feedback;
        feedback.block_reason = json::String(c.reason);
        feedback.block_reason_message = json::String(c.message);

        StringOutput out;
        translate::write_refusal(feedback, out);

        EXPECT_TRUE(translate::is_block(feedback));
        EXPECT_EQ(out.view(), c.refusal);
    }

    EXPECT_FALSE(translate::is_block({}));
}

TEST(Finish, SaysWhyAnAnswerIsEmpty)
{
    auto error = translate::empty_answer("MALFORMED_FUNCTION_CALL", "why");

    EXPECT_EQ(error.kind, ErrorKind::upstream_failed);
    EXPECT_EQ(error.code, "malformed_function_call");
    EXPECT_EQ(error.message,
        "The model returned no answer: MALFORMED_FUNCTION_CALL: why");
    EXPECT_EQ(translate::empty_answer("", "").code, "empty_response");
    EXPECT_EQ(translate::empty_answer("NEW \"x", "").code, "empty_response");
}

}

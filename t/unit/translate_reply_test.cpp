#include "core/translate/reply.hpp"

#include "chat_answer.hpp"

#include "core/base/output.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;
using translate::ReplyState;
using translate::Thoughts;

translate::ReplyOptions options_for(Thoughts thoughts = Thoughts::field)
{
    translate::ReplyOptions options;
    options.head.id = "chatcmpl-1";
    options.head.created = 1700000000;
    options.head.model = "gemini-2.5-flash";
    options.id_seed = "seedseedseedseedseedseed";
    options.thoughts = thoughts;
    return options;
}

struct Whole {
    bool parsed = false;
    translate::Reply reply;
    std::string text;
    test::Answer answer;
};

Whole whole(std::string_view body, bool write_empty = false,
    Thoughts thoughts = Thoughts::field)
{
    Whole result;
    Arena arena(std::pmr::new_delete_resource());
    StringOutput out;

    auto reply = translate::to_chat_completion(body, options_for(thoughts),
        write_empty, arena, out);

    result.parsed = static_cast<bool>(reply);
    result.text = out.take();

    if (!reply) {
        result.reply.error = reply.error();
        EXPECT_EQ(result.text, "");
        return result;
    }

    result.reply = reply.value();

    if (result.reply.state == ReplyState::complete) {
        result.answer = test::read_completion(result.text);
        EXPECT_EQ(result.answer.problem, "") << result.text;
    } else {
        EXPECT_EQ(result.text, "");
    }

    return result;
}

std::string body_of(std::string_view parts, std::string_view more = "")
{
    return "{\"candidates\":[{\"content\":{\"parts\":[" + std::string(parts)
           + "]}" + std::string(more) + "}]}";
}

TEST(Reply, WritesACompletion)
{
    auto result = whole(R"({"candidates":[{"content":{"parts":[
        {"text":"Hi"},{"text":" \u003cyou\u003e"}],"role":"model"},
        "finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,
        "candidatesTokenCount":2,"totalTokenCount":6}})");

    EXPECT_EQ(result.text,
        "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\","
        "\"created\":1700000000,\"model\":\"gemini-2.5-flash\",\"choices\":["
        "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"Hi \\u003cyou\\u003e\",\"refusal\":null},\"logprobs\":null,"
        "\"finish_reason\":\"stop\",\"native_finish_reason\":\"STOP\"}],"
        "\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":2,"
        "\"total_tokens\":6,\"prompt_tokens_details\":{\"cached_tokens\":0,"
        "\"audio_tokens\":0},\"completion_tokens_details\":{"
        "\"reasoning_tokens\":0,\"audio_tokens\":0,"
        "\"accepted_prediction_tokens\":0,"
        "\"rejected_prediction_tokens\":0}}}");
    EXPECT_EQ(result.reply.outcome.finish_reason, "stop");
    EXPECT_TRUE(result.reply.outcome.has_usage);
}

TEST(Reply, GivesThoughtsAsTheOperatorWants)
{
    auto body = body_of("{\"text\":\"hm\",\"thought\":true},"
                        "{\"text\":\"Yes\"},"
                        "{\"text\":\"so\",\"thought\":true}");

    struct Case {
        Thoughts thoughts;
        std::string_view content;
        std::string_view reasoning;
    };

    for (const auto &c : {
             Case{Thoughts::field, "Yes", "hmso"},
             Case{Thoughts::inline_tags,
                 "<think>hm</think>Yes<think>so</think>", ""},
             Case{Thoughts::hide, "Yes", ""},
         })
    {
        auto result = whole(body, false, c.thoughts);
        EXPECT_EQ(result.answer.choices.at(0).content, c.content);
        EXPECT_EQ(result.answer.choices.at(0).reasoning, c.reasoning);
    }
}

TEST(Reply, WritesToolCallsWithNullContent)
{
    auto result = whole(body_of(
        R"({"functionCall":{"name":"f","args":{"a": "b c"}},
            "thoughtSignature":"QUJD"},
           {"functionCall":{"id":"x","name":"g"}},
           {"functionCall":{"args":{}}})",
        ",\"finishReason\":\"STOP\""));

    const auto &choice = result.answer.choices.at(0);

    ASSERT_EQ(choice.calls.size(), 2u);
    EXPECT_EQ(choice.calls[0], (test::Call{
        "call_seedseedseedseedseedseed0", "f", "{\"a\":\"b c\"}", "QUJD"}));
    EXPECT_EQ(choice.calls[1], (test::Call{"x", "g", "{}", ""}));
    EXPECT_TRUE(choice.content_is_null);
    EXPECT_EQ(choice.finish_reason, "tool_calls");
}

TEST(Reply, WritesImagesCodeAndTheLastSignature)
{
    auto result = whole(body_of(
        R"({"executableCode":{"language":"PYTHON","code":"a\\n"}},
           {"codeExecutionResult":{"outcome":1,"output":"x\n"}},
           {"text":"t","thoughtSignature":"AAAA"},
           {"inlineData":{"mimeType":"image/png","data":"CCCC"},
            "thoughtSignature":"BBBB"},
           {"inlineData":{"mimeType":"audio/L16","data":"DDDD"}})"));

    const auto &choice = result.answer.choices.at(0);

    EXPECT_EQ(choice.content,
        "```python\na\\n\n```\n\n```output\nx\n```\nt");
    ASSERT_EQ(choice.images.size(), 1u);
    EXPECT_EQ(choice.images[0], "data:image/png;base64,CCCC");
    EXPECT_EQ(choice.signature, "BBBB");
}

TEST(Reply, OrdersChoicesByIndex)
{
    auto result = whole(R"({"candidates":[
        {"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"STOP"},
        {"content":{"parts":[{"text":"a"}]},"finishReason":"MAX_TOKENS"},
        {"index":1,"content":{"parts":[{"text":"c"}]}},
        {"index":2,"finishReason":"OTHER"}]})");

    EXPECT_EQ(result.answer.order, (std::vector<long long>{0, 1, 2}));
    EXPECT_EQ(result.answer.choices.at(0).content, "a");
    EXPECT_EQ(result.answer.choices.at(0).finish_reason, "length");
    EXPECT_EQ(result.answer.choices.at(1).content, "b");
    EXPECT_EQ(result.answer.choices.at(2).finish_reason, "stop");
    EXPECT_EQ(result.answer.choices.at(2).native_finish_reason, "OTHER");
    EXPECT_EQ(result.reply.outcome.finish_reason, "length");
}

TEST(Reply, KeepsChoicesThatHaveNoWordsButAReason)
{
    for (std::string_view body : {
             R"({"candidates":[{"finishReason":"MAX_TOKENS"}]})",
             R"({"candidates":[{"content":{},"finishReason":"MAX_TOKENS"}]})",
             R"({"candidates":[{"content":{"parts":[]},"finishReason":2}]})",
         })
    {
        auto result = whole(body);
        EXPECT_EQ(result.reply.state, ReplyState::complete);
        EXPECT_EQ(result.answer.choices.at(0).content, "");
        EXPECT_FALSE(result.answer.choices.at(0).content_is_null);
        EXPECT_EQ(result.answer.choices.at(0).finish_reason, "length");
    }
}

TEST(Reply, TellsABlockedPromptAsARefusal)
{
    auto result = whole(R"({"promptFeedback":{"blockReason":"SAFETY"},
        "usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}})");

    EXPECT_EQ(result.answer.choices.at(0).refusal,
        "Prompt blocked by Gemini: SAFETY");
    EXPECT_EQ(result.answer.choices.at(0).finish_reason, "content_filter");
    EXPECT_EQ(result.answer.prompt_tokens, 7);
    EXPECT_EQ(result.answer.completion_tokens, 0);
    EXPECT_EQ(result.reply.outcome.finish_reason, "content_filter");
}

TEST(Reply, CallsAnAnswerWithoutAWordEmpty)
{
    struct Case {
        std::string_view body;
        bool acceptable;
        std::string_view code;
    };

    for (const auto &c : {
             Case{"{}", false, "empty_response"},
             Case{"{\"candidates\":[]}", false, "empty_response"},
             Case{"{\"candidates\":[{\"finishReason\":\"STOP\"}]}", true,
                 "empty_response"},
             Case{"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]"
                  "}}]}", true, "empty_response"},
             Case{"{\"candidates\":[{\"finishReason\":\"OTHER\"}]}", false,
                 "other"},
             Case{"{\"candidates\":[{\"finishReason\":"
                  "\"MALFORMED_FUNCTION_CALL\"}]}", false,
                 "malformed_function_call"},
             Case{"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\","
                  "\"thought\":true}]},\"finishReason\":"
                  "\"MALFORMED_FUNCTION_CALL\"}]}", false,
                 "malformed_function_call"},
         })
    {
        auto first = whole(c.body, false);
        EXPECT_EQ(first.reply.state, ReplyState::empty) << c.body;
        EXPECT_EQ(first.reply.error.code, c.code) << c.body;

        auto last = whole(c.body, true);
        EXPECT_EQ(last.reply.state, c.acceptable ? ReplyState::complete
                                                 : ReplyState::empty);

        if (c.acceptable) {
            EXPECT_EQ(last.answer.choices.at(0).content, "");
            EXPECT_EQ(last.answer.choices.at(0).finish_reason, "stop");
        }
    }
}

TEST(Reply, FailsByAnErrorObjectInA200)
{
    for (std::string_view body : {
             R"({"error":{"code":503,"message":"m","status":"UNAVAILABLE"}})",
             R"([{"error":{"code":503,"status":"UNAVAILABLE"}}])",
         })
    {
        auto result = whole(body);
        EXPECT_EQ(result.reply.state, ReplyState::failed);
        EXPECT_EQ(result.reply.upstream_error.code, 503);
        EXPECT_FALSE(result.reply.error.message.empty());
    }
}

TEST(Reply, RefusesWhatIsNoAnswer)
{
    for (std::string_view body : {"", "<html>502</html>", "[1]", "{",
             "{\"candidates\":[}"})
    {
        auto result = whole(body);
        EXPECT_FALSE(result.parsed) << body;
        EXPECT_EQ(result.reply.error.kind, ErrorKind::upstream_failed);
    }
}

}

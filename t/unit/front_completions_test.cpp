#include "core/front/completions.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;
using front::Completions;
using front::Whole;
using translate::StreamEnd;
using translate::StreamState;

constexpr std::string_view id = "0123456789abcdef0123456789abcdef";

front::Setting setting()
{
    front::Setting setting;
    setting.max_event = 1 << 20;
    setting.now_sec = 1700000000;
    setting.request_id = id;
    return setting;
}

struct Asked {
    explicit Asked(std::string members)
        : body(R"({"model":"gemini-2.5-flash",)" + std::move(members) + "}"),
          front(setting(), std::pmr::new_delete_resource())
    {
        auto read = front.read(body);
        EXPECT_TRUE(read) << (read ? "" : read.error().message);
    }

    std::string question()
    {
        StringOutput out;
        EXPECT_TRUE(front.write_body("gemini-2.5-flash", gemini::Api::gemini, out));
        return out.take();
    }

    std::string body;
    Completions front;
};

std::string answer(const std::string &text, int tokens)
{
    return R"({"candidates":[{"content":{"role":"model","parts":[)" + text
           + R"(]},"finishReason":"STOP","index":0}],"usageMetadata":{)"
             R"("promptTokenCount":)" + std::to_string(tokens)
           + R"(,"candidatesTokenCount":1,"totalTokenCount":)"
           + std::to_string(tokens + 1) + "}}";
}

std::string head()
{
    return R"({"id":"cmpl-)" + std::string(id)
           + R"(","object":"text_completion","created":1700000000,)"
             R"("model":"gemini-2.5-flash","choices":[)";
}

std::string choice(int index, const std::string &text,
    const std::string &reason = "stop", const std::string &native = "STOP")
{
    return R"({"text":")" + text + R"(","index":)" + std::to_string(index)
           + R"(,"logprobs":null,"finish_reason":")" + reason
           + R"(","native_finish_reason":")" + native + "\"}";
}

std::string up_to_usage(const std::string &text)
{
    return text.substr(0, text.find(R"(],"usage")"));
}

TEST(FrontCompletions, APromptIsAConversation)
{
    Asked one(R"("prompt":"Say \"hi\"")");
    StringOutput out;

    EXPECT_NE(one.question().find(
        R"("contents":[{"role":"user","parts":[{"text":"Say \"hi\""}]}])"),
        std::string::npos) << one.question();
    EXPECT_FALSE(one.front.streams());
    EXPECT_EQ(one.front.requested_model(), "gemini-2.5-flash");
    EXPECT_EQ(one.front.whole(answer(R"({"text":"hi"})", 3), false, out),
        Whole::written);
    EXPECT_EQ(up_to_usage(out.take()), head() + choice(0, "hi"));
    EXPECT_EQ(one.front.outcome().usage.prompt_tokens, 3);
    EXPECT_EQ(one.front.outcome().finish_reason, "stop");
}

TEST(FrontCompletions, OnlyTextIsText)
{
    Asked one(R"("prompt":"a","reasoning_effort":"low")");
    StringOutput out;

    EXPECT_EQ(one.front.whole(answer(R"({"text":"hm","thought":true},)"
        R"({"text":"so","thoughtSignature":"QQ=="},)"
        R"({"functionCall":{"name":"f","args":{}}},)"
        R"({"inlineData":{"mimeType":"image/png","data":"QQ=="}})", 3), false,
        out), Whole::written);
    EXPECT_EQ(up_to_usage(out.take()), head() + choice(0, "so"));
}

TEST(FrontCompletions, AnAnswerWithoutTextIsEmpty)
{
    Asked one(R"("prompt":"a")");
    StringOutput out;
    std::string body = answer(
        R"({"inlineData":{"mimeType":"image/png","data":"QQ=="}})", 3);

    EXPECT_EQ(one.front.whole(body, false, out), Whole::empty);
    EXPECT_EQ(out.view(), "");
    EXPECT_EQ(one.front.whole(body, true, out), Whole::written);
    EXPECT_EQ(up_to_usage(out.take()), head() + choice(0, ""));
}

TEST(FrontCompletions, SeveralPromptsAreAskedOneAfterTheOther)
{
    Asked three(R"("prompt":["a","b","c"],"n":2,"echo":true)");
    StringOutput out;

    EXPECT_NE(three.question().find(R"({"text":"a"})"), std::string::npos);
    EXPECT_EQ(three.front.whole(answer(R"({"text":"1"})", 3), false, out),
        Whole::more);
    EXPECT_EQ(three.front.outcome().usage.prompt_tokens, 3);
    EXPECT_EQ(out.view(), "");

    three.front.start_over();
    EXPECT_EQ(three.front.outcome().usage.prompt_tokens, 3);
    EXPECT_NE(three.question().find(R"({"text":"b"})"), std::string::npos);
    EXPECT_EQ(three.front.whole("{}", false, out), Whole::empty);
    EXPECT_EQ(three.front.whole(R"({"error":{"code":500}})", false, out),
        Whole::failed);

    three.front.start_over();
    EXPECT_NE(three.question().find(R"({"text":"b"})"), std::string::npos);
    EXPECT_EQ(three.front.whole(R"({"promptFeedback":{"blockReason":)"
        R"("SAFETY"},"usageMetadata":{"promptTokenCount":4}})", false, out),
        Whole::more);

    three.front.start_over();
    EXPECT_NE(three.question().find(R"({"text":"c"})"), std::string::npos);
    EXPECT_EQ(three.front.whole(answer(R"({"text":"3"})", 5), false, out),
        Whole::written);

    std::string text = out.take();
    EXPECT_EQ(up_to_usage(text), head() + choice(0, "a1") + ","
        + choice(2, "b", "content_filter", "SAFETY") + "," + choice(4, "c3"));
    EXPECT_NE(text.find(R"("prompt_tokens":12,"completion_tokens":2,)"),
        std::string::npos) << text;
    EXPECT_EQ(three.front.outcome().usage.prompt_tokens, 12);
}

TEST(FrontCompletions, AnswersAreBoundedTogether)
{
    front::Setting small = setting();
    small.max_event = 400;

    const std::string body = R"({"model":"m","prompt":["a","b","c"]})";
    const std::string text = R"({"text":")" + std::string(150, 'x') + "\"}";
    Completions front(small, std::pmr::new_delete_resource());
    StringOutput out;

    ASSERT_TRUE(front.read(body));
    EXPECT_EQ(front.whole(answer(text, 1), false, out), Whole::more);
    EXPECT_EQ(front.whole(answer(text, 1), false, out), Whole::failed);
    EXPECT_EQ(front.error().kind, ErrorKind::bad_request);
    EXPECT_EQ(front.error().param, "prompt");
    EXPECT_EQ(front.upstream_error(), nullptr);
    EXPECT_EQ(front.outcome().usage.prompt_tokens, 2);
    EXPECT_EQ(out.view(), "");
}

TEST(FrontCompletions, AStreamHasTextsAndNoDeltas)
{
    Asked one(R"("prompt":"a","stream":true,"echo":true)");
    StringOutput out;

    EXPECT_TRUE(one.front.streams());
    EXPECT_EQ(one.front.feed("data: " + answer(R"({"text":"1"})", 3)
        + "\n\n", out), StreamState::started);
    EXPECT_EQ(one.front.finish(StreamEnd::complete, out),
        StreamState::started);

    const std::string begin = "data: " + head() + R"({"index":0,"text":)";
    const std::string end = R"(,"logprobs":null,"finish_reason":null}]})"
                            "\n\n";

    EXPECT_EQ(out.view(), begin + "\"a\"" + end + begin + "\"1\"" + end
        + begin + R"("","logprobs":null,"finish_reason":"stop",)"
          R"("native_finish_reason":"STOP"}]})" "\n\ndata: [DONE]\n\n");
}

TEST(FrontCompletions, LogprobsCountCharactersBehindTheEcho)
{
    constexpr std::string_view logprobs = R"("logprobsResult":{)"
        R"("chosenCandidates":[{"token":"é","logProbability":-0.5},)"
        R"({"token":"\"b","logProbability":-1}],"topCandidates":[)"
        R"({"candidates":[{"token":"é","logProbability":-0.5}]},)"
        R"({"candidates":[{"token":"c","logProbability":-2}]}]})";
    constexpr std::string_view expected =
        R"("logprobs":{"tokens":["é","\"b"],)"
        R"("token_logprobs":[-0.5,-1],"top_logprobs":[{"é":-0.5},{"c":-2}],)"
        R"("text_offset":[2,3]})";

    std::string body =
        R"({"candidates":[{"content":{"parts":[{"text":"é\"b"}]},)"
        R"("finishReason":"STOP",)" + std::string(logprobs) + "}]}";

    Asked whole(R"("prompt":"ża","logprobs":1,"echo":true)");
    StringOutput out;
    EXPECT_EQ(whole.front.whole(body, false, out), Whole::written);
    EXPECT_NE(out.view().find(expected), std::string_view::npos)
        << out.view();

    Asked stream(R"("prompt":"ża","logprobs":1,"echo":true,"stream":true)");
    StringOutput events;
    stream.front.feed("data: " + body + "\n\n", events);
    EXPECT_NE(events.view().find(expected), std::string_view::npos)
        << events.view();

    Asked plain(R"("prompt":"ża","logprobs":0)");
    StringOutput none;
    EXPECT_EQ(plain.front.whole(answer(R"({"text":"1"})", 3), false, none),
        Whole::written);
    EXPECT_NE(none.view().find(R"("logprobs":null)"), std::string_view::npos);
}

}

#include "core/translate/reply.hpp"

#include "chat_answer.hpp"

#include "core/base/base64.hpp"
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

Whole whole_with(std::string_view body,
    const translate::ReplyOptions &options, bool write_empty = false)
{
    Whole result;
    Arena arena(std::pmr::new_delete_resource());
    StringOutput out;

    auto reply = translate::to_chat_completion(body, options, write_empty,
        arena, out);

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

Whole whole(std::string_view body, bool write_empty = false,
    Thoughts thoughts = Thoughts::field)
{
    return whole_with(body, options_for(thoughts), write_empty);
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

TEST(Reply, CitesSourcesWhereTheyStandInTheContent)
{
    auto result = whole(body_of(R"({"text":"hm","thought":true},
        {"text":"a\u00e9 \ud83d\ude00"},
        {"executableCode":{"language":"PYTHON","code":"1"}},
        {"text":"ж end"})",
        R"(,"groundingMetadata":{ "searchEntryPoint":
            {"renderedContent":"<b>\"\\</b>","x":1},
            "groundingChunks":[{"web":{"uri":"https://a","title":"A"}},
            {"web":{"uri":"https://b"}},{"retrievedContext":{"uri":"c"}},
            {"web":{"title":"no uri"}},{"web":{"uri":"https://d"}}],
            "groundingSupports":[
            {"segment":{"endIndex":3},"groundingChunkIndices":[0,1,2,3,9]},
            {"segment":{"endIndex":3},"groundingChunkIndices":[0]},
            {"segment":{"partIndex":1,"startIndex":4,"endIndex":8},
             "groundingChunkIndices":[0]},
            {"segment":{"partIndex":3,"startIndex":3,"endIndex":999},
             "groundingChunkIndices":[1]},
            {"segment":{"partIndex":7,"endIndex":5},
             "groundingChunkIndices":[1]}],
            "webSearchQueries":["q"]},
         "citationMetadata":{"citationSources":[
            {"startIndex":8,"endIndex":10,"uri":"https://e","title":"E"},
            {"startIndex":1,"endIndex":2}]},
         "urlContextMetadata":{"urlMetadata": [{}]})"));

    const auto &choice = result.answer.choices.at(0);

    ASSERT_EQ(choice.content,
        "a\xc3\xa9 \xf0\x9f\x98\x80\n```python\n1\n```\n\xd0\xb6 end");
    EXPECT_EQ(choice.sources, (std::vector<test::Source>{
        {"https://a", "A", 0, 2}, {"https://b", "https://b", 0, 2},
        {"https://a", "A", 3, 4}, {"https://b", "https://b", 23, 26},
        {"https://b", "https://b", 0, 0}, {"https://d", "https://d", 0, 0},
        {"https://e", "E", 21, 22}}));
    EXPECT_NE(result.text.find(
        R"("extra_content":{"google":{"grounding_metadata":{)"
        R"("searchEntryPoint":{"x":1},"groundingChunks":[{"web":)"),
        std::string::npos) << result.text;
    EXPECT_NE(result.text.find(
        R"("url_context_metadata":{"urlMetadata":[{}]}}})"),
        std::string::npos) << result.text;
    EXPECT_EQ(result.text.find("renderedContent"), std::string::npos);
}

TEST(Reply, LeavesOutWhatTheMetadataDoesNotSay)
{
    for (std::string_view metadata : {
             R"("groundingMetadata":{})",
             R"("groundingMetadata":[{"groundingChunks":[]}])",
             R"("groundingMetadata":"x","urlContextMetadata":{})",
             R"("citationMetadata":{"citationSources":{"uri":"x"}})",
         })
    {
        auto result = whole(body_of(R"({"text":"x"})",
            "," + std::string(metadata)));
        EXPECT_EQ(result.text.find("annotations"), std::string::npos);
        EXPECT_EQ(result.text.find("extra_content"), std::string::npos);
    }

    // However the member stands, what is left is JSON.
    for (std::string_view entry : {
             R"({"renderedContent":"x"})", R"({ "renderedContent" : "x" })",
             R"({"a":1 , "renderedContent":{"b":[1]}})",
             R"({"renderedContent":1,"a":"renderedContent"})",
             R"({"\u0072enderedContent":true , "a":1})",
         })
    {
        auto result = whole(body_of(R"({"text":"x"})",
            R"(,"groundingMetadata":{"searchEntryPoint":)"
            + std::string(entry) + "}"));
        EXPECT_TRUE(result.answer.choices.at(0).has_metadata);
        EXPECT_EQ(result.text.find("enderedContent\":"), std::string::npos);
    }
}

TEST(Reply, WritesLogprobsWhenAskedFor)
{
    auto body = body_of(R"({"text":"Hé\n"})", R"(,"logprobsResult":{
        "chosenCandidates":[{"token":"H","logProbability":-0.25,"tokenId":1},
            {"token":"é","logProbability":"-Infinity"},{"token":"\n"}],
        "topCandidates":[{"candidates":[{"token":"H","logProbability":-0.25},
            {"token":"A","logProbability":-3e-2}]},{"candidates":[]}]})");

    auto options = options_for();
    EXPECT_NE(whole_with(body, options).text.find("\"logprobs\":null"),
        std::string::npos);

    options.logprobs = true;
    auto result = whole_with(body, options);
    EXPECT_EQ(result.answer.choices.at(0).tokens,
        (std::vector<std::string>{"H=-0.25 H A", "\xc3\xa9=-9999.0",
            "\n=0"}));
    EXPECT_NE(result.text.find(R"({"token":"é","logprob":-9999.0,)"
        R"("bytes":[195,169],"top_logprobs":[]})"), std::string::npos);

    for (std::string_view none : {"1", "{}", "[]",
             R"({"chosenCandidates":[1,"x"]})", R"({"topCandidates":[{}]})"})
    {
        auto empty = whole_with(body_of(R"({"text":"x"})",
            ",\"logprobsResult\":" + std::string(none)), options);
        EXPECT_NE(empty.text.find("\"logprobs\":null"), std::string::npos);
    }
}

TEST(Reply, SpeaksTheLanguageOfFunctionsBeforeTools)
{
    auto options = options_for();
    options.calls = translate::Calls::legacy;

    auto result = whole_with(body_of(
        R"({"functionCall":{"name":"f","args":{"a":1}},
            "thoughtSignature":"QUJD"},{"functionCall":{"name":"g"}})",
        ",\"finishReason\":\"STOP\""), options);

    const auto &choice = result.answer.choices.at(0);

    EXPECT_EQ(choice.calls, (std::vector<test::Call>{
        {"", "f", "{\"a\":1}", "QUJD"}}));
    EXPECT_EQ(choice.finish_reason, "function_call");
    EXPECT_EQ(result.reply.outcome.finish_reason, "function_call");
    EXPECT_EQ(result.text.find("tool_calls"), std::string::npos);
}

TEST(Reply, KeepsOneCallWhereTheClientWantsNoMore)
{
    auto options = options_for();
    options.calls = translate::Calls::single;

    auto result = whole_with(body_of(R"({"functionCall":{"name":"f"}},
        {"functionCall":{"name":"g"}},{"text":"x"})"), options);

    EXPECT_EQ(result.answer.choices.at(0).calls.size(), 1u);
    EXPECT_EQ(result.answer.choices.at(0).content, "x");
}

TEST(Reply, CallsFunctionsByTheClientsNames)
{
    Arena arena(std::pmr::new_delete_resource());
    openai::ChatRequest request;
    ASSERT_TRUE(openai::parse(R"({"model":"m","messages":[{"role":"user",
        "content":"x"}],"tools":[{"type":"function","function":
        {"name":"f \"1\""}},{"type":"function","function":{"name":"g"}}]})",
        arena, request));

    translate::NameMap names(request, arena);
    auto upstream = names.upstream_name(json::String(R"(f \"1\")", true),
        arena);
    EXPECT_FALSE(upstream.is("f \"1\""));

    auto options = options_for();
    options.names = &names;

    std::string body = R"({"functionCall":{"name":")"
        + std::string(upstream.raw) + R"("}},{"functionCall":{"name":"g"}},
        {"functionCall":{"name":"default_api:g"}},
        {"functionCall":{"name":"\u0067"}})";
    auto result = whole_with(body_of(body), options);

    const auto &calls = result.answer.choices.at(0).calls;
    ASSERT_EQ(calls.size(), 4u);
    EXPECT_EQ(calls[0].name, "f \"1\"");
    EXPECT_EQ(calls[1].name, "g");
    EXPECT_EQ(calls[2].name, "g");
    EXPECT_EQ(calls[3].name, "g");
}

TEST(Reply, GivesAudioOnlyWhenAskedFor)
{
    // "abc" and "d", "efg": padded each for itself.
    auto body = body_of(R"({"inlineData":{"mimeType":"audio/L16;rate=8000",
        "data":"YWJjZA=="}},{"inlineData":{"mimeType":"audio\/L16",
        "data":"ZWZn"}})");

    EXPECT_EQ(whole(body).reply.state, ReplyState::empty);

    auto options = options_for();
    options.audio = translate::AudioFormat::pcm16;
    auto pcm = whole_with(body, options).answer.choices.at(0);
    EXPECT_EQ(pcm.audio, "YWJjZGVmZw==");
    EXPECT_EQ(pcm.audio_id, "audio_seedseedseedseedseedseed0");
    EXPECT_EQ(pcm.audio_expires_at, 1700000000);
    EXPECT_EQ(pcm.content, "");

    options.audio = translate::AudioFormat::wav;
    auto wav = whole_with(body, options).answer.choices.at(0).audio;
    auto bytes = base64::decode(wav);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(*bytes, std::string("RIFF\x35\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
        "\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0JUNK\2\0\0\0\0\0data\7\0\0\0"
        "abcdefg", 61));
}

TEST(Reply, TellsHowToGoOnWithALongAnswer)
{
    auto result = whole(body_of(R"({"text":"x"})",
        R"(,"finishReason":"CONTINUATION","continuationToken":"abc=")"));

    EXPECT_EQ(result.answer.choices.at(0).finish_reason, "length");
    EXPECT_EQ(result.answer.choices.at(0).continuation_token, "abc=");
}

TEST(Reply, BoundsTheSourcesItGives)
{
    std::string supports;
    std::string indices;

    for (int i = 0; i < 200; ++i) {
        indices += (i == 0 ? "" : ",") + std::to_string(i % 2);
    }

    for (int i = 0; i < 3000; ++i) {
        supports += (i == 0 ? "" : ",")
            + std::string(R"({"segment":{"startIndex":0,"endIndex":)")
            + std::to_string(i) + R"(},"groundingChunkIndices":[)" + indices
            + "]}";
    }

    auto result = whole(body_of("{\"text\":\"" + std::string(5000, 'x')
        + "\"}", R"(,"groundingMetadata":{"groundingChunks":[{"web":)"
            R"({"uri":"a"}},{"web":{"uri":")" + std::string(10000, 'u')
            + R"("}}],"groundingSupports":[)" + supports + "]}"));

    const auto &sources = result.answer.choices.at(0).sources;
    ASSERT_EQ(sources.size(), 1024u);
    EXPECT_EQ(sources.back(), (test::Source{"a", "a", 0, 1023}));
}

}

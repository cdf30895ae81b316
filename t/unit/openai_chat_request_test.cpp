// What a chat request may look like, and what is said when it does not.
#include "core/openai/chat_request.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using gw::openai::ChatRequest;
using gw::openai::Role;

struct Parsed {
    explicit Parsed(std::string body)
        : text(std::move(body)), arena(std::pmr::new_delete_resource())
    {
        auto result = gw::openai::parse(text, arena, request);
        ok = static_cast<bool>(result);

        if (!ok) {
            error = result.error();
        }
    }

    std::string text;
    gw::Arena arena;
    ChatRequest request;
    bool ok = false;
    gw::Error error;
};

/// A request that is right but for the members given.
std::string with(const std::string &members)
{
    return "{\"model\":\"m\",\"messages\":[{\"role\":\"user\","
           "\"content\":\"hi\"}]" + (members.empty() ? "" : "," + members)
           + "}";
}

std::string with_message(const std::string &message)
{
    return "{\"model\":\"m\",\"messages\":[" + message + "]}";
}

TEST(ChatRequest, ReadsEveryFieldOfATextConversation)
{
    Parsed parsed(with(R"("max_tokens":5,"max_completion_tokens":7.0,
        "temperature":0,"top_p":0.50,"top_k":40,"n":2,"stop":["a","b"],
        "seed":123456789012345678901,"presence_penalty":-1,
        "frequency_penalty":2,"logprobs":true,"top_logprobs":3,"stream":true,
        "stream_options":{"include_usage":true,"include_obfuscation":false},
        "response_format":{"type":"json_schema","json_schema":
        {"name":"x","strict":true,"schema":{"type":"object"}}},
        "modalities":["text"],"service_tier":"flex",
        "reasoning_effort":"low","web_search_options":{})"));

    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    const ChatRequest &request = parsed.request;

    EXPECT_EQ(request.max_tokens, 5);
    EXPECT_EQ(request.max_completion_tokens, 7);
    EXPECT_EQ(request.temperature->text, "0");
    EXPECT_EQ(request.top_p->text, "0.50");
    EXPECT_EQ(request.top_k, 40);
    EXPECT_EQ(request.n, 2);
    EXPECT_EQ(request.stop.size(), 2u);
    EXPECT_EQ(request.seed->text, "123456789012345678901");
    EXPECT_EQ(request.presence_penalty->text, "-1");
    EXPECT_EQ(request.frequency_penalty->text, "2");
    EXPECT_EQ(request.logprobs, true);
    EXPECT_EQ(request.top_logprobs, 3);
    EXPECT_EQ(request.stream, true);
    EXPECT_EQ(request.stream_options.include_usage, true);
    EXPECT_TRUE(request.response_format->type.is("json_schema"));
    EXPECT_EQ(request.response_format->schema.text, R"({"type":"object"})");
    EXPECT_EQ(request.modalities.size(), 1u);
    EXPECT_TRUE(request.service_tier.is("flex"));
    EXPECT_TRUE(request.reasoning_effort.is("low"));
    EXPECT_TRUE(request.web_search);
}

TEST(ChatRequest, TakesNullForAnyOptionalFieldAsAbsent)
{
    Parsed parsed(with(R"("max_tokens":null,"temperature":null,"n":null,
        "stop":null,"seed":null,"logprobs":null,"top_logprobs":null,
        "stream":null,"stream_options":null,"tools":null,"tool_choice":null,
        "response_format":null,"reasoning_effort":null,"modalities":null,
        "service_tier":null,"extra_body":null,"google":null)"));

    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    EXPECT_FALSE(parsed.request.temperature);
    EXPECT_FALSE(parsed.request.stream);
    EXPECT_FALSE(parsed.request.response_format);
}

TEST(ChatRequest, IgnoresFieldsItDoesNotKnow)
{
    EXPECT_TRUE(Parsed(with(R"("user":"u","metadata":{"a":[1]},"store":true,
        "repetition_penalty":1.1,"min_p":"x","logit_bias":{},
        "chat_template_kwargs":{"x":[{"y":1}]})")).ok);
}

TEST(ChatRequest, ReadsContentInEveryForm)
{
    Parsed parsed(R"({"model":"m","messages":[
        {"role":"system","content":"s"},
        {"role":"assistant","content":null,"refusal":"no"},
        {"role":"us\u0065r","content":[
            {"type":"text","text":"t"},
            {"type":"image_url","image_url":{"url":"u","detail":"low"}},
            {"type":"image_url","image_url":"bare"},
            {"type":"input_audio","input_audio":{"data":"d","format":"wav"}},
            {"type":"file","file":{"file_data":"f","filename":"n"}},
            {"type":"file","file":{"file_id":"i"}},
            {"type":"video_url","video_url":{"url":"v"}}]}]})");

    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    auto message = parsed.request.messages.begin();

    EXPECT_EQ(message->role, Role::system);
    EXPECT_TRUE(message->text->is("s"));
    ++message;
    EXPECT_EQ(message->role, Role::assistant);
    EXPECT_FALSE(message->text);
    EXPECT_TRUE(message->refusal.is("no"));
    ++message;
    EXPECT_EQ(message->role, Role::user);
    ASSERT_EQ(message->parts.size(), 7u);

    auto part = message->parts.begin();
    EXPECT_TRUE(part->text->is("t"));
    EXPECT_TRUE((++part)->image_url.is("u"));
    EXPECT_TRUE((++part)->image_url.is("bare"));
    EXPECT_TRUE((++part)->audio_data.is("d"));
    EXPECT_TRUE(part->audio_format.is("wav"));
    EXPECT_TRUE((++part)->file_data.is("f"));
    EXPECT_TRUE(part->filename.is("n"));
    EXPECT_TRUE((++part)->file_id.is("i"));
    EXPECT_TRUE((++part)->video_url.is("v"));
}

TEST(ChatRequest, FindsAThoughtSignatureInEveryCarrier)
{
    for (const char *carrier : {
             R"("extra_content":{"google":{"thought_signature":"S"}})",
             R"("extra_content":{"vertex":{"thought_signature":"S"}})",
             R"("provider_specific_fields":{"thought_signature":"S"})",
             R"("thought_signature":"S")"})
    {
        Parsed parsed(with_message(std::string(
            R"({"role":"assistant","content":"a",)") + carrier + "}"));

        ASSERT_TRUE(parsed.ok) << parsed.error.message;
        EXPECT_TRUE(parsed.request.messages.front().thought_signature.is(
            "S")) << carrier;
    }

    for (const char *carrier : {
             R"("reasoning_details":[{"type":"reasoning.encrypted",
                "data":"S"}])",
             R"("thinking_blocks":[{"signature":"S"}])"})
    {
        Parsed parsed(with_message(std::string(
            R"({"role":"assistant","content":"a",)") + carrier + "}"));

        ASSERT_TRUE(parsed.ok) << parsed.error.message;
        EXPECT_TRUE(parsed.request.messages.front().reasoning_signature.is(
            "S")) << carrier;
    }
}

TEST(ChatRequest, ForgivesStrangeValuesInWhatIsNotOpenAis)
{
    for (const char *members : {
             R"("extra_content":3)", R"("extra_content":[1])",
             R"("extra_content":{"google":"x"})",
             R"("extra_content":{"google":{"thought_signature":{}}})",
             R"("reasoning_details":[{"data":null},4,[]])",
             R"("reasoning_details":"x")", R"("thinking_blocks":{})"})
    {
        Parsed parsed(with_message(std::string(
            R"({"role":"assistant","content":"a",)") + members + "}"));

        EXPECT_TRUE(parsed.ok) << members << ": " << parsed.error.message;
    }

    EXPECT_TRUE(Parsed(with(R"("thinking":true,"reasoning":"high")")).ok);
}

TEST(ChatRequest, ReadsGooglesWordsWhereverTheyStand)
{
    Parsed parsed(with(R"("n":1,"temperature":0,"generationConfig":
        {"temperature":1,"candidateCount":2},"google":{"top_k":4,
        "tools":[{"url_context":{}}]},"extra_body":{"google":
        {"image_config":{"a":1}}},"cached_content":"c",
        "thinking_config":"other vendors'","parallel_tool_calls":false)"));

    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    EXPECT_EQ(parsed.request.temperature->text, "1");
    EXPECT_EQ(parsed.request.n, 2);
    EXPECT_EQ(parsed.request.top_k, 4);
    EXPECT_EQ(parsed.request.google.tools.front().built_in, "urlContext");
    EXPECT_EQ(parsed.request.google.image_config.text, R"({"a":1})");
    EXPECT_TRUE(parsed.request.google.cached_content.is("c"));
    EXPECT_EQ(parsed.request.parallel_tool_calls, false);

    EXPECT_EQ(Parsed(with(R"("generation_config":{"temperature":3})"))
        .error.param, "temperature");
    EXPECT_EQ(Parsed(with(R"("parallel_tool_calls":1)")).error.param,
        "parallel_tool_calls");
}

TEST(ChatRequest, ReadsToolsAndTheirCalls)
{
    Parsed parsed(R"({"model":"m","messages":[{"role":"assistant",
        "tool_calls":[{"id":"c1","type":"function","function":{"name":"f",
        "arguments":"{\"a\":1}"},"extra_content":{"google":
        {"thought_signature":"S"}}},{"id":"c2","function":{"name":"g",
        "arguments":{"b":2}}}]}],
        "tools":[{"type":"function","function":{"name":"f","description":"d",
        "parameters":{"type":"object"},"strict":true}},{"google_search":{}}],
        "tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto",
        "tools":[{"type":"function","function":{"name":"f"}}]}},
        "function_call":"none"})");

    ASSERT_TRUE(parsed.ok) << parsed.error.message;
    const auto &calls = parsed.request.messages.front().tool_calls;

    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls.front().arguments.raw, R"({\"a\":1})");
    EXPECT_TRUE(calls.front().arguments.escaped);
    EXPECT_TRUE(calls.front().thought_signature.is("S"));
    EXPECT_EQ(calls.back().arguments_object.text, R"({"b":2})");

    ASSERT_EQ(parsed.request.tools.size(), 2u);
    EXPECT_TRUE(parsed.request.tools.front().name.is("f"));
    EXPECT_EQ(parsed.request.tools.front().strict, true);
    EXPECT_EQ(parsed.request.tools.back().built_in, "googleSearch");

    EXPECT_TRUE(parsed.request.tool_choice->allowed_mode.is("auto"));
    ASSERT_EQ(parsed.request.tool_choice->allowed.size(), 1u);
    EXPECT_TRUE(parsed.request.function_call->word.is("none"));
}

TEST(ChatRequest, ReadsGooglesMembersFromBothPlaces)
{
    for (const char *members : {
             R"("google":{"thinking_config":{"thinking_budget":5,
                "include_thoughts":true},"safety_settings":[],
                "cached_content":"c"})",
             R"("extra_body":{"google":{"thinkingConfig":{"thinkingBudget":5,
                "includeThoughts":true},"safetySettings":[],
                "cachedContent":"c"}})"})
    {
        Parsed parsed(with(members));

        ASSERT_TRUE(parsed.ok) << parsed.error.message;
        const auto &google = parsed.request.google;
        EXPECT_EQ(google.thinking_config.budget, 5);
        EXPECT_EQ(google.thinking_config.include_thoughts, true);
        EXPECT_EQ(google.safety_settings.text, "[]");
        EXPECT_TRUE(google.cached_content.is("c"));
    }
}

TEST(ChatRequest, NamesTheParamThatIsWrong)
{
    struct Case {
        std::string body;
        const char *param;
        const char *code;
    };

    const char *missing = "missing_required_parameter";
    const char *invalid = "invalid_value";

    const Case cases[] = {
        {R"({"messages":[{"role":"user"}]})", "model", missing},
        {R"({"model":"","messages":[{"role":"user"}]})", "model", missing},
        {R"({"model":7})", "model", ""},
        {R"({"model":"m"})", "messages", missing},
        {R"({"model":"m","messages":[]})", "messages", invalid},
        {R"({"model":"m","messages":"hi"})", "messages", ""},
        {R"({"model":"m","messages":["hi"]})", "messages[0]", ""},
        {with_message(R"({"content":"x"})"), "messages[0].role", missing},
        {with_message(R"({"role":"robot"})"), "messages[0].role", invalid},
        {with_message(R"({"role":"user","content":5})"),
            "messages[0].content", ""},
        {with_message(R"({"role":"user","content":[{"type":"text",
            "text":1}]})"), "messages[0].content[0].text", ""},
        {with_message(R"({"role":"user","content":[{"type":"image_url",
            "image_url":{"url":1}}]})"),
            "messages[0].content[0].image_url.url", ""},
        {with(R"("temperature":2.1)"), "temperature", invalid},
        {with(R"("temperature":-0.1)"), "temperature", invalid},
        {with(R"("temperature":1e999)"), "temperature", invalid},
        {with(R"("temperature":"1")"), "temperature", ""},
        {with(R"("top_p":1.01)"), "top_p", invalid},
        {with(R"("n":0)"), "n", invalid},
        {with(R"("n":9)"), "n", invalid},
        {with(R"("n":1.5)"), "n", ""},
        {with(R"("presence_penalty":-2.5)"), "presence_penalty", invalid},
        {with(R"("frequency_penalty":3)"), "frequency_penalty", invalid},
        {with(R"("max_tokens":0)"), "max_tokens", invalid},
        {with(R"("max_completion_tokens":-1)"), "max_completion_tokens",
            invalid},
        {with(R"("seed":1.5)"), "seed", invalid},
        {with(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs",
            invalid},
        {with(R"("top_logprobs":3)"), "top_logprobs", invalid},
        {with(R"("stop":["1","2","3","4","5","6"])"), "stop", invalid},
        {with(R"("stop":[1])"), "stop[0]", ""},
        {with(R"("stop":7)"), "stop", ""},
        {with(R"("stream":"yes")"), "stream", ""},
        {with(R"("response_format":"json")"), "response_format", ""},
        {with(R"("tools":{})"), "tools", ""},
        {with(R"("google":{"thinking_config":{"thinking_budget":"x"}})"),
            "google.thinking_config.thinking_budget", ""}
    };

    for (const Case &c : cases) {
        Parsed parsed(c.body);

        ASSERT_FALSE(parsed.ok) << c.body;
        EXPECT_EQ(parsed.error.kind, gw::ErrorKind::bad_request);
        EXPECT_EQ(parsed.error.param, c.param) << c.body;
        EXPECT_EQ(parsed.error.code, c.code) << c.body;
        EXPECT_FALSE(parsed.error.message.empty());
    }
}

TEST(ChatRequest, RefusesMoreThanItHasRoomFor)
{
    auto repeat = [](const std::string &one, std::size_t count) {
        std::string all = one;

        for (std::size_t i = 1; i < count; ++i) {
            all += "," + one;
        }

        return all;
    };

    const std::string message = R"({"role":"user"})";
    const std::string part = R"({"type":"text","text":"x"})";
    auto with_parts = [&](std::size_t count) {
        return R"({"role":"user","content":[)" + repeat(part, count) + "]}";
    };

    EXPECT_TRUE(Parsed(with_message(
        repeat(message, gw::openai::max_messages))).ok);
    EXPECT_EQ(Parsed(with_message(
        repeat(message, gw::openai::max_messages + 1))).error.param,
        "messages");

    EXPECT_TRUE(Parsed(with_message(
        with_parts(gw::openai::max_content_parts))).ok);
    EXPECT_FALSE(Parsed(with_message(
        with_parts(gw::openai::max_content_parts + 1))).ok);

    // The bound is of the request, not of a message.
    EXPECT_FALSE(Parsed(with_message(
        repeat(with_parts(gw::openai::max_content_parts / 2), 3))).ok);

    const std::string tool = R"({"type":"function","function":{"name":"f"}})";
    EXPECT_FALSE(Parsed(with("\"tools\":["
        + repeat(tool, gw::openai::max_tools + 1) + "]")).ok);
}

TEST(ChatRequest, RefusesAListThatStandsTwice)
{
    EXPECT_FALSE(Parsed(with(R"("messages":[])")).ok);
    EXPECT_FALSE(Parsed(with_message(
        R"({"role":"user","content":[],"content":[]})")).ok);
    EXPECT_FALSE(Parsed(with(R"("stop":["a"],"stop":["b"])")).ok);
}

}

#include "core/openai/completion_request.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace gw;

struct Parsed {
    explicit Parsed(std::string_view body)
        : arena(std::pmr::new_delete_resource()), text(body)
    {
        auto done = openai::parse(text, arena, request);

        if (!done) {
            error = done.error();
        }
    }

    std::vector<std::string> prompts()
    {
        std::vector<std::string> all;

        for (const json::String &prompt : request.prompts) {
            all.emplace_back(prompt.decode(arena));
        }

        return all;
    }

    Arena arena;
    std::string text;
    openai::CompletionRequest request;
    Error error;
};

TEST(OpenaiCompletionRequest, APromptIsAStringOrAnArray)
{
    using Prompts = std::vector<std::string>;

    EXPECT_EQ(Parsed(R"({"model":"m","prompt":"a\nb"})").prompts(),
        Prompts{"a\nb"});
    EXPECT_EQ(Parsed(R"({"model":"m","prompt":["a"]})").prompts(),
        Prompts{"a"});
    EXPECT_EQ(Parsed(R"({"prompt":["a","","b"],"model":"m"})").prompts(),
        (Prompts{"a", "", "b"}));
    EXPECT_EQ(Parsed(R"({"model":"m","prompt":""})").prompts(), Prompts{""});
}

TEST(OpenaiCompletionRequest, TheRestIsReadAsInAChat)
{
    Parsed parsed(R"({"model":"m","prompt":"a","stream":true,"n":2,"best_of":2,
        "stream_options":{"include_usage":true},"max_tokens":5,"stop":"x",
        "google":{"generation_config":{"temperature":0.5}},"suffix":"",
        "echo":true,"user":"me","logit_bias":{"50256":-100},"seed":7})");

    EXPECT_EQ(parsed.error.message, "");
    EXPECT_TRUE(parsed.request.chat.model.is("m"));
    EXPECT_EQ(parsed.request.chat.stream, true);
    EXPECT_EQ(parsed.request.chat.stream_options.include_usage, true);
    EXPECT_EQ(parsed.request.chat.max_tokens, 5);
    EXPECT_EQ(parsed.request.chat.n, 2);
    EXPECT_EQ(parsed.request.chat.stop.size(), 1u);
    EXPECT_EQ(parsed.request.chat.temperature->text, "0.5");
    EXPECT_EQ(parsed.request.echo, true);
    EXPECT_TRUE(parsed.request.chat.messages.empty());
}

TEST(OpenaiCompletionRequest, ANumberOfLogprobsIsChatsTwoFields)
{
    Parsed none(R"({"model":"m","prompt":"a","logprobs":0})");
    EXPECT_EQ(none.request.chat.logprobs, true);
    EXPECT_EQ(none.request.chat.top_logprobs, 0);

    Parsed some(R"({"model":"m","prompt":"a","logprobs":5})");
    EXPECT_EQ(some.request.chat.top_logprobs, 5);

    Parsed null(R"({"model":"m","prompt":"a","logprobs":null})");
    EXPECT_FALSE(null.request.chat.logprobs);
}

TEST(OpenaiCompletionRequest, ThinksLittleUnlessThinkingIsSpokenOf)
{
    auto effort = [](const std::string &more) {
        Parsed parsed(R"({"model":"m","prompt":"a")" + more + "}");
        EXPECT_EQ(parsed.error.message, "") << more;
        return std::string(parsed.request.chat.reasoning_effort.raw);
    };

    EXPECT_EQ(effort(""), "none");
    EXPECT_EQ(effort(R"(,"reasoning_effort":"high")"), "high");

    for (const char *more : {
             R"(,"reasoning":{"max_tokens":9})",
             R"(,"reasoning":{"enabled":true})",
             R"(,"reasoning":{"effort":"low"})",
             R"(,"thinking":{"budget_tokens":9})",
             R"(,"thinking":{"type":"enabled"})",
             R"(,"thinking_config":{"thinkingBudget":-1})",
             R"(,"google":{"thinking_config":{"thinking_level":"low"}})" })
    {
        EXPECT_EQ(effort(more), "") << more;
    }
}

TEST(OpenaiCompletionRequest, WhatCannotBeDoneIsRefused)
{
    struct Case {
        const char *members;
        const char *param;
        const char *code;
    };

    for (const Case &c : {
             Case{R"("prompt":"a","model":null)", "model",
                 "missing_required_parameter"},
             Case{R"("model":"m")", "prompt", "missing_required_parameter"},
             Case{R"("model":"m","prompt":null)", "prompt",
                 "missing_required_parameter"},
             Case{R"("model":"m","prompt":[])", "prompt", "invalid_value"},
             Case{R"("model":"m","prompt":[1,2])", "prompt", "invalid_type"},
             Case{R"("model":"m","prompt":[[1],[2]])", "prompt",
                 "invalid_type"},
             Case{R"("model":"m","prompt":["a",1])", "prompt",
                 "invalid_type"},
             Case{R"("model":"m","prompt":5)", "prompt", ""},
             Case{R"("model":"m","prompt":["a","b"],"stream":true)", "prompt",
                 "invalid_value"},
             Case{R"("model":"m","prompt":"a","suffix":"b")", "suffix",
                 "unsupported_parameter"},
             Case{R"("model":"m","prompt":"a","best_of":2)", "best_of",
                 "invalid_value"},
             Case{R"("model":"m","prompt":"a","n":2,"best_of":1)", "best_of",
                 "invalid_value"},
             Case{R"("model":"m","prompt":"a","logprobs":6)", "logprobs",
                 "invalid_value"},
             Case{R"("model":"m","prompt":"a","logprobs":-1)", "logprobs",
                 "invalid_value"},
             Case{R"("model":"m","prompt":"a","echo":1)", "echo", ""},
             Case{R"("model":"m","prompt":"a","n":9)", "n",
                 "invalid_value"} })
    {
        Parsed parsed("{" + std::string(c.members) + "}");

        EXPECT_EQ(parsed.error.kind, ErrorKind::bad_request) << c.members;
        EXPECT_EQ(parsed.error.param, c.param) << c.members;
        EXPECT_EQ(parsed.error.code, c.code) << c.members;
        EXPECT_NE(parsed.error.message, "") << c.members;
    }
}

TEST(OpenaiCompletionRequest, PromptsAreBounded)
{
    std::string prompts = "\"a\"";

    for (std::size_t i = 1; i < openai::max_prompts; ++i) {
        prompts += ",\"a\"";
    }

    auto body = [&] { return R"({"model":"m","prompt":[)" + prompts + "]}"; };

    EXPECT_EQ(Parsed(body()).prompts().size(), openai::max_prompts);

    prompts += ",\"a\"";
    EXPECT_EQ(Parsed(body()).error.param, "prompt");
    EXPECT_EQ(Parsed(R"({"model":"m","prompt":["a"],"prompt":["b"]})")
                  .error.param, "prompt");
}

}

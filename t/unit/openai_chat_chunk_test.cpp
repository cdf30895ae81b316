#include "core/openai/chat_chunk.hpp"

#include "chat_answer.hpp"

#include "core/base/output.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;

constexpr std::string_view head
    = "data: {\"id\":\"chatcmpl-x\",\"object\":\"chat.completion.chunk\","
      "\"created\":12,\"model\":\"a\\\"b\",\"choices\":[";

openai::ChunkWriter writer(bool include_usage)
{
    return {{"chatcmpl-x", 12, "a\\\"b"}, include_usage,
        std::pmr::new_delete_resource()};
}

TEST(ChatChunk, WritesWholeEvents)
{
    auto chunk = writer(false);
    StringOutput out;

    chunk.role(0, out);
    EXPECT_EQ(out.take(), std::string(head)
        + "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
          "\"logprobs\":null,\"finish_reason\":null}]}\n\n");

    chunk.begin_text(1, "content", out);
    out.append(std::string_view("x\\n"));
    chunk.end_text(out);
    EXPECT_EQ(out.take(), std::string(head)
        + "{\"index\":1,\"delta\":{\"content\":\"x\\n\"},"
          "\"logprobs\":null,\"finish_reason\":null}]}\n\n");

    chunk.finish(0, "stop", {}, {}, out);
    EXPECT_EQ(out.take(), std::string(head)
        + "{\"index\":0,\"delta\":{},\"logprobs\":null,"
          "\"finish_reason\":\"stop\"}]}\n\n");

    chunk.done(out);
    EXPECT_EQ(out.take(), "data: [DONE]\n\n");
}

TEST(ChatChunk, HasANullUsageUntilTheUsageChunk)
{
    auto chunk = writer(true);
    StringOutput out;

    chunk.role(0, out);
    chunk.finish(0, "length", "MAX_TOKENS", {}, out);
    chunk.usage({}, out);
    chunk.done(out);

    auto answer = test::read_stream(out.view(), true);
    EXPECT_EQ(answer.problem, "");
    EXPECT_EQ(answer.model, "a\"b");
    EXPECT_EQ(answer.prompt_tokens, 0);
    EXPECT_EQ(answer.choices.at(0).finish_reason, "length");
    EXPECT_EQ(answer.choices.at(0).native_finish_reason, "MAX_TOKENS");
    EXPECT_TRUE(answer.done);
}

TEST(ChatChunk, TakesHeadsOfAnyLength)
{
    std::string model(5000, 'm');
    openai::ChunkWriter chunk({"i", 9999999999, model}, false,
        std::pmr::new_delete_resource());
    StringOutput out;

    chunk.role(0, out);
    chunk.finish(0, "stop", {}, {}, out);
    chunk.done(out);

    auto answer = test::read_stream(out.view(), false);
    EXPECT_EQ(answer.problem, "");
    EXPECT_EQ(answer.model, model);
}

}

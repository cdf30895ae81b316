#include "core/gemini/generate_reply.hpp"

#include "core/base/arena.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>
#include <string_view>

namespace {

using namespace gw;

class GenerateReply : public testing::Test {
protected:
    gemini::GenerateReply parse(std::string_view text)
    {
        gemini::GenerateReply reply;
        EXPECT_TRUE(gemini::parse(text, arena_, reply)) << text;
        return reply;
    }

    bool is_refused(std::string_view text)
    {
        gemini::GenerateReply reply;
        auto parsed = gemini::parse(text, arena_, reply);

        return !parsed && parsed.error().kind == ErrorKind::upstream_failed
               && !parsed.error().message.empty();
    }

    Arena arena_{std::pmr::new_delete_resource()};
};

TEST_F(GenerateReply, ReadsEveryMember)
{
    auto reply = parse(R"({
        "candidates": [{
            "index": 2,
            "content": {"role": "model", "parts": [
                {"text": "a\n", "thought": true, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "i", "name": "f", "args": {"x": 1}}},
                {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
                {"executableCode": {"language": "PYTHON", "code": "1"}},
                {"codeExecutionResult": {"outcome": "OUTCOME_OK",
                    "output": "2"}},
                {"somethingNew": {"text": "no"}}]},
            "finishReason": "STOP",
            "finishMessage": "done",
            "groundingMetadata": {"a": 1},
            "citationMetadata": {"b": 2},
            "urlContextMetadata": {"c": 3},
            "logprobsResult": {"d": 4}}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2,
            "thoughtsTokenCount": 3, "toolUsePromptTokenCount": 4,
            "cachedContentTokenCount": 5, "totalTokenCount": 6,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9},
                {"modality": "AUDIO", "tokenCount": 7}],
            "candidatesTokensDetails": [{"modality": "AUDIO",
                "tokenCount": 8}]},
        "promptFeedback": {"blockReason": "SAFETY",
            "blockReasonMessage": "m"},
        "modelVersion": "v", "responseId": "r"})");

    ASSERT_EQ(reply.candidates.size(), 1u);
    const auto &candidate = reply.candidates.front();

    EXPECT_EQ(candidate.index, 2);
    EXPECT_TRUE(candidate.finish_reason.is("STOP"));
    EXPECT_TRUE(candidate.finish_message.is("done"));
    EXPECT_EQ(candidate.grounding_metadata.text, "{\"a\": 1}");
    EXPECT_EQ(candidate.citation_metadata.text, "{\"b\": 2}");
    EXPECT_EQ(candidate.url_context_metadata.text, "{\"c\": 3}");
    EXPECT_EQ(candidate.logprobs_result.text, "{\"d\": 4}");

    ASSERT_EQ(candidate.content.parts.size(), 6u);
    auto part = candidate.content.parts.begin();

    EXPECT_EQ(part->text->raw, "a\\n");
    EXPECT_TRUE(part->text->escaped);
    EXPECT_TRUE(part->thought);
    EXPECT_TRUE(part->thought_signature.is("c2ln"));
    ++part;
    EXPECT_TRUE(part->function_call->id.is("i"));
    EXPECT_TRUE(part->function_call->name.is("f"));
    EXPECT_EQ(part->function_call->args.text, "{\"x\": 1}");
    EXPECT_FALSE(part->text);
    ++part;
    EXPECT_TRUE(part->inline_data->mime_type.is("image/png"));
    EXPECT_TRUE(part->inline_data->data.is("AA=="));
    ++part;
    EXPECT_TRUE(part->executable_code->language.is("PYTHON"));
    EXPECT_TRUE(part->executable_code->code.is("1"));
    ++part;
    EXPECT_TRUE(part->code_execution_result->outcome.is("OUTCOME_OK"));
    EXPECT_TRUE(part->code_execution_result->output.is("2"));
    ++part;
    EXPECT_FALSE(part->text);

    EXPECT_EQ(reply.usage->prompt_token_count, 1);
    EXPECT_EQ(reply.usage->candidates_token_count, 2);
    EXPECT_EQ(reply.usage->thoughts_token_count, 3);
    EXPECT_EQ(reply.usage->tool_use_prompt_token_count, 4);
    EXPECT_EQ(reply.usage->cached_content_token_count, 5);
    EXPECT_EQ(reply.usage->total_token_count, 6);
    EXPECT_EQ(reply.usage->prompt_audio_tokens, 7);
    EXPECT_EQ(reply.usage->candidates_audio_tokens, 8);
    EXPECT_TRUE(reply.prompt_feedback->block_reason.is("SAFETY"));
    EXPECT_TRUE(reply.prompt_feedback->block_reason_message.is("m"));
    EXPECT_TRUE(reply.model_version.is("v"));
    EXPECT_TRUE(reply.response_id.is("r"));
    EXPECT_FALSE(reply.error.present());
}

TEST_F(GenerateReply, TakesAWrongTypeForAbsent)
{
    auto reply = parse(R"({"candidates": [{"index": 1.5, "content": 3,
        "finishReason": {}}, 5, {"content": {"parts": {}}},
        {"content": {"parts": [{"text": 1, "functionCall": "x",
            "thought": "yes"}]}}],
        "usageMetadata": {"promptTokenCount": "12", "totalTokenCount": 1.5,
            "promptTokensDetails": [3, {"modality": 3}]},
        "promptFeedback": null, "error": null})");

    ASSERT_EQ(reply.candidates.size(), 3u);
    EXPECT_EQ(reply.candidates.front().index, 0);
    EXPECT_TRUE(reply.candidates.front().finish_reason.empty());

    const auto &part = reply.candidates.back().content.parts.front();
    EXPECT_FALSE(part.text);
    EXPECT_FALSE(part.function_call);
    EXPECT_FALSE(part.thought);

    EXPECT_EQ(reply.usage->prompt_token_count, 12);
    EXPECT_EQ(reply.usage->total_token_count, std::nullopt);
    EXPECT_FALSE(reply.prompt_feedback);
    EXPECT_FALSE(reply.error.present());
}

TEST_F(GenerateReply, KeepsEnumsThatCameAsIntegers)
{
    auto reply = parse(R"({"candidates": [{"finishReason": 1}],
        "promptFeedback": {"blockReason": 2}})");

    EXPECT_TRUE(reply.candidates.front().finish_reason.is("1"));
    EXPECT_TRUE(reply.prompt_feedback->block_reason.is("2"));
}

TEST_F(GenerateReply, FindsAnErrorObject)
{
    EXPECT_TRUE(parse(R"({"error": {"code": 503}})").error.present());
}

TEST_F(GenerateReply, RefusesWhatIsNoJsonObject)
{
    for (std::string_view text : {"", " ", "[]", "\"x\"", "{", "{}}",
             "<html>", "{\"a\":}", "null"})
    {
        EXPECT_TRUE(is_refused(text)) << text;
    }

    EXPECT_TRUE(is_refused("{\"a\":\"\xff\"}"));
    EXPECT_TRUE(is_refused("{\"a\":" + std::string(100, '[')
                           + std::string(100, ']') + "}"));
}

}

#include "core/gemini/usage.hpp"

#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace {

using namespace gw::gemini;

UsageMetadata counts(std::int64_t prompt, std::int64_t candidates,
    std::int64_t thoughts, std::int64_t total)
{
    UsageMetadata metadata;
    metadata.prompt_token_count = prompt;
    metadata.candidates_token_count = candidates;
    metadata.thoughts_token_count = thoughts;
    metadata.total_token_count = total;
    return metadata;
}

TEST(GeminiUsage, ThoughtsAreCompletionTokens)
{
    Usage usage = usage_of(counts(20, 151, 382, 553));

    EXPECT_EQ(usage.prompt_tokens, 20);
    EXPECT_EQ(usage.completion_tokens, 533);
    EXPECT_EQ(usage.reasoning_tokens, 382);
    EXPECT_EQ(usage.total_tokens(), 553);
}

TEST(GeminiUsage, CachedTokensArePartOfThePrompt)
{
    UsageMetadata metadata = counts(1000, 10, 0, 1010);
    metadata.cached_content_token_count = 900;
    metadata.prompt_audio_tokens = 40;
    metadata.candidates_audio_tokens = 4;
    Usage usage = usage_of(metadata);

    EXPECT_EQ(usage.prompt_tokens, 1000);
    EXPECT_EQ(usage.cached_tokens, 900);
    EXPECT_EQ(usage.prompt_audio_tokens, 40);
    EXPECT_EQ(usage.completion_audio_tokens, 4);
    EXPECT_EQ(usage.total_tokens(), 1010);
}

TEST(GeminiUsage, ToolUseIsPrompt)
{
    UsageMetadata metadata = counts(30, 5, 7, 142);
    metadata.tool_use_prompt_token_count = 100;

    EXPECT_EQ(usage_of(metadata).prompt_tokens, 130);
    EXPECT_EQ(usage_of(metadata).completion_tokens, 12);
}

TEST(GeminiUsage, ThoughtsCountedAmongCandidatesAreNotCountedTwice)
{
    Usage usage = usage_of(counts(10, 100, 60, 110));

    EXPECT_EQ(usage.completion_tokens, 100);
    EXPECT_EQ(usage.reasoning_tokens, 60);
    EXPECT_EQ(usage.total_tokens(), 110);
}

TEST(GeminiUsage, MissingCandidatesAreTheRestOfTheTotal)
{
    UsageMetadata metadata;
    metadata.prompt_token_count = 8;
    metadata.total_token_count = 50;
    EXPECT_EQ(usage_of(metadata).completion_tokens, 42);

    metadata.thoughts_token_count = 42;
    EXPECT_EQ(usage_of(metadata).completion_tokens, 42);
    EXPECT_EQ(usage_of(metadata).reasoning_tokens, 42);

    metadata.tool_use_prompt_token_count = 2;
    metadata.thoughts_token_count.reset();
    EXPECT_EQ(usage_of(metadata).completion_tokens, 40);

    metadata.total_token_count.reset();
    EXPECT_EQ(usage_of(metadata).completion_tokens, 0);
}

TEST(GeminiUsage, NothingReportedIsZero)
{
    Usage usage = usage_of({});

    EXPECT_EQ(usage.total_tokens(), 0);
    EXPECT_EQ(usage.cached_tokens, 0);
}

TEST(GeminiUsage, NonsenseStaysWithinItsSums)
{
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    constexpr auto least = std::numeric_limits<std::int64_t>::min();

    for (std::int64_t value : {most, least, std::int64_t{-1}}) {
        UsageMetadata metadata = counts(value, value, value, value);
        metadata.tool_use_prompt_token_count = value;
        metadata.cached_content_token_count = value;
        metadata.prompt_audio_tokens = value;
        metadata.candidates_audio_tokens = value;
        Usage usage = usage_of(metadata);

        EXPECT_GE(usage.prompt_tokens, 0);
        EXPECT_GE(usage.completion_tokens, 0);
        EXPECT_GE(usage.total_tokens(), 0);
        EXPECT_LE(usage.cached_tokens, usage.prompt_tokens);
        EXPECT_LE(usage.reasoning_tokens, usage.completion_tokens);
        EXPECT_LE(usage.prompt_audio_tokens, usage.prompt_tokens);
    }
}

TEST(GeminiUsage, LaterSnapshotsReplaceFieldByField)
{
    UsageMetadata metadata = counts(2304, 1, 5, 2310);

    UsageMetadata later;
    later.prompt_token_count = 2301;
    later.total_token_count = 2400;
    metadata.update(later);
    metadata.update({});

    EXPECT_EQ(metadata.prompt_token_count, 2301);
    EXPECT_EQ(metadata.candidates_token_count, 1);
    EXPECT_EQ(metadata.thoughts_token_count, 5);
    EXPECT_EQ(metadata.total_token_count, 2400);
}

}

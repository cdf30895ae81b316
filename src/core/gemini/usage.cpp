// Counts: which snapshot holds, and what the sums are.
#include "core/gemini/usage.hpp"

#include <algorithm>

namespace gw::gemini {

namespace {

// No count of upstream's is near it; sums of a few of them do not overflow.
constexpr std::int64_t max_count = std::int64_t{1} << 48;

std::int64_t count(const std::optional<std::int64_t> &value)
{
    return std::clamp(value.value_or(0), std::int64_t{0}, max_count);
}

void take_over(std::optional<std::int64_t> &mine,
    const std::optional<std::int64_t> &later)
{
    if (later) {
        mine = later;
    }
}

void take_over(std::int64_t &mine, std::int64_t later)
{
    if (later > 0) {
        mine = later;
    }
}

}

void UsageMetadata::update(const UsageMetadata &later)
{
    take_over(prompt_token_count, later.prompt_token_count);
    take_over(candidates_token_count, later.candidates_token_count);
    take_over(thoughts_token_count, later.thoughts_token_count);
    take_over(tool_use_prompt_token_count, later.tool_use_prompt_token_count);
    take_over(cached_content_token_count, later.cached_content_token_count);
    take_over(total_token_count, later.total_token_count);
    take_over(prompt_audio_tokens, later.prompt_audio_tokens);
    take_over(candidates_audio_tokens, later.candidates_audio_tokens);
}

void Usage::add(const Usage &other)
{
    prompt_tokens += other.prompt_tokens;
    completion_tokens += other.completion_tokens;
    reasoning_tokens += other.reasoning_tokens;
    cached_tokens += other.cached_tokens;
    prompt_audio_tokens += other.prompt_audio_tokens;
    completion_audio_tokens += other.completion_audio_tokens;
}

Usage usage_of(const UsageMetadata &metadata)
{
    std::int64_t prompt = count(metadata.prompt_token_count);
    std::int64_t tool_use = count(metadata.tool_use_prompt_token_count);
    std::int64_t candidates = count(metadata.candidates_token_count);
    std::int64_t thoughts = count(metadata.thoughts_token_count);
    std::int64_t total = count(metadata.total_token_count);

    // Cached tokens are part of the prompt's already.
    Usage usage;
    usage.prompt_tokens = prompt + tool_use;
    usage.completion_tokens = candidates + thoughts;
    usage.reasoning_tokens = thoughts;
    usage.cached_tokens = count(metadata.cached_content_token_count);

    if (!metadata.candidates_token_count) {
        // Upstream left it out, but gave the sum. Where nothing remains for
        // the candidates the thoughts still count.
        usage.completion_tokens = std::max(thoughts,
            total - usage.prompt_tokens);

    } else if (thoughts > 0 && total > 0
               && (prompt + candidates == total
                   || usage.prompt_tokens + candidates == total))
    {
        // Early previews of 2.5 counted the thoughts among the candidates.
        usage.completion_tokens = candidates;
    }

    // Details are parts of their sums, whatever upstream says.
    usage.cached_tokens = std::min(usage.cached_tokens, usage.prompt_tokens);
    usage.reasoning_tokens = std::min(usage.reasoning_tokens,
        usage.completion_tokens);
    usage.prompt_audio_tokens = std::clamp(metadata.prompt_audio_tokens,
        std::int64_t{0}, usage.prompt_tokens);
    usage.completion_audio_tokens = std::clamp(
        metadata.candidates_audio_tokens, std::int64_t{0},
        usage.completion_tokens);

    return usage;
}

}

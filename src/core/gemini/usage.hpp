// Token counts as upstream reports them, and what they mean in OpenAI's terms.
// Source: reference/chat-response.md section 5.
#pragma once

#include <cstdint>
#include <optional>

namespace gw::gemini {

/// Cumulative snapshots: in a stream nearly every event repeats them, some
/// with fields left out.
struct UsageMetadata {
    std::optional<std::int64_t> prompt_token_count;
    std::optional<std::int64_t> candidates_token_count;
    std::optional<std::int64_t> thoughts_token_count;
    std::optional<std::int64_t> tool_use_prompt_token_count;
    std::optional<std::int64_t> cached_content_token_count;
    std::optional<std::int64_t> total_token_count;
    // prompt and candidates details by modality
    std::int64_t prompt_audio_tokens = 0;
    std::int64_t candidates_audio_tokens = 0;

    /// Takes over every field the later snapshot has.
    void update(const UsageMetadata &later);
};

struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t reasoning_tokens = 0;
    std::int64_t cached_tokens = 0;
    std::int64_t prompt_audio_tokens = 0;
    std::int64_t completion_audio_tokens = 0;

    std::int64_t total_tokens() const
    {
        return prompt_tokens + completion_tokens;
    }

    /// Of another call for the same answer.
    void add(const Usage &other);
};

Usage usage_of(const UsageMetadata &metadata);

}

// The body of POST /v1/completions, which is older than chats: prompts instead
// of a conversation. All else is a chat request's.
// Source: reference/endpoints.md section 8.
#pragma once

#include "core/openai/chat_request.hpp"

#include <cstddef>

namespace gw::openai {

/// Each is a call of its own upstream.
constexpr std::size_t max_prompts = 128;

struct CompletionRequest {
    /// Without messages. logprobs has become chat's two members.
    ChatRequest chat;
    List<json::String> prompts;         // a string or an array
    bool has_prompt = false;
    std::optional<bool> echo;
    std::optional<std::int64_t> best_of;
    std::optional<std::int64_t> logprobs;
    json::String suffix;
};

/// As strict as parse() of a chat request. There is at least one prompt, and
/// only one where the answer is streamed. What Gemini cannot do is refused:
/// tokens as a prompt, a suffix, a best_of that is not n. Unless the request
/// says something of thinking there is to be as little as the model can:
/// nobody sees it here.
Result<void> parse(std::string_view text, Arena &arena,
    CompletionRequest &request);

}

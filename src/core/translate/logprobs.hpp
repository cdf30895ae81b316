// logprobsResult -> logprobs.
// Source: reference/chat-response.md section 7.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"

#include <cstdint>
#include <string_view>

namespace gw::translate {

/// Whether there is a token in it.
bool has_logprobs(const json::Raw &result, Arena &arena);

/// The value of "logprobs": null when there is no token. Tokens are read and
/// written one by one, so their number costs no memory.
void write_logprobs(const json::Raw &result, Arena &arena,
    json::Writer &writer);

/// The same in the form of text completions. offset: characters of the text
/// before these tokens; afterwards, also behind them.
void write_text_logprobs(const json::Raw &result, std::int64_t &offset,
    Arena &arena, json::Writer &writer);

/// As clients count them: code points.
std::int64_t characters(std::string_view text);

}

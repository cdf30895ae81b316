// logprobsResult -> logprobs.
// Source: reference/chat-response.md section 7.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"

namespace gw::translate {

/// Whether there is a token in it.
bool has_logprobs(const json::Raw &result, Arena &arena);

/// The value of "logprobs": null when there is no token. Tokens are read and
/// written one by one, so their number costs no memory.
void write_logprobs(const json::Raw &result, Arena &arena,
    json::Writer &writer);

}

// Embeddings as upstream sends them, whichever way it was asked.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/result.hpp"
#include "core/json/value.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::gemini {

/// One vector: the array of its values as it stood. Absent when there was
/// none; of whatever type upstream sent.
struct Embedding {
    json::Raw values;
};

struct EmbedReply {
    List<Embedding> embeddings;     // in the order of the request's entries
    std::optional<std::int64_t> prompt_tokens;
    json::Raw error;                // set: the answer is an error object
};

/// Lenient, as parse of a GenerateReply.
Result<void> parse(std::string_view text, Arena &arena,
    EmbedReply &reply);

}

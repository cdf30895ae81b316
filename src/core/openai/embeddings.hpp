// OpenAI's embeddings: the request as a client sends it, and the frame of the
// answer. Source: reference/endpoints.md sections 1.1 and 1.4.
#pragma once

#include "core/base/arena.hpp"
#include "core/base/list.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::openai {

/// OpenAI's own bound.
constexpr std::size_t max_inputs = 2048;

enum class EncodingFormat : std::uint8_t {
    numbers,                        // "float"
    base64                          // little-endian float32, in sequence
};

/// Strings are slices of the request.
struct EmbeddingsRequest {
    json::String model;
    List<json::String> input;       // of parse(): at least one, none empty
    bool has_input = false;
    bool one_string = false;        // "input" was no array
    std::optional<std::int64_t> dimensions;
    json::String encoding_format;
    /// Gemini's own, where clients write it; google.* comes last and holds.
    json::String task_type;
    json::String title;

    EncodingFormat encoding() const
    {
        return encoding_format.is("base64") ? EncodingFormat::base64
                                            : EncodingFormat::numbers;
    }
};

/// Errors (bad_request) are the client's: their param is OpenAI's, and which
/// input is meant stands in the message.
Result<void> parse(std::string_view text, Arena &arena,
    EmbeddingsRequest &request);

/// How many dimensions the model of that name has at OpenAI: clients that ask
/// by it have stores made for as many. nullopt: it is none of theirs.
std::optional<std::int64_t> dimensions_of(std::string_view model);

// The answer: begin_embeddings, for each vector begin_embedding, the value and
// end_embedding, then end_embeddings.

/// model: as the client wrote it, escapes and all.
void begin_embeddings(Output &out);
void begin_embedding(std::size_t index, Output &out);
void end_embedding(Output &out);
void end_embeddings(std::string_view model, std::int64_t tokens, Output &out);

}

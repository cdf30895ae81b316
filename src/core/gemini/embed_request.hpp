// The requests for embeddings as we write them: one entry for each text, never
// several texts in one content, which newer models fuse into one vector.
// Source: reference/endpoints.md sections 1.2 to 1.4.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/api.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::gemini {

/// The most entries that one call takes, whichever it is.
constexpr std::size_t max_batch = 250;

/// How upstream is asked for the embeddings of a model.
enum class EmbedCall : std::uint8_t {
    batch,              // :batchEmbedContents, of the Gemini API
    single,             // :embedContent, Vertex' for newer models
    predict             // :predict, Vertex' for older ones
};

EmbedCall embed_call(std::string_view model, Api api);

/// The most texts of one call: upstream refuses more.
std::size_t max_texts(std::string_view model, Api api);

struct EmbedRequest {
    std::string_view model;             // valid_model()
    Api api = Api::gemini;
    const json::String *texts = nullptr;
    std::size_t count = 0;              // of texts, at most max_texts()
    std::string_view task_type;         // empty: not sent
    json::String title;                 // empty: not sent
    std::optional<std::int64_t> output_dimensionality;
};

/// Long texts are given to Output::append_lasting.
void write(const EmbedRequest &request, Output &out);

/// As estimate_tokens of a GenerateRequest.
std::int64_t estimate_tokens(const EmbedRequest &request);

/// Upstream's spelling of a task type, whatever the case; empty: there is no
/// such task.
std::string_view task_type(std::string_view name);

/// The one task that takes a title.
constexpr std::string_view task_with_title = "RETRIEVAL_DOCUMENT";

}

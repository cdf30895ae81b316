// BatchEmbedContentsRequest as we write it: one entry for each text, never
// several texts in one content, which newer models fuse into one vector.
// Source: reference/endpoints.md sections 1.2 and 1.3.
#pragma once

#include "core/base/output.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::gemini {

/// More entries than this upstream refuses.
constexpr std::size_t max_batch = 100;

struct BatchEmbedRequest {
    std::string_view model;             // valid_model()
    const json::String *texts = nullptr;
    std::size_t count = 0;              // of texts, at most max_batch
    std::string_view task_type;         // empty: not sent
    json::String title;                 // empty: not sent
    std::optional<std::int64_t> output_dimensionality;
};

/// Long texts are given to Output::append_lasting.
void write(const BatchEmbedRequest &request, Output &out);

/// As estimate_tokens of a GenerateRequest.
std::int64_t estimate_tokens(const BatchEmbedRequest &request);

/// Upstream's spelling of a task type, whatever the case; empty: there is no
/// such task.
std::string_view task_type(std::string_view name);

/// The one task that takes a title.
constexpr std::string_view task_with_title = "RETRIEVAL_DOCUMENT";

}

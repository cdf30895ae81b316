// What a client asks for, whatever its dialect: for variables and metrics.
#pragma once

#include <cstdint>
#include <string_view>

namespace gw {

/// The numbers stand in the zone, with the metrics: new ones go to the end.
enum class Operation : std::uint8_t {
    chat_completions,
    models,
    model,
    embeddings,
    completions,
    generate_content,
    stream_generate_content,
    count_tokens,
    embed_content,
    batch_embed_contents,
    predict,
    cached_contents,
    files,
    upload,
    download,
    batches,
    operations,
    batch_generate_content,
    async_batch_embed_content,
    predict_long_running,
    compute_tokens,
    fetch_predict_operation
};

/// "chat_completions"; of Gemini's own API the method as Google writes it,
/// "generateContent".
std::string_view name_of(Operation operation);

}

// The names of operations.
#include "core/base/operation.hpp"

namespace gw {

std::string_view name_of(Operation operation)
{
    switch (operation) {

    case Operation::chat_completions:
        return "chat_completions";

    case Operation::models:
        return "models";

    case Operation::model:
        return "model";

    case Operation::embeddings:
        return "embeddings";

    case Operation::completions:
        return "completions";

    case Operation::generate_content:
        return "generateContent";

    case Operation::stream_generate_content:
        return "streamGenerateContent";

    case Operation::count_tokens:
        return "countTokens";

    case Operation::embed_content:
        return "embedContent";

    case Operation::batch_embed_contents:
        return "batchEmbedContents";

    case Operation::predict:
        return "predict";

    case Operation::cached_contents:
        return "cachedContents";

    case Operation::files:
        return "files";

    case Operation::upload:
        return "upload";

    case Operation::download:
        return "download";

    case Operation::batches:
        return "batches";

    case Operation::operations:
        return "operations";

    case Operation::batch_generate_content:
        return "batchGenerateContent";

    case Operation::async_batch_embed_content:
        return "asyncBatchEmbedContent";

    case Operation::predict_long_running:
        return "predictLongRunning";

    case Operation::compute_tokens:
        return "computeTokens";

    case Operation::fetch_predict_operation:
        return "fetchPredictOperation";
    }

    return {};
}

}

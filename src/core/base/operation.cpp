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
    }

    return {};
}

}

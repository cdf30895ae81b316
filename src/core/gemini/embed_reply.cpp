#include "core/gemini/embed_reply.hpp"

#include "core/json/reader.hpp"

namespace gw::gemini {

namespace {

// No count of upstream's is near it; sums of a few of them do not overflow.
constexpr std::int64_t max_count = std::int64_t{1} << 48;

constexpr json::Field embedding_fields[] = {
    json::raw<&Embedding::values>("values")
};
constexpr json::Shape embedding_shape{embedding_fields};

/// What is no count is as if absent.
constexpr json::Field prompt_tokens_field = [] {
    json::Field field;
    field.name = "promptTokenCount";
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        auto number = json::Number{value.string.raw}.integer();

        if (number && *number >= 0 && *number <= max_count) {
            static_cast<BatchEmbedReply *>(object)->prompt_tokens = number;
        }
    };
    return field;
}();

constexpr json::Field usage_fields[] = {prompt_tokens_field};
constexpr json::Shape usage_shape{usage_fields};

constexpr json::Field usage_field = [] {
    json::Field field;
    field.name = "usageMetadata";
    field.open_object = [](json::Reader &, void *reply) -> json::Frame {
        return {&usage_shape, reply};
    };
    return field;
}();

constexpr json::Field reply_fields[] = {
    json::list<&BatchEmbedReply::embeddings, Embedding, embedding_shape>(
        "embeddings"),
    usage_field,
    json::raw<&BatchEmbedReply::error>("error")
};
constexpr json::Shape reply_shape{reply_fields};

}

Result<void> parse(std::string_view text, Arena &arena,
    BatchEmbedReply &reply)
{
    if (json::read(text, reply_shape, reply, arena,
            json::Strictness::lenient))
    {
        return {};
    }

    Error error;
    error.kind = ErrorKind::upstream_failed;
    error.message = "The upstream's answer cannot be read.";
    return error;
}

}

#include "core/gemini/embed_reply.hpp"

#include "core/json/reader.hpp"

#include <algorithm>

namespace gw::gemini {

namespace {

// No count of upstream's is near it; sums of a few of them do not overflow.
constexpr std::int64_t max_count = std::int64_t{1} << 48;

constexpr json::Field embedding_fields[] = {
    json::raw<&Embedding::values>("values")
};
constexpr json::Shape embedding_shape{embedding_fields};

std::optional<std::int64_t> count_in(const json::Scalar &value)
{
    auto number = json::Number{value.string.raw}.integer();

    return number && *number >= 0 && *number <= max_count ? number
                                                          : std::nullopt;
}

/// What is no count is as if absent.
constexpr json::Field prompt_tokens_field = [] {
    json::Field field;
    field.name = "promptTokenCount";
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        if (auto count = count_in(value)) {
            static_cast<EmbedReply *>(object)->prompt_tokens = count;
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

constexpr json::Field single_field = [] {
    json::Field field;
    field.name = "embedding";
    field.open_object = [](json::Reader &reader,
                            void *object) -> json::Frame {
        auto *reply = static_cast<EmbedReply *>(object);
        return {&embedding_shape, &reply->embeddings.push(reader.arena())};
    };
    return field;
}();

// Of Vertex' :predict: each prediction has its vector and counts it.

constexpr json::Field token_count_field = [] {
    json::Field field;
    field.name = "token_count";
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        if (auto count = count_in(value)) {
            auto &tokens = static_cast<EmbedReply *>(object)->prompt_tokens;
            tokens = std::min(tokens.value_or(0) + *count, max_count);
        }
    };
    return field;
}();

constexpr json::Field statistics_fields[] = {token_count_field};
constexpr json::Shape statistics_shape{statistics_fields};

constexpr json::Field predicted_values_field = [] {
    json::Field field;
    field.name = "values";
    field.raw = [](json::Reader &, void *object, const json::Raw &value) {
        static_cast<EmbedReply *>(object)->embeddings.back().values = value;
    };
    return field;
}();

constexpr json::Field statistics_field = [] {
    json::Field field;
    field.name = "statistics";
    field.open_object = [](json::Reader &, void *reply) -> json::Frame {
        return {&statistics_shape, reply};
    };
    return field;
}();

constexpr json::Field vector_fields[] = {
    predicted_values_field, statistics_field
};
constexpr json::Shape vector_shape{vector_fields};

constexpr json::Field vector_field = [] {
    json::Field field;
    field.name = "embeddings";
    field.open_object = [](json::Reader &, void *reply) -> json::Frame {
        return {&vector_shape, reply};
    };
    return field;
}();

constexpr json::Field prediction_fields[] = {vector_field};
constexpr json::Shape prediction_shape{prediction_fields};

constexpr json::Field prediction_field = [] {
    json::Field field;
    field.open_object = [](json::Reader &reader,
                            void *object) -> json::Frame {
        auto *reply = static_cast<EmbedReply *>(object);
        reply->embeddings.push(reader.arena());
        return {&prediction_shape, reply};
    };
    return field;
}();

constexpr json::Shape predictions_shape
    = json::Shape::array_of(prediction_field);

constexpr json::Field predictions_field = [] {
    json::Field field;
    field.name = "predictions";
    field.open_array = [](json::Reader &, void *reply) -> json::Frame {
        return {&predictions_shape, reply};
    };
    return field;
}();

constexpr json::Field reply_fields[] = {
    json::list<&EmbedReply::embeddings, Embedding, embedding_shape>(
        "embeddings"),
    single_field,
    predictions_field,
    usage_field,
    json::raw<&EmbedReply::error>("error")
};
constexpr json::Shape reply_shape{reply_fields};

}

Result<void> parse(std::string_view text, Arena &arena,
    EmbedReply &reply)
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

#include "core/gemini/generate_reply.hpp"

#include "core/json/reader.hpp"

namespace gw::gemini {

namespace {

/// Far above any count of tokens, far below where sums of counts overflow.
constexpr std::int64_t max_count = std::int64_t{1} << 40;

/// A few digits, which all counts are but those of a strange backend.
std::optional<std::int64_t> integer_of(std::string_view text)
{
    constexpr std::size_t many = 16;
    std::int64_t value = 0;

    if (text.empty() || text.size() > many) {
        return json::Number{text}.integer();
    }

    for (char c : text) {
        if (c < '0' || c > '9') {
            return json::Number{text}.integer();
        }

        value = value * 10 + (c - '0');
    }

    return value;
}

/// Counts and indexes. Proto JSON may put an integer into a string, and what
/// is no number of this kind is as if absent: an answer is not refused for its
/// counters.
template <auto Member>
constexpr json::Field count(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.takes_string = true;
    field.takes_number = true;
    field.scalar = [](json::Reader &, void *object,
                       const json::Scalar &value) {
        auto parsed = integer_of(value.string.raw);

        if (parsed && *parsed >= 0 && *parsed <= max_count) {
            json::member<Member>(object) = *parsed;
        }
    };
    return field;
}

/// An enum, by name or, from a backend asked for enum-encoding=int, by number
/// (reference/pitfalls.md B8).
template <auto Member>
constexpr json::Field enumeration(std::string_view name)
{
    json::Field field = json::string<Member>(name);
    field.takes_number = true;
    return field;
}

constexpr json::Field function_call_fields[] = {
    json::string<&ReplyFunctionCall::id>("id"),
    json::string<&ReplyFunctionCall::name>("name"),
    json::raw<&ReplyFunctionCall::args>("args"),
};
constexpr json::Shape function_call_shape{function_call_fields};

constexpr json::Field blob_fields[] = {
    json::string<&ReplyBlob::mime_type>("mimeType"),
    json::string<&ReplyBlob::data>("data"),
};
constexpr json::Shape blob_shape{blob_fields};

constexpr json::Field code_fields[] = {
    enumeration<&ExecutableCode::language>("language"),
    json::string<&ExecutableCode::code>("code"),
};
constexpr json::Shape code_shape{code_fields};

constexpr json::Field code_result_fields[] = {
    enumeration<&CodeExecutionResult::outcome>("outcome"),
    json::string<&CodeExecutionResult::output>("output"),
};
constexpr json::Shape code_result_shape{code_result_fields};

constexpr json::Field part_fields[] = {
    json::string<&ReplyPart::text>("text"),
    json::boolean<&ReplyPart::thought>("thought"),
    json::string<&ReplyPart::thought_signature>("thoughtSignature"),
    json::object<&ReplyPart::function_call, function_call_shape>(
        "functionCall"),
    json::object<&ReplyPart::inline_data, blob_shape>("inlineData"),
    json::object<&ReplyPart::executable_code, code_shape>("executableCode"),
    json::object<&ReplyPart::code_execution_result, code_result_shape>(
        "codeExecutionResult"),
};
constexpr json::Shape part_shape{part_fields};

constexpr json::Field content_fields[] = {
    json::list<&ReplyContent::parts, ReplyPart, part_shape>("parts"),
};
constexpr json::Shape content_shape{content_fields};

constexpr json::Field candidate_fields[] = {
    json::object<&Candidate::content, content_shape>("content"),
    enumeration<&Candidate::finish_reason>("finishReason"),
    count<&Candidate::index>("index"),
    json::string<&Candidate::finish_message>("finishMessage"),
    json::string<&Candidate::continuation_token>("continuationToken"),
    json::raw<&Candidate::grounding_metadata>("groundingMetadata"),
    json::raw<&Candidate::citation_metadata>("citationMetadata"),
    json::raw<&Candidate::url_context_metadata>("urlContextMetadata"),
    json::raw<&Candidate::logprobs_result>("logprobsResult"),
};
constexpr json::Shape candidate_shape{candidate_fields};

constexpr json::Field feedback_fields[] = {
    enumeration<&PromptFeedback::block_reason>("blockReason"),
    json::string<&PromptFeedback::block_reason_message>(
        "blockReasonMessage"),
};
constexpr json::Shape feedback_shape{feedback_fields};

/// One element of promptTokensDetails or candidatesTokensDetails. Only the
/// audio ones have a place in OpenAI's usage.
struct ModalityCount {
    json::String modality;
    std::int64_t tokens = 0;
    std::int64_t *audio_total = nullptr;
};

constexpr json::Field modality_fields[] = {
    json::string<&ModalityCount::modality>("modality"),
    count<&ModalityCount::tokens>("tokenCount"),
};
constexpr json::Shape modality_shape{modality_fields,
    [](json::Reader &, void *target) {
        const auto *count = static_cast<const ModalityCount *>(target);

        if (count->modality.is("AUDIO")) {
            *count->audio_total = count->tokens;
        }
    }};

template <auto Total>
constexpr json::Field modality_element()
{
    json::Field field;
    field.open_object = [](json::Reader &reader, void *usage) -> json::Frame {
        auto *count = reader.arena().make<ModalityCount>();
        count->audio_total = &json::member<Total>(usage);
        return {&modality_shape, count};
    };
    return field;
}

template <auto Total>
inline constexpr json::Field modality_element_field
    = modality_element<Total>();

template <auto Total>
inline constexpr json::Shape modalities_shape
    = json::Shape::array_of(modality_element_field<Total>);

template <auto Total>
constexpr json::Field modalities(std::string_view name)
{
    json::Field field;
    field.name = name;
    field.open_array = [](json::Reader &, void *usage) -> json::Frame {
        return {&modalities_shape<Total>, usage};
    };
    return field;
}

constexpr json::Field usage_fields[] = {
    count<&UsageMetadata::prompt_token_count>("promptTokenCount"),
    count<&UsageMetadata::candidates_token_count>("candidatesTokenCount"),
    count<&UsageMetadata::total_token_count>("totalTokenCount"),
    count<&UsageMetadata::cached_content_token_count>(
        "cachedContentTokenCount"),
    modalities<&UsageMetadata::prompt_audio_tokens>("promptTokensDetails"),
    modalities<&UsageMetadata::candidates_audio_tokens>(
        "candidatesTokensDetails"),
    count<&UsageMetadata::tool_use_prompt_token_count>(
        "toolUsePromptTokenCount"),
    count<&UsageMetadata::thoughts_token_count>("thoughtsTokenCount"),
};
constexpr json::Shape usage_shape{usage_fields};

constexpr json::Field reply_fields[] = {
    json::list<&GenerateReply::candidates, Candidate, candidate_shape>(
        "candidates"),
    json::object<&GenerateReply::usage, usage_shape>("usageMetadata"),
    json::string<&GenerateReply::model_version>("modelVersion"),
    json::string<&GenerateReply::response_id>("responseId"),
    json::object<&GenerateReply::prompt_feedback, feedback_shape>(
        "promptFeedback"),
    json::raw<&GenerateReply::error>("error"),
};
constexpr json::Shape reply_shape{reply_fields};

}

Result<void> parse(std::string_view text, Arena &arena, GenerateReply &reply)
{
    auto read = json::read(text, reply_shape, reply, arena,
        json::Strictness::lenient);

    if (!read) {
        Error error;
        error.kind = ErrorKind::upstream_failed;
        error.message = "The upstream's answer cannot be read.";
        return error;
    }

    return {};
}

}

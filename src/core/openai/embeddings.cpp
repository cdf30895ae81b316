// What an embeddings request may say, and what must hold whichever model it is
// for.
#include "core/openai/embeddings.hpp"

#include "core/json/reader.hpp"
#include "core/json/writer.hpp"

#include <string>
#include <utility>

namespace gw::openai {

namespace {

using json::Field;
using json::Frame;
using json::Reader;
using json::Scalar;
using json::Shape;
using json::Type;

// The largest that fits Google's int32; what a model can do is its to say.
constexpr std::int64_t max_dimensions = INT32_MAX;

Error invalid(std::string_view name, std::string message)
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::string(name), "invalid_value", 0};
}

void refuse_tokens(Reader &reader)
{
    reader.fail_at("input", "Arrays of tokens are not supported, because "
        "Gemini has another tokenizer: send strings. With LangChain's "
        "OpenAIEmbeddings set check_embedding_ctx_length=False.",
        "invalid_value");
}

void add_input(Reader &reader, EmbeddingsRequest &request,
    const json::String &text)
{
    if (request.input.size() == max_inputs) {
        reader.fail_at("input", "Too many inputs: at most "
            + std::to_string(max_inputs) + " are accepted.",
            "invalid_value");
        return;
    }

    if (text.empty()) {
        std::string which = request.one_string ? std::string("input")
            : "input[" + std::to_string(request.input.size()) + "]";
        reader.fail_at("input", "'" + which
            + "' is an empty string, which has no embedding.",
            "invalid_value");
        return;
    }

    request.input.push(reader.arena(), text);
}

constexpr Field input_element = [] {
    Field field;
    field.expected = "a string";
    field.takes_string = true;
    field.takes_number = true;
    // Not skipped: the others' indexes would be wrong.
    field.takes_null = true;
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &request = *static_cast<EmbeddingsRequest *>(target);

        if (value.type == Type::number) {
            refuse_tokens(reader);
        } else if (value.type == Type::null) {
            reader.fail_at("input", "'" + reader.path()
                + "' is null: expected a string.", "invalid_type");
        } else {
            add_input(reader, request, value.string);
        }
    };
    field.open_array = [](Reader &reader, void *) -> Frame {
        refuse_tokens(reader);
        return {};
    };
    return field;
}();

constexpr Shape input_shape = Shape::array_of(input_element);

/// A name that stands twice counts as it stood last.
void begin_input(EmbeddingsRequest &request, bool one_string)
{
    request.input.clear();
    request.has_input = true;
    request.one_string = one_string;
}

constexpr Field input_field = [] {
    Field field;
    field.name = "input";
    field.expected = "a string or an array of strings";
    field.takes_string = true;
    field.scalar = [](Reader &reader, void *target, const Scalar &value) {
        auto &request = *static_cast<EmbeddingsRequest *>(target);
        begin_input(request, true);
        add_input(reader, request, value.string);
    };
    field.open_array = [](Reader &, void *target) -> Frame {
        auto &request = *static_cast<EmbeddingsRequest *>(target);
        begin_input(request, false);
        return {&input_shape, target};
    };
    return field;
}();

// Both spellings of each, as Google's own documentation has them.
constexpr Field google_fields[] = {
    json::string<&EmbeddingsRequest::task_type>("task_type"),
    json::string<&EmbeddingsRequest::task_type>("taskType"),
    json::string<&EmbeddingsRequest::title>("title"),
    json::integer<&EmbeddingsRequest::dimensions>("output_dimensionality"),
    json::integer<&EmbeddingsRequest::dimensions>("outputDimensionality")
};
constexpr Shape google_shape{google_fields};

/// An inner object whose members belong to the same struct.
template <const Shape &S>
constexpr Field nested(std::string_view name)
{
    Field field;
    field.name = name;
    field.expected = "an object";
    field.open_object = [](Reader &, void *object) -> Frame {
        return {&S, object};
    };
    return field;
}

constexpr Field extra_body_fields[] = {nested<google_shape>("google")};
constexpr Shape extra_body_shape{extra_body_fields};

// "google" where openai-python has merged extra_body into the request.
constexpr Field request_fields[] = {
    json::string<&EmbeddingsRequest::model>("model"),
    input_field,
    json::integer<&EmbeddingsRequest::dimensions>("dimensions"),
    json::string<&EmbeddingsRequest::encoding_format>("encoding_format"),
    json::string<&EmbeddingsRequest::task_type>("task_type"),
    json::string<&EmbeddingsRequest::task_type>("taskType"),
    json::string<&EmbeddingsRequest::title>("title"),
    nested<extra_body_shape>("extra_body"),
    nested<google_shape>("google")
};
constexpr Shape request_shape{request_fields};

struct OpenAiModel {
    std::string_view name;
    std::int64_t dimensions;
};

constexpr OpenAiModel openai_models[] = {
    {"text-embedding-3-small", 1536},
    {"text-embedding-3-large", 3072},
    {"text-embedding-ada-002", 1536}
};

}

Result<void> parse(std::string_view text, Arena &arena,
    EmbeddingsRequest &request)
{
    auto read = json::read(text, request_shape, request, arena);

    if (!read) {
        return read;
    }

    if (request.model.empty()) {
        return Error{ErrorKind::bad_request,
            "you must provide a model parameter", "model",
            "missing_required_parameter", 0};
    }

    if (!request.has_input) {
        return Error{ErrorKind::bad_request,
            "Missing required parameter: 'input'.", "input",
            "missing_required_parameter", 0};
    }

    if (request.input.empty()) {
        return invalid("input", "Invalid 'input': expected at least one "
                                "string, but got an empty array.");
    }

    if (request.dimensions
        && (*request.dimensions < 1 || *request.dimensions > max_dimensions))
    {
        return invalid("dimensions", "Invalid 'dimensions': expected an "
                                     "integer of at least 1.");
    }

    if (!request.encoding_format.empty()
        && !request.encoding_format.is("float")
        && !request.encoding_format.is("base64"))
    {
        return invalid("encoding_format", "Invalid 'encoding_format': "
                                          "expected 'float' or 'base64'.");
    }

    return {};
}

std::optional<std::int64_t> dimensions_of(std::string_view model)
{
    for (const OpenAiModel &row : openai_models) {
        if (row.name == model) {
            return row.dimensions;
        }
    }

    return std::nullopt;
}

void begin_embeddings(Output &out)
{
    out.append(std::string_view("{\"object\":\"list\",\"data\":["));
}

void begin_embedding(std::size_t index, Output &out)
{
    if (index != 0) {
        out.append(',');
    }

    out.append(std::string_view("{\"object\":\"embedding\",\"index\":"));
    out.append_number(static_cast<std::int64_t>(index));
    out.append(std::string_view(",\"embedding\":"));
}

void end_embedding(Output &out)
{
    out.append('}');
}

void end_embeddings(std::string_view model, std::int64_t tokens, Output &out)
{
    out.append(std::string_view("],\"model\":\""));
    out.append(model);
    out.append(std::string_view("\",\"usage\":{\"prompt_tokens\":"));
    out.append_number(tokens);
    out.append(std::string_view(",\"total_tokens\":"));
    out.append_number(tokens);
    out.append(std::string_view("}}"));
}

}

#include "core/front/embeddings.hpp"

#include "core/base/text.hpp"
#include "core/gemini/embed_reply.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/path.hpp"
#include "core/translate/vectors.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gw::front {

namespace {

/// What an error object in a 200 stands for when it names no code.
constexpr int status_of_nameless_error = 500;

Error invalid(std::string_view param, std::string message)
{
    return Error{ErrorKind::bad_request, std::move(message),
        std::string(param), "invalid_value", 0};
}

/// "BatchEmbedContentsRequest.requests[12].content" in an upstream's text.
struct Place {
    std::size_t begin;
    std::size_t end;                // behind the bracket
    std::size_t index;
};

std::optional<Place> find_place(std::string_view text, std::size_t from)
{
    constexpr std::string_view name = "requests[";
    constexpr std::string_view wrapping = "BatchEmbedContentsRequest.";

    for (std::size_t at = text.find(name, from);
         at != std::string_view::npos; at = text.find(name, at + 1))
    {
        Place place{at, 0, 0};
        const char *digits = text.data() + at + name.size();
        auto parsed = std::from_chars(digits, text.data() + text.size(),
            place.index);

        if (parsed.ec != std::errc{} || place.index >= gemini::max_batch
            || parsed.ptr == text.data() + text.size() || *parsed.ptr != ']')
        {
            continue;
        }

        place.end = static_cast<std::size_t>(parsed.ptr - text.data()) + 1;

        if (at >= from + wrapping.size()
            && ends_with(text.substr(0, at), wrapping))
        {
            place.begin -= wrapping.size();
        }

        return place;
    }

    return std::nullopt;
}

/// The client's word for a member of an upstream entry.
std::string_view param_of(std::string_view member)
{
    struct Row {
        std::string_view member;
        std::string_view param;
    };
    constexpr Row rows[] = {
        {".output_dimensionality", "dimensions"},
        {".outputDimensionality", "dimensions"},
        {".task_type", "task_type"},
        {".taskType", "task_type"},
        {".title", "title"}
    };

    for (const Row &row : rows) {
        if (starts_with(member, row.member)) {
            return row.param;
        }
    }

    return "input";
}

}

Embeddings::Embeddings(std::pmr::memory_resource *memory)
    : memory_(memory), arena_(memory)
{
}

Result<void> Embeddings::read(std::string_view body)
{
    auto parsed = openai::parse(body, arena_, request_);

    if (!parsed) {
        return parsed;
    }

    model_ = request_.model.decode(arena_);
    dimensions_ = request_.dimensions;

    if (!dimensions_) {
        dimensions_ = openai::dimensions_of(model_);
    }

    if (!request_.task_type.empty()) {
        std::string_view wanted = request_.task_type.decode(arena_);
        task_type_ = gemini::task_type(wanted);

        if (task_type_.empty()) {
            return invalid("task_type", "Invalid 'task_type': Gemini has no "
                "task \"" + scrub(wanted, {}, 100) + "\".");
        }
    }

    if (!request_.title.empty() && task_type_ != gemini::task_with_title) {
        return invalid("title", "Invalid 'title': it needs the task_type "
            + std::string(gemini::task_with_title) + ".");
    }

    auto *inputs = static_cast<json::String *>(arena_.allocate(
        request_.input.size() * sizeof(json::String),
        alignof(json::String)));
    std::size_t i = 0;

    for (const json::String &input : request_.input) {
        new (inputs + i++) json::String(input);
    }

    inputs_ = inputs;

    return {};
}

Result<void> Embeddings::write_body(std::string_view model, gemini::Api api,
    Output &out)
{
    part_ = std::min(request_.input.size() - done_,
        gemini::max_texts(model, api));

    gemini::EmbedRequest request;
    request.model = model;
    request.api = api;
    request.texts = inputs_ + done_;
    request.count = part_;
    request.task_type = task_type_;
    request.title = request_.title;
    request.output_dimensionality = dimensions_;

    gemini::write(request, out);
    tokens_ = gemini::estimate_tokens(request);
    unit_from_ = gemini::unit_vectors_from(model);

    return {};
}

void Embeddings::write_path(std::string_view model,
    const gemini::Place &place, Output &out) const
{
    gemini::write_embed_path(model, place, out);
}

Whole Embeddings::fail(std::string message)
{
    error_ = {};
    error_.kind = ErrorKind::upstream_failed;
    error_.message = std::move(message);
    error_.code = "upstream_invalid_response";

    return Whole::failed;
}

Whole Embeddings::whole(std::string_view body, bool, Output &out)
{
    Arena scratch(memory_);
    gemini::EmbedReply answer;
    auto parsed = gemini::parse(body, scratch, answer);

    if (!parsed || answer.error.present()) {
        auto error = gemini::parse_error(status_of_nameless_error, body);

        if (!parsed && !error.json) {
            error_ = parsed.error();
            return Whole::failed;
        }

        error_ = gemini::classify(error).error;
        upstream_error_ = std::move(error);
        return Whole::failed;
    }

    if (answer.embeddings.size() != part_) {
        return fail("The upstream gave "
            + std::to_string(answer.embeddings.size()) + " embeddings for "
            + std::to_string(part_) + " inputs.");
    }

    translate::VectorRules rules;
    rules.encoding = request_.encoding();
    rules.dimensions = static_cast<std::size_t>(dimensions_.value_or(0));
    rules.unit_from = unit_from_;

    if (done_ == 0) {
        openai::begin_embeddings(out);
    }

    std::size_t index = done_;
    // One vector's at a time.
    Arena reckoning(memory_);

    for (const gemini::Embedding &embedding : answer.embeddings) {
        openai::begin_embedding(index, out);

        if (!translate::write_vector(embedding.values.text, rules, reckoning,
                out))
        {
            return fail("The upstream's embedding of input["
                + std::to_string(index) + "] cannot be used.");
        }

        openai::end_embedding(out);
        reckoning.reset();
        ++index;
    }

    counted_ = answer.prompt_tokens;
    outcome_.usage.prompt_tokens += counted_.value_or(tokens_);
    outcome_.has_usage = true;
    done_ = index;

    if (done_ < request_.input.size()) {
        return Whole::more;
    }

    // As the client wrote it.
    openai::end_embeddings(request_.model.raw, outcome_.usage.prompt_tokens,
        out);

    return Whole::written;
}

void Embeddings::start_over()
{
    counted_.reset();
    upstream_error_.reset();
    error_ = {};
}

void Embeddings::explain(const gemini::UpstreamError &upstream_error,
    Error &shown) const
{
    if (shown.kind == ErrorKind::context_too_long) {
        shown.param = "input";
        return;
    }

    if (shown.kind != ErrorKind::bad_request) {
        return;
    }

    std::size_t from = 0;
    std::string_view param = "input";

    while (auto place = find_place(shown.message, from)) {
        std::string input = "input";

        if (!request_.one_string) {
            input += "[" + std::to_string(done_ + place->index) + "]";
        }

        if (from == 0) {
            param = param_of(
                std::string_view(shown.message).substr(place->end));
        }

        shown.message.replace(place->begin, place->end - place->begin,
            input);
        from = place->begin + input.size();
    }

    auto field = find_place(upstream_error.field, 0);

    if (from == 0 && field) {
        std::string_view name = upstream_error.field;
        param = param_of(name.substr(field->end));

        if (!request_.one_string) {
            shown.message += " (input["
                + std::to_string(done_ + field->index) + "])";
        }

    } else if (from == 0) {
        return;
    }

    shown.param = param;
}

}

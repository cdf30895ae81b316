#include "core/gemini/embed_request.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"

namespace gw::gemini {

namespace {

constexpr std::string_view task_types[] = {
    "TASK_TYPE_UNSPECIFIED", "RETRIEVAL_QUERY", task_with_title,
    "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING",
    "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"
};

/// The one Gemini model that Vertex embeds with by its older call.
constexpr std::string_view first_gemini_model = "gemini-embedding-001";

void write_content(const json::String &text, Api api, json::Writer &writer)
{
    writer.key("content").begin_object();

    // Vertex refuses a content without.
    if (api == Api::vertex) {
        writer.key("role").string("user");
    }

    writer.key("parts").begin_array().begin_object();
    writer.key("text").lasting_text(text);
    writer.end_object().end_array().end_object();
}

void write_options(const EmbedRequest &request, json::Writer &writer)
{
    if (!request.task_type.empty()) {
        writer.key("taskType").string(request.task_type);
    }

    if (!request.title.empty()) {
        writer.key("title").text(request.title);
    }

    if (request.output_dimensionality) {
        writer.key("outputDimensionality").number(
            *request.output_dimensionality);
    }
}

void write_entry(const EmbedRequest &request, const json::String &text,
    json::Writer &writer)
{
    bool collection = request.model.find('/') != std::string_view::npos;

    // It needs no escapes, and has to be the path's.
    writer.begin_object();
    writer.key("model").raw(collection ? std::string_view("\"")
                                       : std::string_view("\"models/"));
    writer.out().append(request.model);
    writer.out().append('"');

    write_content(text, request.api, writer);
    write_options(request, writer);
    writer.end_object();
}

void write_batch(const EmbedRequest &request, json::Writer &writer)
{
    writer.key("requests").begin_array();

    for (std::size_t i = 0; i < request.count; ++i) {
        write_entry(request, request.texts[i], writer);
    }

    writer.end_array();
}

void write_single(const EmbedRequest &request, json::Writer &writer)
{
    write_content(request.texts[0], request.api, writer);

    if (!request.task_type.empty() || !request.title.empty()
        || request.output_dimensionality)
    {
        writer.key("embedContentConfig").begin_object();
        write_options(request, writer);
        writer.end_object();
    }
}

void write_instances(const EmbedRequest &request, json::Writer &writer)
{
    writer.key("instances").begin_array();

    for (std::size_t i = 0; i < request.count; ++i) {
        writer.begin_object();
        writer.key("content").lasting_text(request.texts[i]);

        if (!request.task_type.empty()) {
            writer.key("task_type").string(request.task_type);
        }

        if (!request.title.empty()) {
            writer.key("title").text(request.title);
        }

        writer.end_object();
    }

    writer.end_array();

    if (request.output_dimensionality) {
        writer.key("parameters").begin_object();
        writer.key("outputDimensionality").number(
            *request.output_dimensionality);
        writer.end_object();
    }
}

}

EmbedCall embed_call(std::string_view model, Api api)
{
    if (api == Api::gemini) {
        return EmbedCall::batch;
    }

    // The rule of Google's own client libraries.
    bool newer = (model.find("gemini") != std::string_view::npos
                  && model != first_gemini_model)
                 || model.find("maas") != std::string_view::npos;

    return newer ? EmbedCall::single : EmbedCall::predict;
}

std::size_t max_texts(std::string_view model, Api api)
{
    constexpr std::size_t of_batch = 100;

    switch (embed_call(model, api)) {

    case EmbedCall::batch:
        return of_batch;

    case EmbedCall::predict:
        return model == first_gemini_model ? 1 : max_batch;

    case EmbedCall::single:
        break;
    }

    return 1;
}

void write(const EmbedRequest &request, Output &out)
{
    json::Writer writer(out);

    writer.begin_object();

    switch (embed_call(request.model, request.api)) {

    case EmbedCall::batch:
        write_batch(request, writer);
        break;

    case EmbedCall::single:
        write_single(request, writer);
        break;

    case EmbedCall::predict:
        write_instances(request, writer);
        break;
    }

    writer.end_object();
}

std::string_view task_type(std::string_view name)
{
    for (std::string_view known : task_types) {
        if (iequals(known, name)) {
            return known;
        }
    }

    return {};
}

}

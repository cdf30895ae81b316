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

void write_entry(const BatchEmbedRequest &request, const json::String &text,
    json::Writer &writer)
{
    bool collection = request.model.find('/') != std::string_view::npos;

    // It needs no escapes, and has to be the path's.
    writer.begin_object();
    writer.key("model").raw(collection ? std::string_view("\"")
                                       : std::string_view("\"models/"));
    writer.out().append(request.model);
    writer.out().append('"');

    writer.key("content").begin_object();
    writer.key("parts").begin_array().begin_object();
    writer.key("text").lasting_text(text);
    writer.end_object().end_array().end_object();

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

    writer.end_object();
}

}

void write(const BatchEmbedRequest &request, Output &out)
{
    json::Writer writer(out);

    writer.begin_object().key("requests").begin_array();

    for (std::size_t i = 0; i < request.count; ++i) {
        write_entry(request, request.texts[i], writer);
    }

    writer.end_array().end_object();
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

#include "core/front/native_resource.hpp"

#include "core/base/text.hpp"
#include "core/front/native_error.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/resource_route.hpp"

#include <cstddef>

namespace gw::front {

namespace {

using translate::StreamEnd;
using translate::StreamState;

constexpr std::string_view models = "models/";

/// The calls of a model that make something.
bool makes_by_model(Operation operation)
{
    return operation == Operation::batch_generate_content
           || operation == Operation::async_batch_embed_content
           || operation == Operation::predict_long_running;
}

std::string_view without_collection(std::string_view model)
{
    return starts_with(model, models) ? model.substr(models.size()) : model;
}

Error failure(ErrorKind kind, std::string_view message)
{
    Error error;
    error.kind = kind;
    error.message = message;

    return error;
}

}

NativeResource::NativeResource(const gemini::NativeRoute &route,
    std::string_view query, gemini::UploadStep step,
    std::pmr::memory_resource *memory)
    : route_(route), query_(query), step_(step), memory_(memory)
{
    if (uploads()) {
        upload_ = gemini::upload_name(gemini::upload_id_of(query));
    }
}

bool NativeResource::serves(Operation operation)
{
    return gemini::is_about_resources(operation) || makes_by_model(operation);
}

Result<void> NativeResource::read(std::string_view body)
{
    body_ = body;
    names_ = gemini::names_in_request(body, gemini::Look::always, memory_);

    return {};
}

std::string_view NativeResource::requested_model() const
{
    // A cache is of a model; of all else the path would say it.
    return route_.operation == Operation::cached_contents && creates()
        ? std::string_view(names_.model) : route_.model;
}

Result<void> NativeResource::write_body(std::string_view model, gemini::Api,
    Output &out)
{
    std::string_view named = names_.model_text;

    // An alias: Google knows the model by its own name alone.
    if (route_.operation == Operation::cached_contents && !model.empty()
        && !named.empty() && without_collection(names_.model) != model)
    {
        auto before = static_cast<std::size_t>(named.data() - body_.data());

        out.append_lasting(body_.substr(0, before));
        out.append(models);
        out.append(model);
        out.append_lasting(body_.substr(before + named.size()));

    } else {
        out.append_lasting(body_);
    }

    return {};
}

void NativeResource::write_path(std::string_view model, const gemini::Place &,
    Output &out) const
{
    gemini::write_native_path(route_, model, query_, out);
}

std::vector<std::string_view> NativeResource::resources() const
{
    std::vector<std::string_view> all(names_.names.begin(),
        names_.names.end());

    if (!route_.name.empty()) {
        all.push_back(route_.name);
    }

    if (!upload_.empty()) {
        all.push_back(upload_);
    }

    return all;
}

bool NativeResource::creates() const
{
    switch (route_.operation) {

    case Operation::cached_contents:
    case Operation::files:
        return route_.name.empty() && route_.method == "POST";

    case Operation::upload:
        return upload_.empty();

    default:
        return makes_by_model(route_.operation);
    }
}

std::vector<Learned> NativeResource::learned() const
{
    return learned_;
}

bool NativeResource::reads_body() const
{
    return !uploads() || step_ != gemini::UploadStep::data;
}

std::string NativeResource::head_field(std::string_view name,
    std::string_view value, std::string_view here)
{
    constexpr std::string_view prefix = "x-goog-upload-";

    if (!uploads()) {
        return {};
    }

    std::string_view word;

    if (name.size() > prefix.size()
        && iequals(name.substr(0, prefix.size()), prefix))
    {
        word = name.substr(prefix.size());

    } else if (iequals(name, "location")) {
        word = "url";

    } else if (!iequals(name, "range")) {
        return {};
    }

    if (!iequals(word, "url") && !iequals(word, "control-url")) {
        return std::string(trim(value));
    }

    std::size_t query = value.find('?');

    if (query != std::string_view::npos && upload_.empty()) {
        begun_ = gemini::upload_name(gemini::upload_id_of(
            trim(value).substr(query + 1)));
    }

    return gemini::upload_url(trim(value), here);
}

int NativeResource::status_for(int upstream) const
{
    // Of the protocol of before: so far it has come, there is more to send.
    constexpr int resume_incomplete = 308;

    return uploads() && upstream == resume_incomplete
        ? upstream : Front::status_for(upstream);
}

Whole NativeResource::whole(std::string_view body, bool, Output &out)
{
    std::string_view text = trim(body);

    // A page of somebody's on the way.
    if (!text.empty() && text.front() == '<') {
        error_ = failure(ErrorKind::upstream_failed,
            "The upstream's answer cannot be read.");
        return Whole::failed;
    }

    auto made = creates() || uploads() ? Learned::How::made
                                       : Learned::How::seen;

    for (gemini::Shown &shown : gemini::names_in_answer(text, memory_)) {
        learned_.push_back({std::move(shown.name), made, shown.expires_ms});
    }

    if (!begun_.empty()) {
        learned_.push_back({begun_, Learned::How::made, 0});
    }

    if (!upload_.empty()) {
        learned_.push_back({upload_, Learned::How::seen, 0});
    }

    if (route_.method == "DELETE") {
        learned_.push_back({std::string(route_.name), Learned::How::gone, 0});
    }

    out.append_lasting(body);
    return Whole::written;
}

StreamState NativeResource::feed(std::string_view bytes, Output &out)
{
    out.append(bytes);
    return StreamState::started;
}

StreamState NativeResource::finish(StreamEnd end, Output &)
{
    switch (end) {

    case StreamEnd::complete:
        return StreamState::started;

    case StreamEnd::timed_out:
        error_ = failure(ErrorKind::timeout,
            "The upstream stopped sending its answer.");
        break;

    case StreamEnd::cut:
        error_ = failure(ErrorKind::truncated,
            "The upstream's answer ended unexpectedly.");
        break;
    }

    return StreamState::failed;
}

int NativeResource::write_error(const Error &error,
    const gemini::UpstreamError *reason, std::string_view body,
    Output &out) const
{
    return write_native_error(error, reason, body, secret_, out);
}

void NativeResource::start_over()
{
    begun_.clear();
    learned_.clear();
    error_ = {};
}

}

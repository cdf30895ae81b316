#include "core/gemini/vertex_route.hpp"

#include "core/base/segments.hpp"
#include "core/base/text.hpp"
#include "core/gemini/vertex_path.hpp"
#include "core/json/reader.hpp"

#include <memory_resource>
#include <string>

namespace gw::gemini {

namespace {

constexpr std::size_t max_shown = 200;

struct Verb {
    std::string_view name;
    Operation operation;
};

constexpr Verb verbs[] = {
    {"generateContent", Operation::generate_content},
    {"streamGenerateContent", Operation::stream_generate_content},
    {"countTokens", Operation::count_tokens},
    {"computeTokens", Operation::compute_tokens},
    {"predict", Operation::predict},
    {"embedContent", Operation::embed_content},
    {"batchEmbedContents", Operation::batch_embed_contents},
    {"predictLongRunning", Operation::predict_long_running},
    {"fetchPredictOperation", Operation::fetch_predict_operation}
};

/// The Gemini API's beta is what Vertex calls v1beta1.
std::string_view version_of(std::string_view segment)
{
    return segment == vertex_version ? vertex_version
        : segment == vertex_beta_version || segment == "v1beta"
            ? vertex_beta_version : std::string_view();
}

bool begins_path(std::string_view segment)
{
    return segment == "projects" || segment == "publishers";
}

/// The part of the URI that is the API's: what is behind the location's
/// prefix, with as much of that as is part of it too.
std::string_view api_path(std::string_view uri, std::string_view prefix)
{
    std::string_view path = uri;

    for (;;) {
        std::string_view wanted = take_segment(prefix);

        if (wanted.empty() || !version_of(wanted).empty()
            || begins_path(wanted))
        {
            return path;
        }

        if (!take_segment(path, wanted)) {
            return uri;
        }
    }
}

Error no_such_url(std::string_view method, std::string_view uri,
    std::string_view why)
{
    std::string request(method);
    request += ' ';
    request += uri;

    Error error;
    error.kind = ErrorKind::unknown_url;
    error.message = scrub(request, {}, max_shown) + std::string(why);

    return error;
}

Error wrong_method(std::string_view method, std::string_view uri, bool get)
{
    Error error;
    error.kind = ErrorKind::method_not_allowed;
    error.message = scrub(method, {}, max_shown) + " is not allowed for "
                    + scrub(uri, {}, max_shown) + ", use "
                    + (get ? "GET" : "POST") + ".";
    error.param = get ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";

    return error;
}

/// Takes "projects/P/locations/L" off. false: it is there, but not whole.
bool take_parent(std::string_view &path)
{
    if (!take_segment(path, "projects")) {
        return true;
    }

    bool named = !take_segment(path).empty()
                 && take_segment(path, "locations");

    return named && !take_segment(path).empty();
}

/// What stands behind "publishers/google/models". false: nothing that is
/// served.
bool find_operation(std::string_view path, VertexRoute &route)
{
    path = without_slashes(path);

    if (path.empty()) {
        route.operation = Operation::models;
        return true;
    }

    if (path.find('/') != std::string_view::npos) {
        return false;
    }

    std::size_t colon = path.rfind(':');
    route.model = path.substr(0, colon);

    if (colon == std::string_view::npos) {
        route.operation = Operation::model;
        return true;
    }

    for (const Verb &verb : verbs) {
        if (path.substr(colon + 1) == verb.name) {
            route.operation = verb.operation;
            return !route.model.empty();
        }
    }

    return false;
}

struct FetchRequest {
    json::String operation_name;
};

constexpr json::Field fetch_fields[] = {
    json::string<&FetchRequest::operation_name>("operationName")
};
constexpr json::Shape fetch_shape{fetch_fields};

}

bool is_get(Operation operation)
{
    return operation == Operation::models || operation == Operation::model;
}

std::optional<Result<VertexRoute>> vertex_route(std::string_view method,
    std::string_view uri, std::string_view prefix)
{
    std::string_view path = api_path(uri, prefix);
    VertexRoute route;
    bool twice = false;

    // The beta has all that the other has.
    route.version = vertex_beta_version;

    for (int versions = 0; ; ++versions) {
        std::string_view rest = path;
        std::string_view version = version_of(take_segment(rest));

        if (version.empty()) {
            twice = versions > 1;
            break;
        }

        route.version = version;
        path = rest;
    }

    std::string_view ahead = path;

    if (!begins_path(take_segment(ahead))) {
        return std::nullopt;
    }

    if (twice) {
        return no_such_url(method, uri, " has a version twice: the base URL "
            "should end before it.");
    }

    if (!take_parent(path) || !take_segment(path, "publishers")
        || !take_segment(path, "google") || !take_segment(path, "models")
        || !find_operation(path, route))
    {
        return no_such_url(method, uri,
            " is not served by this gateway: of Vertex AI it serves the "
            "models of the publisher google.");
    }

    bool get = is_get(route.operation);

    if (get ? method != "GET" && method != "HEAD" : method != "POST") {
        return wrong_method(method, uri, get);
    }

    return route;
}

void write_vertex_path(const VertexRoute &route, std::string_view model,
    const Place &place, Output &out)
{
    if (!is_get(route.operation)) {
        write_vertex_model(route.version, place, model, out);
        out.append(':');
        out.append(name_of(route.operation));
        return;
    }

    out.append('/');
    out.append(route.version);
    out.append("/publishers/google/models");

    if (!model.empty()) {
        out.append('/');
        out.append(model);
    }
}

Place place_of_operation(std::string_view body)
{
    Arena arena(std::pmr::new_delete_resource());
    FetchRequest request;

    if (!json::read(body, fetch_shape, request, arena,
            json::Strictness::lenient)
        || request.operation_name.escaped)
    {
        return {};
    }

    std::string_view name = request.operation_name.raw;
    Place place;

    place.api = Api::vertex;

    if (take_segment(name, "projects")) {
        place.project = take_segment(name);
    }

    if (take_segment(name, "locations")) {
        place.location = take_segment(name);
    }

    return place.project.empty() || place.location.empty() ? Place() : place;
}

}

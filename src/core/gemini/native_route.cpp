#include "core/gemini/native_route.hpp"

#include "core/base/segments.hpp"
#include "core/base/text.hpp"
#include "core/gemini/resource_route.hpp"
#include "core/gemini/vertex_route.hpp"

#include <cstddef>
#include <string>
#include <utility>

namespace gw::gemini {

namespace {

// Google's own name for the API of today; what "v1" has is part of it.
constexpr std::string_view base_path = "/v1beta/";

constexpr std::size_t max_shown = 200;

bool is_version(std::string_view segment)
{
    return segment == "v1beta" || segment == "v1" || segment == "v1alpha";
}

/// Takes the first segment off if it is a version.
bool take_version(std::string_view &path)
{
    std::string_view rest = path;

    if (!is_version(take_segment(rest))) {
        return false;
    }

    path = rest;
    return true;
}

bool is_collection(std::string_view segment)
{
    constexpr std::string_view collections[] = {
        "models", "cachedContents", "files", "batches", "operations",
        "upload", "download"
    };

    for (std::string_view collection : collections) {
        if (segment == collection) {
            return true;
        }
    }

    return false;
}

/// A URI cut in two by the location's prefix.
struct Cut {
    std::string_view path;          // behind the prefix
    bool versioned = false;         // the prefix ends in a version
    /// From where the prefix itself begins to be part of the API's path; the
    /// whole if it does not.
    std::string_view outer;
    bool before_version = false;    // outer begins with "upload", "download"
};

Cut cut(std::string_view uri, std::string_view prefix)
{
    const Cut whole{without_slashes(uri), false, without_slashes(uri), false};
    Cut found = whole;
    bool in_api = false;

    for (;;) {
        std::string_view wanted = take_segment(prefix);

        if (wanted.empty()) {
            return found;
        }

        std::string_view before = found.path;

        if (take_segment(found.path) != wanted) {
            return whole;
        }

        found.versioned = is_version(wanted);

        if (!in_api && (found.versioned || is_collection(wanted))) {
            found.outer = before;
            found.before_version = wanted == "upload"
                                   || wanted == "download";
            in_api = true;
        }
    }
}

struct Verb {
    std::string_view name;
    Operation operation;
};

constexpr Verb verbs[] = {
    {"generateContent", Operation::generate_content},
    {"streamGenerateContent", Operation::stream_generate_content},
    {"countTokens", Operation::count_tokens},
    {"embedContent", Operation::embed_content},
    {"batchEmbedContents", Operation::batch_embed_contents},
    {"predict", Operation::predict},
    {"batchGenerateContent", Operation::batch_generate_content},
    {"asyncBatchEmbedContent", Operation::async_batch_embed_content},
    {"predictLongRunning", Operation::predict_long_running}
};

/// What else Google has below a version.
constexpr std::string_view other_collections[] = {
    "tunedModels", "corpora", "fileSearchStores", "interactions",
    "auth_tokens", "dynamic"
};

bool is_word(std::string_view text)
{
    for (char c : text) {
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))) {
            return false;
        }
    }

    return !text.empty();
}

enum class Found { endpoint, not_served, nothing };

/// methods: that it takes.
Found find_endpoint(std::string_view path, NativeRoute &route,
    Methods &methods)
{
    methods = find_resource(path, route);

    if (methods != 0) {
        return Found::endpoint;
    }

    std::string_view collection = take_segment(path);
    route = {};

    for (std::string_view other : other_collections) {
        if (collection == other) {
            return Found::not_served;
        }
    }

    if (collection != "models") {
        return is_collection(collection) ? Found::not_served
                                         : Found::nothing;
    }

    methods = method_get;

    if (path.empty()) {
        route.operation = Operation::models;
        return Found::endpoint;
    }

    if (starts_with(path, "tunedModels/")
        || path.find("/operations") != std::string_view::npos)
    {
        return Found::not_served;
    }

    std::size_t colon = path.rfind(':');

    if (colon == std::string_view::npos || !is_word(path.substr(colon + 1)))
    {
        route.operation = Operation::model;
        route.model = path;
        return Found::endpoint;
    }

    for (const Verb &verb : verbs) {
        if (path.substr(colon + 1) == verb.name) {
            route.operation = verb.operation;
            route.model = path.substr(0, colon);
            methods = method_post;
            return Found::endpoint;
        }
    }

    return Found::not_served;
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

Error wrong_method(std::string_view method, std::string_view uri,
    Methods methods)
{
    std::string list = allowed(methods);

    Error error;
    error.kind = ErrorKind::method_not_allowed;
    error.message = scrub(method, {}, max_shown) + " is not allowed for "
                    + scrub(uri, {}, max_shown) + ", use "
                    + list.substr(0, list.find(", OPTIONS")) + ".";
    error.param = std::move(list);

    return error;
}

Result<NativeRoute> of_vertex(Result<VertexRoute> route)
{
    if (!route) {
        return route.error();
    }

    NativeRoute native;
    native.operation = route->operation;
    native.model = route->model;
    native.method = is_get(route->operation) ? "GET" : "POST";
    native.vertex = route->version;

    return native;
}

int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
        : c >= 'a' && c <= 'f' ? c - 'a' + 10
        : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Decoded, and cut off.
std::string decoded(std::string_view raw, std::size_t longest)
{
    std::string text;

    for (std::size_t i = 0; i < raw.size() && text.size() < longest; ++i) {
        int high = i + 2 < raw.size() && raw[i] == '%'
            ? hex_digit(raw[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(raw[i + 2]) : -1;

        if (low >= 0) {
            text.push_back(static_cast<char>(high * 16 + low));
            i += 2;
        } else {
            text.push_back(raw[i]);
        }
    }

    return text;
}

/// The name of an argument as Google reads it: decoded, and without the '$'
/// that all names of the system's parameters may have.
std::string name_of_argument(std::string_view argument)
{
    constexpr std::size_t longest = 64;
    std::string name = decoded(argument.substr(0, argument.find('=')),
        longest);

    return !name.empty() && name.front() == '$' ? name.substr(1) : name;
}

bool carries_credential(std::string_view argument)
{
    std::string name = name_of_argument(argument);

    return iequals(name, "key") || iequals(name, "access_token")
           || iequals(name, "oauth_token");
}

bool fits_request_line(std::string_view argument)
{
    for (char c : argument) {
        auto byte = static_cast<unsigned char>(c);

        if (byte <= ' ' || byte == 0x7f || c == '#') {
            return false;
        }
    }

    return true;
}

/// Takes the first argument off; false: there is none.
bool take_argument(std::string_view &query, std::string_view &argument)
{
    if (query.empty()) {
        return false;
    }

    argument = query.substr(0, query.find('&'));
    query.remove_prefix(argument.size());
    query.remove_prefix(query.empty() ? 0 : 1);

    return true;
}

}

Result<NativeRoute> native_route(std::string_view method,
    std::string_view uri, std::string_view prefix)
{
    if (auto vertex = vertex_route(method, uri, prefix)) {
        return of_vertex(std::move(*vertex));
    }

    Cut parts = cut(uri, prefix);
    std::string_view path = parts.before_version ? parts.outer : parts.path;

    if (take_version(path)) {
        std::string_view rest = path;

        if (parts.versioned || take_version(rest)) {
            return no_such_url(method, uri, " has a version twice: the base "
                "URL should end before it.");
        }
    }

    NativeRoute route;
    Methods methods = 0;
    Found found = find_endpoint(path, route, methods);

    if (found == Found::nothing) {
        path = parts.outer;
        (void) take_version(path);
        found = find_endpoint(path, route, methods);
    }

    switch (found) {

    case Found::nothing:
        return no_such_url(method, uri, " is no path of the Gemini API.");

    case Found::not_served:
        return no_such_url(method, uri,
            " is not served by this gateway yet.");

    case Found::endpoint:
        break;
    }

    Method asked = method_of(method);

    if ((methods & asked) == 0) {
        return wrong_method(method, uri, methods);
    }

    route.method = name_of(asked);

    return route;
}

void write_native_path(const NativeRoute &route, std::string_view model,
    std::string_view query, Output &out)
{
    constexpr std::string_view collection = "models";
    Operation operation = route.operation;

    if (is_about_resources(operation)) {
        write_resource_path(route, out);
        write_native_query(query, out);
        return;
    }

    out.append(base_path);

    if (model.empty()) {
        out.append(collection);

    } else {
        // An alias may lead to an id that brings its own collection.
        if (model.find('/') == std::string_view::npos) {
            out.append(collection);
            out.append('/');
        }

        out.append(model);
    }

    if (operation != Operation::models && operation != Operation::model) {
        out.append(':');
        out.append(name_of(operation));
    }

    write_native_query(query, out);
}

void write_native_query(std::string_view query, Output &out)
{
    char before = '?';
    std::string_view argument;

    while (take_argument(query, argument)) {
        if (argument.empty() || carries_credential(argument)
            || !fits_request_line(argument))
        {
            continue;
        }

        out.append(before);
        out.append(argument);
        before = '&';
    }
}

std::string argument_of(std::string_view query, std::string_view name)
{
    constexpr std::size_t longest = 8192;
    std::string_view argument;

    while (take_argument(query, argument)) {
        std::size_t equals = argument.find('=');

        if (equals != std::string_view::npos
            && name_of_argument(argument) == name)
        {
            return decoded(argument.substr(equals + 1), longest);
        }
    }

    return {};
}

bool asks_for_events(std::string_view query)
{
    std::string_view argument;
    bool events = false;

    while (take_argument(query, argument)) {
        std::size_t equals = argument.find('=');

        if (equals != std::string_view::npos
            && iequals(name_of_argument(argument), "alt"))
        {
            std::string_view value = argument.substr(equals + 1);
            events = iequals(value.substr(0, value.find_first_of(";%")),
                "sse");
        }
    }

    return events;
}

}

// One table, for finding the way and for telling it.
#include "core/admin/route.hpp"

#include "core/base/segments.hpp"
#include "core/base/text.hpp"
#include "core/json/writer.hpp"

#include <string>

namespace gw::admin {

namespace {

struct Endpoint {
    Action action;
    std::string_view method;
    std::string_view path;          // ID stands for a segment
    std::string_view does;
};

constexpr Endpoint endpoints[] = {
    {Action::index, "GET", "", "this list"},
    {Action::status, "GET", "api/status",
        "the pool, its keys, clients, Redis link and last choices"},
    {Action::add_key, "POST", "api/keys", "add a key"},
    {Action::import_keys, "POST", "api/keys/import",
        "add keys from a text, one a line"},
    {Action::change_key, "PATCH", "api/keys/ID",
        "enable, disable, rename or weight a key"},
    {Action::remove_key, "DELETE", "api/keys/ID", "remove an added key"},
    {Action::reset_key, "POST", "api/keys/ID/reset",
        "end a key's cooldowns"},
    {Action::check_key, "POST", "api/keys/ID/check",
        "ask upstream whether it accepts a key"},
    {Action::check_keys, "POST", "api/check",
        "ask upstream whether it accepts each key"},
    {Action::events, "GET", "api/events",
        "server-sent events: key state changes as they happen"},
    {Action::metrics, "GET", "metrics", "Prometheus text"},
};

constexpr std::string_view id_mark = "ID";
constexpr std::size_t max_shown = 200;

/// The path behind the prefix.
std::string_view below(std::string_view uri, std::string_view prefix)
{
    std::string_view whole = without_slashes(uri);
    std::string_view path = whole;

    prefix = without_slashes(prefix);

    while (!prefix.empty()) {
        if (take_segment(path) != take_segment(prefix)) {
            return whole;
        }
    }

    return path;
}

bool matches(std::string_view pattern, std::string_view path,
    std::string_view &id)
{
    while (!pattern.empty() && !path.empty()) {
        std::string_view wanted = take_segment(pattern);
        std::string_view segment = take_segment(path);

        if (wanted == id_mark) {
            id = segment;
        } else if (wanted != segment) {
            return false;
        }
    }

    return pattern.empty() && path.empty();
}

void allow(std::string &methods, std::string_view method)
{
    if (!methods.empty()) {
        methods += ", ";
    }

    methods += method;

    if (method == "GET") {
        methods += ", HEAD";
    }
}

}

bool changes_state(Action action)
{
    switch (action) {

    case Action::add_key:
    case Action::import_keys:
    case Action::change_key:
    case Action::remove_key:
    case Action::reset_key:
    case Action::check_key:
    case Action::check_keys:
        return true;

    case Action::index:
    case Action::status:
    case Action::events:
    case Action::metrics:
        break;
    }

    return false;
}

Result<Route> route(std::string_view method, std::string_view uri,
    std::string_view prefix)
{
    std::string_view path = below(uri, prefix);
    std::string_view wanted = method == "HEAD" ? std::string_view("GET")
                                               : method;
    std::string allowed;
    std::string_view asked;

    for (const Endpoint &endpoint : endpoints) {
        std::string_view id;

        if (!matches(endpoint.path, path, id)) {
            continue;
        }

        if (endpoint.method == wanted) {
            return Route{endpoint.action, id};
        }

        asked = asked.empty() ? endpoint.path : asked;
        allow(allowed, endpoint.method);
    }

    // Not what was asked for: a key may be in it, and this is logged.
    Error error;

    if (allowed.empty()) {
        error.kind = ErrorKind::unknown_url;
        error.message = "There is no such call of the admin API.";

    } else {
        error.kind = ErrorKind::method_not_allowed;
        error.message = scrub(method, {}, max_shown) + " is not allowed for \""
                        + std::string(asked) + "\", use " + allowed;
        error.param = allowed;
    }

    return error;
}

void write_index(std::string_view pool, std::string_view version, Output &out)
{
    json::Writer json(out);

    json.begin_object();
    json.key("pool").string(pool);
    json.key("version").string(version);
    json.key("endpoints").begin_array();

    for (const Endpoint &endpoint : endpoints) {
        json.begin_object();
        json.key("method").string(endpoint.method);
        json.key("path").string(endpoint.path);
        json.key("does").string(endpoint.does);
        json.end_object();
    }

    json.end_array();
    json.end_object();
}

}

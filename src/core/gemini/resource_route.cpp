#include "core/gemini/resource_route.hpp"

#include "core/base/segments.hpp"
#include "core/gemini/family.hpp"
#include "core/gemini/resource_names.hpp"

#include <algorithm>

namespace gw::gemini {

namespace {

struct MethodName {
    Method method;
    std::string_view name;
};

constexpr MethodName method_names[] = {
    {method_get, "GET"},
    {method_post, "POST"},
    {method_put, "PUT"},
    {method_patch, "PATCH"},
    {method_delete, "DELETE"}
};

struct Row {
    std::string_view collection;
    Operation operation;
    Methods of_all;
    Methods of_one;
};

constexpr Row rows[] = {
    {"cachedContents", Operation::cached_contents,
        method_get | method_post, method_get | method_patch | method_delete},
    {"files", Operation::files, method_get | method_post,
        method_get | method_delete},
    {"batches", Operation::batches, method_get, method_get | method_delete},
    {"operations", Operation::operations, method_get,
        method_get | method_delete}
};

struct VerbRow {
    Operation operation;
    std::string_view verb;
    Operation becomes;
    Methods methods;
};

constexpr VerbRow verb_rows[] = {
    {Operation::files, "download", Operation::download, method_get},
    {Operation::batches, "cancel", Operation::batches, method_post},
    {Operation::batches, "updateGenerateContentBatch", Operation::batches,
        method_patch},
    {Operation::batches, "updateEmbedContentBatch", Operation::batches,
        method_patch},
    {Operation::operations, "cancel", Operation::operations, method_post}
};

/// What stands in a path as it is.
bool is_id(std::string_view text)
{
    auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
               || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
               || c == '~';
    };

    return !text.empty() && text.size() <= max_name && text != "."
           && text.find("..") == std::string_view::npos
           && std::all_of(text.begin(), text.end(), fits);
}

/// path: the collection and at most one id and verb. whole: all of the name,
/// which ends where path does.
Methods find_in(const Row &row, std::string_view path,
    std::string_view whole, NativeRoute &route)
{
    (void) take_segment(path);
    route.operation = row.operation;

    if (path.empty()) {
        route.name = {};
        route.collection = whole;
        return row.of_all;
    }

    std::size_t colon = path.find(':');
    std::string_view id = path.substr(0, colon);

    if (!is_id(id)) {
        return 0;
    }

    route.name = whole.substr(0, whole.size() - path.size() + id.size());

    if (colon == std::string_view::npos) {
        return row.of_one;
    }

    route.verb = path.substr(colon + 1);

    for (const VerbRow &verb : verb_rows) {
        if (verb.operation == row.operation && verb.verb == route.verb) {
            route.operation = verb.becomes;
            return verb.methods;
        }
    }

    return 0;
}

bool is_version(std::string_view segment)
{
    return segment == "v1beta" || segment == "v1" || segment == "v1alpha";
}

/// Behind "upload" or "download".
std::string_view behind_version(std::string_view path)
{
    std::string_view rest = path;

    return is_version(take_segment(rest)) ? rest : path;
}

}

Method method_of(std::string_view name)
{
    if (name == "HEAD") {
        return method_get;
    }

    for (const MethodName &row : method_names) {
        if (row.name == name) {
            return row.method;
        }
    }

    return Method{};
}

std::string_view name_of(Method method)
{
    for (const MethodName &row : method_names) {
        if (row.method == method) {
            return row.name;
        }
    }

    return {};
}

std::string allowed(Methods methods)
{
    std::string list;

    for (const MethodName &row : method_names) {
        if ((methods & row.method) != 0) {
            list += row.name;
            list += row.method == method_get ? ", HEAD, " : ", ";
        }
    }

    return list + "OPTIONS";
}

Methods find_resource(std::string_view path, NativeRoute &route)
{
    route = {};

    if (take_segment(path, "upload")) {
        route.operation = Operation::upload;
        return behind_version(path) == "files"
            ? Methods{method_post | method_put} : Methods{0};
    }

    if (take_segment(path, "download")) {
        Methods found = find_resource(behind_version(path), route);
        route.before_version = "/download";

        return route.operation == Operation::download ? found : Methods{0};
    }

    // It goes upstream as it stands.
    if (path.find("//") != std::string_view::npos) {
        return 0;
    }

    std::string_view whole = path;
    std::string_view rest = path;
    std::string_view collection = take_segment(rest);

    if (collection == "models") {
        // "models/M/operations/ID", of which the last two are as any.
        std::string_view model = take_segment(rest);
        std::string_view kind = rest;

        if (!valid_model(model) || take_segment(kind) != "operations") {
            return 0;
        }

        path = rest;
        collection = "operations";
    }

    for (const Row &row : rows) {
        if (row.collection == collection) {
            return find_in(row, path, whole, route);
        }
    }

    return 0;
}

void write_resource_path(const NativeRoute &route, Output &out)
{
    constexpr std::string_view version = "/v1beta/";

    if (route.operation == Operation::upload) {
        out.append("/upload/v1beta/files");
        return;
    }

    out.append(route.before_version);
    out.append(version);
    out.append(route.name.empty() ? route.collection : route.name);

    if (!route.verb.empty()) {
        out.append(':');
        out.append(route.verb);
    }
}

bool is_about_resources(Operation operation)
{
    switch (operation) {

    case Operation::cached_contents:
    case Operation::files:
    case Operation::upload:
    case Operation::download:
    case Operation::batches:
    case Operation::operations:
        return true;

    default:
        return false;
    }
}

}

// Paths to operations. Works on segments, so that doubled and trailing slashes
// do not count. Source: reference/endpoints.md section 0.
#include "core/openai/route.hpp"

#include "core/base/segments.hpp"
#include "core/base/text.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace gw::openai {

namespace {

constexpr std::string_view version = "v1";

/// A URI cut in two by the location's prefix.
struct Cut {
    std::string_view path;          // behind the prefix
    std::string_view last;          // segment of the prefix
    /// Behind the prefix's last "v1", else the whole: what counts when the
    /// location stands for an endpoint, such as "= /v1/chat/completions".
    std::string_view outer;
};

Cut cut(std::string_view uri, std::string_view prefix)
{
    const Cut whole{without_slashes(uri), {}, without_slashes(uri)};
    Cut found = whole;

    for (;;) {
        std::string_view segment = take_segment(prefix);

        if (segment.empty()) {
            return found;
        }

        if (!take_segment(found.path, segment)) {
            return whole;
        }

        found.last = segment;

        if (segment == version) {
            found.outer = found.path;
        }
    }
}

constexpr std::size_t max_shown = 200;

Error unknown_url(std::string_view method, std::string_view uri,
    const std::string &advice = {})
{
    std::string request(method);
    request += ' ';
    request += uri;

    Error error;
    error.kind = ErrorKind::unknown_url;
    error.message = "Unknown request URL: " + scrub(request, {}, max_shown)
                    + advice;
    return error;
}

/// The most common mistake in a client's base URL.
Error doubled_version(std::string_view method, std::string_view uri,
    std::string_view prefix, const Cut &found)
{
    std::string base = "/";

    if (found.last == version) {
        base += without_slashes(prefix);

    } else {
        if (!found.last.empty()) {
            base += without_slashes(prefix);
            base += '/';
        }

        base += version;
    }

    return unknown_url(method, uri, ". It has \"/v1\" twice: the base URL "
        "should be this server's address followed by \""
        + scrub(base, {}, max_shown) + "\"");
}

struct Endpoint {
    Route route;
    std::string_view method;
    std::string_view other_method;  // treated alike
    std::string_view allow;         // the header of that name
};

std::optional<Endpoint> endpoint_of(std::string_view path)
{
    constexpr std::string_view get = "GET, HEAD, OPTIONS";

    if (take_segment(path, "chat")) {
        if (path != "completions") {
            return std::nullopt;
        }

        return Endpoint{{Operation::chat_completions, {}}, "POST", "POST",
            "POST, OPTIONS"};
    }

    if (path == "embeddings") {
        return Endpoint{{Operation::embeddings, {}}, "POST", "POST",
            "POST, OPTIONS"};
    }

    if (path == "completions") {
        return Endpoint{{Operation::completions, {}}, "POST", "POST",
            "POST, OPTIONS"};
    }

    if (!take_segment(path, "models")) {
        return std::nullopt;
    }

    if (path.empty()) {
        return Endpoint{{Operation::models, {}}, "GET", "HEAD", get};
    }

    return Endpoint{{Operation::model, path}, "GET", "HEAD", get};
}

}

Result<Route> route(std::string_view method, std::string_view uri,
    std::string_view prefix)
{
    Cut found = cut(uri, prefix);
    std::string_view path = found.path;
    bool versioned = take_segment(path, version);

    if (versioned && (found.last == version || take_segment(path, version))) {
        return doubled_version(method, uri, prefix, found);
    }

    // A location may stand for the first half of this path, and the other
    // half alone is an endpoint too.
    if (!versioned && found.last == "chat" && path == "completions") {
        path = "chat/completions";
    }

    auto endpoint = endpoint_of(path);

    if (!endpoint) {
        endpoint = endpoint_of(found.outer);
    }

    if (!endpoint) {
        return unknown_url(method, uri);
    }

    if (method != endpoint->method && method != endpoint->other_method) {
        Error error;
        error.kind = ErrorKind::method_not_allowed;
        error.message = scrub(method, {}, max_shown) + " is not allowed for "
                        + scrub(uri, {}, max_shown) + ", use "
                        + std::string(endpoint->method);
        error.param = endpoint->allow;
        return error;
    }

    return endpoint->route;
}

}

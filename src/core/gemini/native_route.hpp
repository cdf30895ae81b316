// Google's own APIs: which operation a client's path means, and the request URI
// that goes upstream for it. Source: reference/endpoints.md section 10.
#pragma once

#include "core/base/operation.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"

#include <string>
#include <string_view>

namespace gw::gemini {

struct NativeRoute {
    Operation operation{};
    std::string_view model = {};    // as in the path; empty: the list
    std::string_view method = "POST";       // for upstream: HEAD is GET

    // Of what is kept upstream (resource_route.hpp).
    std::string_view name = {};     // "files/abc"; empty: the collection
    std::string_view collection = {};       // "files"; with a name: empty
    std::string_view verb = {};     // "cancel"
    std::string_view before_version = {};   // "/download"

    std::string_view vertex = {};   // the version of Vertex AI whose path it
                                    // is; empty: the Gemini API's
};

/// method: "GET". uri: the decoded path. prefix: what the location stands
/// for; a URI that does not begin with it is taken whole. Below it come "v1",
/// "v1beta", "v1alpha" or nothing, unless the prefix ends in one of them, and
/// then "models" or another collection. The prefix may also reach into that
/// ("/v1beta/models/"). "upload" and "download" stand before the version.
/// Doubled and trailing slashes do not count; HEAD is GET.
/// Vertex AI's own paths are those of vertex_route().
/// Errors: unknown_url, which says so where Google has such a path and the
/// gateway does not serve it; method_not_allowed, whose param is the value for
/// the Allow header.
Result<NativeRoute> native_route(std::string_view method,
    std::string_view uri, std::string_view prefix);

/// "/v1beta/models/ID:generateContent?query", of which write_native_query
/// keeps what it keeps. model: instead of the route's; must be valid_model(),
/// or empty for the list.
void write_native_path(const NativeRoute &route, std::string_view model,
    std::string_view query, Output &out);

/// "?" and the query's arguments as they stood, without those that carry a
/// credential (key, access_token, oauth_token) and those that could not stand
/// in a request line; nothing if none is left.
void write_native_query(std::string_view query, Output &out);

/// The first argument of that name, decoded ('+' stays); empty: none.
std::string argument_of(std::string_view query, std::string_view name);

/// Whether a stream is asked for as server-sent events: alt=sse or $alt=sse.
/// Without it Google streams one JSON array.
bool asks_for_events(std::string_view query);

}

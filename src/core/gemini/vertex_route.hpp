// Vertex AI's paths as its client libraries write them: what a client's path
// means, and the request URI that goes upstream for it, below the credential's
// own project and location. Source: reference/endpoints.md section 13.
#pragma once

#include "core/base/operation.hpp"
#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/api.hpp"

#include <optional>
#include <string_view>

namespace gw::gemini {

struct VertexRoute {
    Operation operation{};
    std::string_view model = {};    // as in the path; empty: the list
    std::string_view version = {};  // "v1" or "v1beta1", for upstream
};

/// Whether it is asked for by GET: what is said of models.
bool is_get(Operation operation);

/// method: "GET". uri: the decoded path. prefix: what the location stands for;
/// it may reach into the API's path. Below it come "v1", "v1beta1" or nothing,
/// then "projects/P/locations/L" or nothing, then "publishers/google/models".
/// nullopt: it is no path of Vertex AI's. Errors as of native_route().
std::optional<Result<VertexRoute>> vertex_route(std::string_view method,
    std::string_view uri, std::string_view prefix);

/// "/v1/projects/P/locations/L/publishers/google/models/ID:generateContent";
/// the list of models and what it says of one lie in no project. model: in
/// place of the route's, valid_model() or empty. No query.
void write_vertex_path(const VertexRoute &route, std::string_view model,
    const Place &place, Output &out);

/// The place that an operation's name tells, of the body of
/// fetchPredictOperation; empty: none. A view into body.
Place place_of_operation(std::string_view body);

}

// Where Vertex AI is, and its request URIs.
// Source: reference/endpoints.md section 13.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/api.hpp"

#include <string>
#include <string_view>

namespace gw::gemini {

/// What may stand for a location in a path and in a host's name: letters,
/// digits and '-', at most 63.
bool valid_location(std::string_view location);

/// What may stand for a project in a path: its id, also one that begins with a
/// domain, or its number.
bool valid_cloud_project(std::string_view project);

/// "https://europe-west4-aiplatform.googleapis.com"; "global" and the two
/// regions of regions have hosts of another form.
std::string vertex_url(std::string_view location);

/// "/v1/projects/P/locations/L/publishers/google/models/ID", or below another
/// version. What is in place has been checked with the configuration; model
/// must be valid_model().
void write_vertex_model(std::string_view version, const Place &place,
    std::string_view model, Output &out);

/// Vertex' version for what we ask of our own.
constexpr std::string_view vertex_version = "v1";

/// Of the list of models, which no other has.
constexpr std::string_view vertex_beta_version = "v1beta1";

}

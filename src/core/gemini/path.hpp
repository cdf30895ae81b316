// Model and method -> the request URI of Google's APIs.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/api.hpp"

#include <string>
#include <string_view>

namespace gw::gemini {

/// "/v1beta/models/ID:generateContent", or with streamGenerateContent and
/// "?alt=sse"; of Vertex AI "/v1/projects/P/locations/L/publishers/google/
/// models/ID" and the same. model must be valid_model(); ids that bring their
/// own collection ("tunedModels/x") stand without "models/".
void write_generate_path(std::string_view model, const Place &place,
    bool stream, Output &out);

/// "/v1beta/models/ID:batchEmbedContents", likewise: what embed_call() says.
void write_embed_path(std::string_view model, const Place &place,
    Output &out);

/// As the value of a query's argument: everything else percent-encoded.
void append_encoded(Output &out, std::string_view text);

/// "/v1beta/models?pageSize=1000", and the next page's token, percent-encoded;
/// of Vertex AI the list of Google's own models.
void write_models_path(Api api, std::string_view page_token, Output &out);

}

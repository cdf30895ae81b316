// Model and method <-> the request URI of Google's API.
#pragma once

#include "core/base/output.hpp"

#include <string>
#include <string_view>

namespace gw::gemini {

/// "/v1beta/models/ID:generateContent", or with streamGenerateContent and
/// "?alt=sse". model must be valid_model(); ids that bring their own
/// collection ("tunedModels/x") stand without "models/".
void write_generate_path(std::string_view model, bool stream, Output &out);

/// "/v1beta/models/ID:batchEmbedContents", likewise.
void write_batch_embed_path(std::string_view model, Output &out);

/// As the value of a query's argument: everything else percent-encoded.
void append_encoded(Output &out, std::string_view text);

/// "/v1beta/models?pageSize=1000", and the next page's token, percent-encoded.
void write_models_path(std::string_view page_token, Output &out);

}

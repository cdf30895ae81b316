// Errors in Google's own form: upstream's words where they are the client's
// to read, ours otherwise.
#pragma once

#include "core/base/output.hpp"
#include "core/base/result.hpp"
#include "core/gemini/error.hpp"

#include <string_view>

namespace gw::front {

/// As it stands, but for the secret.
void append_hidden(std::string_view text, std::string_view secret,
    Output &out);

/// Returns the status. reason: upstream's error, and the body that had it;
/// null: there is none.
int write_native_error(const Error &error,
    const gemini::UpstreamError *reason, std::string_view body,
    std::string_view secret, Output &out);

}

// Google's error form, for clients that speak Gemini's own API.
#pragma once

#include "core/base/output.hpp"
#include "core/base/result.hpp"

namespace gw::gemini {

/// {"error":{"code","message","status"}} with the HTTP status that the answer
/// has, and as a detail RetryInfo where it is known when to come back.
void write_error(const Error &error, int status, Output &out);

}

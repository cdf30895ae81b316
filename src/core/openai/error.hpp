// OpenAI's error form, the only place that knows it.
// Source: reference/errors.md section 4.
#pragma once

#include "core/base/output.hpp"
#include "core/base/result.hpp"

#include <string_view>

namespace gw::openai {

/// The HTTP status a client gets.
int status_of(ErrorKind kind);

/// The kind for a status that nginx itself answers with (413, 502, 504,
/// limit_req's 503 or 429, …).
ErrorKind kind_of_status(int status);

/// A message for a status that came without one.
std::string_view message_of_status(int status);

/// The "code" a client reads; empty: null. Lives as long as the error.
std::string_view code_of(const Error &error);

/// {"error":{"message","type","param","code"}}, all four always there.
void write_error(const Error &error, Output &out);

/// The same as an event of a stream: "data: {…}\n\n".
void write_error_event(const Error &error, Output &out);

/// "true", "false" or empty: the x-should-retry header, which the official
/// SDKs obey before the status.
std::string_view should_retry(const Error &error);

}

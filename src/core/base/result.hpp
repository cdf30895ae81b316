// A value, or the reason there is none. The core throws nothing of its own:
// what the caller or upstream did wrong comes back as an Error.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace gw {

/// What happened, in the terms a client of the API must tell apart. The HTTP
/// status, OpenAI's "type" and the default "code" of each stand in one table,
/// openai/error.cpp. Source: reference/errors.md section 4.
enum class ErrorKind {
    bad_request,            // 400, the request is malformed
    unauthorized,           // 401, unknown or missing client token
    forbidden,              // 403, this client may not do that
    unsupported_region,     // 403, Google does not serve our address
    unknown_url,            // 404, no such endpoint
    model_not_found,        // 404
    not_found,              // 404, what the request names is not there
    method_not_allowed,     // 405
    conflict,               // 409, of the admin API
    unsupported_type,       // 415, the body is of the wrong type
    payload_too_large,      // 413
    context_too_long,       // 400, context_length_exceeded
    rate_limited,           // 429, comes back soon
    quota_exhausted,        // 429, not before hours
    credentials_failed,     // 503, no upstream credential is accepted
    overloaded,             // 503, the model has no capacity
    unavailable,            // 503, anything else that is temporary
    upstream_failed,        // 502
    truncated,              // 502, or an event when the answer had begun
    timeout,                // 504
    internal                // 500, our own fault
};

/// The caller's mistake or upstream's failure. The message is for the client:
/// it holds no secret. An empty param or code means JSON null, or for the code
/// the default of the kind.
struct Error {
    ErrorKind kind = ErrorKind::internal;
    std::string message;
    std::string param;
    std::string code;
    /// Seconds until a new attempt makes sense; 0 is "not known".
    long retry_after = 0;
};

template <typename T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_(std::move(value)) {}
    Result(Error error) : error_(std::move(error)) {}

    explicit operator bool() const { return value_.has_value(); }

    T &value() { return *value_; }
    const T &value() const { return *value_; }
    T *operator->() { return &*value_; }

    const Error &error() const { return error_; }

private:
    std::optional<T> value_;
    Error error_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    explicit operator bool() const { return !error_.has_value(); }

    const Error &error() const { return *error_; }

private:
    std::optional<Error> error_;
};

}

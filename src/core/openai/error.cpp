// OpenAI's error form: one row for each kind, and the two ways to write it.
// Source: reference/errors.md section 4.
#include "core/openai/error.hpp"

#include "core/base/text.hpp"
#include "core/json/writer.hpp"

#include <cstddef>

namespace gw::openai {

namespace {

struct Row {
    ErrorKind kind;
    int status;
    std::string_view type;
    std::string_view code;          // when the Error brings none; empty: null
};

constexpr std::string_view request_error = "invalid_request_error";
constexpr std::string_view server_error = "server_error";

// In the order of ErrorKind. What is wrong with our own credentials is never
// a 401 or a 403, on which applications drop the user's token.
constexpr Row rows[] = {
    {ErrorKind::bad_request, 400, request_error, ""},
    {ErrorKind::unauthorized, 401, request_error, "invalid_api_key"},
    {ErrorKind::forbidden, 403, request_error, "permission_denied"},
    {ErrorKind::unsupported_region, 403, "request_forbidden",
        "unsupported_country_region_territory"},
    {ErrorKind::unknown_url, 404, request_error, "unknown_url"},
    {ErrorKind::model_not_found, 404, request_error, "model_not_found"},
    {ErrorKind::not_found, 404, request_error, "not_found"},
    {ErrorKind::method_not_allowed, 405, request_error, "unknown_url"},
    {ErrorKind::conflict, 409, request_error, "conflict"},
    {ErrorKind::unsupported_type, 415, request_error,
        "unsupported_media_type"},
    {ErrorKind::payload_too_large, 413, request_error, "request_too_large"},
    {ErrorKind::context_too_long, 400, request_error,
        "context_length_exceeded"},
    {ErrorKind::rate_limited, 429, "rate_limit_error", "rate_limit_exceeded"},
    {ErrorKind::quota_exhausted, 429, "insufficient_quota",
        "insufficient_quota"},
    {ErrorKind::credentials_failed, 503, server_error, "upstream_auth_error"},
    {ErrorKind::overloaded, 503, server_error, "overloaded"},
    {ErrorKind::unavailable, 503, server_error, "service_unavailable"},
    {ErrorKind::upstream_failed, 502, server_error, "upstream_error"},
    {ErrorKind::truncated, 502, server_error, "stream_truncated"},
    {ErrorKind::timeout, 504, server_error, "timeout"},
    {ErrorKind::internal, 500, server_error, "internal_error"}
};

constexpr std::size_t row_count = sizeof(rows) / sizeof(rows[0]);

constexpr bool rows_in_order()
{
    for (std::size_t i = 0; i < row_count; ++i) {
        if (static_cast<std::size_t>(rows[i].kind) != i) {
            return false;
        }
    }

    return row_count == static_cast<std::size_t>(ErrorKind::internal) + 1;
}

static_assert(rows_in_order());

const Row &row_of(ErrorKind kind)
{
    auto index = static_cast<std::size_t>(kind);
    return rows[index < row_count ? index : row_count - 1];
}

struct StatusRow {
    int status;
    ErrorKind kind;
    std::string_view message;
};

// The statuses nginx's own modules answer with.
constexpr StatusRow status_rows[] = {
    {400, ErrorKind::bad_request, "The request is not valid HTTP."},
    {401, ErrorKind::unauthorized, "A valid token is required."},
    {403, ErrorKind::forbidden, "Access is denied."},
    {404, ErrorKind::unknown_url, "There is no such endpoint."},
    {405, ErrorKind::method_not_allowed,
        "This method is not allowed here."},
    {408, ErrorKind::bad_request, "The request took too long to arrive."},
    {411, ErrorKind::bad_request, "The request has no Content-Length."},
    {413, ErrorKind::payload_too_large, "The request body is too large."},
    {414, ErrorKind::bad_request, "The request's URL is too long."},
    {415, ErrorKind::bad_request, "The body's content type is not supported."},
    {429, ErrorKind::rate_limited, "Too many requests. Try again later."},
    {494, ErrorKind::bad_request, "The request's header is too large."},
    {500, ErrorKind::internal, "The gateway failed."},
    {502, ErrorKind::upstream_failed, "The upstream gave no usable answer."},
    {503, ErrorKind::unavailable,
        "The service is not available now. Try again later."},
    {504, ErrorKind::timeout, "The upstream did not answer in time."}
};

constexpr StatusRow other_4xx = {400, ErrorKind::bad_request,
    "The request was refused."};
constexpr StatusRow other_status = {500, ErrorKind::internal,
    "The gateway failed."};

const StatusRow &status_row(int status)
{
    for (const StatusRow &row : status_rows) {
        if (row.status == status) {
            return row;
        }
    }

    return status >= 400 && status < 500 ? other_4xx : other_status;
}

void write_text_or_null(json::Writer &writer, std::string_view text)
{
    if (text.empty()) {
        writer.null();
    } else {
        writer.string(text);
    }
}

// From this wait on a new attempt is the user's business, not the SDK's:
// openai-python's MAX_RETRY_AFTER_DELAY. Older SDKs do not wait as long as
// they are asked to, but come back after seconds.
constexpr long longest_wait_of_clients = 120;

}

int status_of(ErrorKind kind)
{
    return row_of(kind).status;
}

ErrorKind kind_of_status(int status)
{
    return status_row(status).kind;
}

std::string_view message_of_status(int status)
{
    return status_row(status).message;
}

std::string_view code_of(const Error &error)
{
    return error.code.empty() ? row_of(error.kind).code
                              : std::string_view(error.code);
}

void write_error(const Error &error, Output &out)
{
    const Row &row = row_of(error.kind);
    json::Writer writer(out);

    writer.begin_object().key("error").begin_object();
    writer.key("message").string(error.message);
    writer.key("type").string(row.type);
    writer.key("param");

    // There it is the Allow list, which goes into the header of that name.
    if (error.kind == ErrorKind::method_not_allowed) {
        writer.null();
    } else {
        write_text_or_null(writer, error.param);
    }

    writer.key("code");
    write_text_or_null(writer, code_of(error));
    writer.end_object().end_object();
}

void write_error_event(const Error &error, Output &out)
{
    out.append("data: ");
    write_error(error, out);
    out.append("\n\n");
}

std::string_view should_retry(const Error &error)
{
    switch (error.kind) {

    case ErrorKind::conflict:
    case ErrorKind::credentials_failed:
    case ErrorKind::quota_exhausted:
    case ErrorKind::timeout:
        return "false";

    // The SDKs retry 409, 429 and 5xx by themselves; a refused request they do
    // not.
    default:
        return error.retry_after > longest_wait_of_clients ? "false" : "";
    }
}

}

// Answers that the module writes itself, without an upstream.
#pragma once

#include "core/base/result.hpp"
#include "nginx/context.hpp"

#include <string_view>

namespace gw::ngx {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view binary_type = "application/octet-stream";
constexpr std::string_view event_stream_type =
    "text/event-stream; charset=utf-8";

/// What every answer in one of our locations carries: x-request-id, and for a
/// browser the CORS headers. NGX_OK or NGX_ERROR.
ngx_int_t add_common_headers(ngx_http_request_t *r, RequestContext *ctx);

/// Retry-After, x-should-retry, Allow: what goes with the error.
ngx_int_t add_error_headers(ngx_http_request_t *r, const Error &error);

/// What keeps proxies on the way from holding a stream back.
/// Source: reference/stream-framing.md section 5.
ngx_int_t add_stream_headers(ngx_http_request_t *r);

/// Makes the head ours: status, type and exact length, nothing left of what
/// stood there.
void set_head(ngx_http_request_t *r, ngx_uint_t status,
    std::string_view content_type, off_t length);

/// Sends head and body, discarding what of the request's body was not read.
/// Returns what a content handler returns.
ngx_int_t send_body(ngx_http_request_t *r, RequestContext *ctx,
    ngx_uint_t status, std::string_view content_type, ngx_chain_t *body,
    off_t size);
ngx_int_t send_json(ngx_http_request_t *r, RequestContext *ctx,
    ngx_uint_t status, ngx_chain_t *body, off_t size);

/// The error in the form of the location's API.
void write_error(ngx_http_request_t *r, const Error &error, ngx_uint_t status,
    Output &out);

/// The same with the error in that form; logs it at info, as it is the
/// client's or a passing state.
ngx_int_t send_error(ngx_http_request_t *r, RequestContext *ctx,
    const Error &error);

/// Answers a CORS preflight, without touching a key.
ngx_int_t send_preflight(ngx_http_request_t *r, RequestContext *ctx);

}

#include "nginx/answer.hpp"

#include "core/gemini/error_form.hpp"
#include "core/openai/error.hpp"
#include "nginx/headers.hpp"
#include "nginx/log.hpp"

#include <string>

namespace gw::ngx {

ngx_int_t add_common_headers(ngx_http_request_t *r, RequestContext *ctx)
{
    if (add_header(r, "x-request-id", ctx->request_id) != NGX_OK) {
        return NGX_ERROR;
    }

    // Callers are known by a token they must send, never by a cookie, so any
    // origin may ask; but who administers does so from here.
    if (find_header(r, "origin") == nullptr
        || location_conf(r)->admin_pool != nullptr)
    {
        return NGX_OK;
    }

    if (add_header(r, "Access-Control-Allow-Origin", "*") != NGX_OK) {
        return NGX_ERROR;
    }

    return add_header(r, "Access-Control-Expose-Headers",
        location_conf(r)->native
        ? "x-request-id, retry-after, x-goog-upload-url, "
          "x-goog-upload-status, x-goog-upload-size-received, "
          "x-goog-upload-chunk-granularity"
        : "x-request-id, retry-after");
}

ngx_int_t add_error_headers(ngx_http_request_t *r, const Error &error)
{
    if (error.retry_after > 0
        && add_header(r, "Retry-After", std::to_string(error.retry_after))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (error.kind == ErrorKind::method_not_allowed
        && add_header(r, "Allow", error.param) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (error.kind == ErrorKind::unauthorized
        && add_header(r, "WWW-Authenticate", "Bearer") != NGX_OK)
    {
        return NGX_ERROR;
    }

    std::string_view retry = openai::should_retry(error);

    return retry.empty() ? NGX_OK : add_header(r, "x-should-retry", retry);
}

ngx_int_t add_stream_headers(ngx_http_request_t *r)
{
    if (add_header(r, "Cache-Control", "no-cache, no-transform") != NGX_OK) {
        return NGX_ERROR;
    }

#if (NGX_HTTP_GZIP)
    // Compressors hold back what they have too little of.
    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    return add_header(r, "X-Accel-Buffering", "no");
}

void set_head(ngx_http_request_t *r, ngx_uint_t status,
    std::string_view content_type, off_t length)
{
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);
    ngx_http_clear_content_length(r);

    if (r->headers_out.content_encoding != nullptr) {
        r->headers_out.content_encoding->hash = 0;
        r->headers_out.content_encoding = nullptr;
    }

    r->headers_out.status = status;
    ngx_str_null(&r->headers_out.status_line);
    r->headers_out.content_type = str(content_type);
    r->headers_out.content_type_len =
        content_type.substr(0, content_type.find(';')).size();
    r->headers_out.content_type_lowcase = nullptr;
    ngx_str_null(&r->headers_out.charset);
    r->headers_out.content_length_n = length;
}

ngx_int_t send_json(ngx_http_request_t *r, RequestContext *ctx,
    ngx_uint_t status, ngx_chain_t *body, off_t size)
{
    return send_body(r, ctx, status, json_type, body, size);
}

ngx_int_t send_body(ngx_http_request_t *r, RequestContext *ctx,
    ngx_uint_t status, std::string_view content_type, ngx_chain_t *body,
    off_t size)
{
    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->own_answer = true;
    set_head(r, status, content_type, size);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    ngx_chain_t *last = body;

    while (last->next != nullptr) {
        last = last->next;
    }

    last->buf->last_buf = (r == r->main);
    last->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, body);
}

void write_error(ngx_http_request_t *r, const Error &error, ngx_uint_t status,
    Output &out)
{
    if (location_conf(r)->native) {
        gemini::write_error(error, static_cast<int>(status), out);
    } else {
        openai::write_error(error, out);
    }
}

ngx_int_t send_error(ngx_http_request_t *r, RequestContext *ctx,
    const Error &error)
{
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
        "gemini: request refused: %*s", GW_LOG(error.message));

    ctx->error = error;

    ChainOutput out(r->pool, 1024);
    auto status = static_cast<ngx_uint_t>(openai::status_of(error.kind));

    write_error(r, error, status, out);
    ngx_chain_t *body = out.finish();

    if (add_error_headers(r, error) != NGX_OK) {
        return NGX_ERROR;
    }

    return send_json(r, ctx, status, body, out.size());
}

ngx_int_t send_preflight(ngx_http_request_t *r, RequestContext *ctx)
{
    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->own_answer = true;
    set_head(r, NGX_HTTP_NO_CONTENT, {}, -1);
    r->header_only = 1;

    // The SDKs send x-stainless-* headers of many names: whatever the browser
    // asks for is allowed.
    ngx_table_elt_t *wanted = find_header(r,
        "access-control-request-headers");

    std::string_view methods = location_conf(r)->native
        ? "GET, POST, PUT, PATCH, DELETE, OPTIONS" : "GET, POST, OPTIONS";

    if (add_header(r, "Allow", methods) != NGX_OK
        || add_header(r, "Access-Control-Allow-Methods", methods) != NGX_OK
        || add_header(r, "Access-Control-Allow-Headers",
               wanted != nullptr ? view(wanted->value)
                                 : "authorization, content-type")
           != NGX_OK
        || add_header(r, "Access-Control-Max-Age", "86400") != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_send_header(r);

    return rc == NGX_ERROR || rc > NGX_OK
        ? rc : ngx_http_send_special(r, NGX_HTTP_LAST);
}

}

// Status line and header fields of upstream's answer. Little of them matters:
// the client's head is written anew.
#include "nginx/compat.hpp"
#include "nginx/log.hpp"
#include "nginx/upstream.hpp"

#include "core/base/duration.hpp"
#include "core/base/text.hpp"

namespace gw::ngx {

namespace {

ngx_int_t process_header_line(ngx_http_request_t *r);

bool take_length(std::string_view value, off_t &length)
{
    ngx_str_t text = str(trim(value));

    length = ngx_atoof(text.data, text.len);
    return length != NGX_ERROR;
}

ngx_int_t broken_head(RequestContext *ctx, const char *what)
{
    ngx_log_error(NGX_LOG_ERR, ctx->r->connection->log, 0,
        "gemini: upstream sent an invalid head: %s", what);

    Error error;
    error.kind = ErrorKind::upstream_failed;
    error.message = "The upstream sent an invalid answer.";
    ctx->error = error;

    // Not the credential's fault, but perhaps this connection's.
    move_on(ctx, true);
    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}

/// What a front passes on, of which an answer has a few.
void keep_field(RequestContext *ctx, std::string_view name,
    std::string_view value)
{
    constexpr std::size_t most = 16;
    std::string passed = ctx->front->head_field(name, value, ctx->here);

    if (!passed.empty() && ctx->head_fields.size() < most) {
        ctx->head_fields.push_back({std::string(name), std::move(passed)});
    }
}

/// Names are compared in lower case. NGX_OK, or NGX_ERROR: a lie.
ngx_int_t take_header(RequestContext *ctx, std::string_view name,
    std::string_view value)
{
    ngx_http_upstream_headers_in_t &in = ctx->r->upstream->headers_in;

    if (iequals(name, "content-length")) {
        off_t length;

        if (!take_length(value, length)
            || (in.content_length_n >= 0 && in.content_length_n != length))
        {
            return NGX_ERROR;
        }

        in.content_length_n = length;

    } else if (iequals(name, "transfer-encoding")) {
        if (!iequals(trim(value), "chunked")) {
            return NGX_ERROR;
        }

        in.chunked = 1;

    } else if (iequals(name, "connection")) {
        if (iequals(trim(value), "close")) {
            in.connection_close = 1;
        }

    } else if (iequals(name, "content-encoding")) {
        // None was asked for.
        if (!iequals(trim(value), "identity") && !trim(value).empty()) {
            return NGX_ERROR;
        }

    } else if (iequals(name, "content-type")) {
        constexpr std::string_view json = "application/json";

        ctx->content_type = trim(value);
        ctx->json_body = iequals(trim(value).substr(0, json.size()), json);

    } else if (iequals(name, "retry-after")) {
        ctx->retry_after_ms = parse_retry_after(value, now_ms());

    } else {
        keep_field(ctx, name, value);
    }

    return NGX_OK;
}

ngx_int_t head_done(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_http_upstream_t *u = r->upstream;
    ngx_uint_t status = u->headers_in.status_n;

    if (status < 200) {
        // 1xx: the answer proper follows (RFC 9110 15.2).
        r->state = 0;
        ctx->status = {};
        u->headers_in.content_length_n = -1;
        u->headers_in.chunked = 0;
        u->process_header = process_status_line;

        return u->process_header(r);
    }

    if (status == NGX_HTTP_NO_CONTENT || status == NGX_HTTP_NOT_MODIFIED) {
        ctx->framing.start(Framing::Kind::length, 0);

    } else if (u->headers_in.chunked) {
        ctx->framing.start(Framing::Kind::chunked, 0);

    } else if (u->headers_in.content_length_n >= 0) {
        ctx->framing.start(Framing::Kind::length,
            u->headers_in.content_length_n);

    } else {
        ctx->framing.start(Framing::Kind::until_close, 0);
    }

    if (ctx->front->status_for(static_cast<int>(status)) == 0) {
        u->process_header = hold_error;

    } else {
        u->process_header = ctx->front->streams() ? hold_stream : hold_whole;
    }

    return u->process_header(r);
}

ngx_int_t parse_header_lines(ngx_http_request_t *r)
{
    RequestContext *ctx = context_of(r);
    ngx_http_upstream_t *u = r->upstream;

    for ( ;; ) {
        switch (ngx_http_parse_header_line(r, &u->buffer, 1)) {

        case NGX_OK:
            if (take_header(ctx,
                    {reinterpret_cast<char *>(r->header_name_start),
                     static_cast<std::size_t>(r->header_name_end
                                              - r->header_name_start)},
                    {reinterpret_cast<char *>(r->header_start),
                     static_cast<std::size_t>(r->header_end
                                              - r->header_start)})
                != NGX_OK)
            {
                return broken_head(ctx, "contradictory or unknown framing");
            }

            break;

        case NGX_HTTP_PARSE_HEADER_DONE:
            return head_done(ctx);

        case NGX_AGAIN:
            return NGX_AGAIN;

        default:
            return broken_head(ctx, "not a header field");
        }
    }
}

ngx_int_t process_header_line(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() { return parse_header_lines(r); });
}

}

ngx_int_t process_status_line(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);
            ngx_http_upstream_t *u = r->upstream;

            switch (ngx_http_parse_status_line(r, &u->buffer, &ctx->status)) {

            case NGX_OK:
                break;

            case NGX_AGAIN:
                return NGX_AGAIN;

            default:
                return broken_head(ctx, "no HTTP status line");
            }

            u->headers_in.status_n = ctx->status.code;

            if (u->state != nullptr && ctx->status.code >= 200) {
                u->state->status = ctx->status.code;
            }

            if (ctx->status.http_version < NGX_HTTP_VERSION_11) {
                u->headers_in.connection_close = 1;
            }

            u->process_header = process_header_line;
            return parse_header_lines(r);
        });
}

}

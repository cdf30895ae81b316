#include "nginx/error_pages.hpp"

#include "core/openai/error.hpp"
#include "nginx/access.hpp"
#include "nginx/answer.hpp"
#include "nginx/models_cache.hpp"

namespace gw::ngx {

namespace {

ngx_http_output_header_filter_pt next_header_filter;
ngx_http_output_body_filter_pt next_body_filter;

bool ours(ngx_http_request_t *r)
{
    return r == r->main && location_conf(r)->ours();
}

/// The error behind a status: what we know ourselves, or what the status says.
Error error_of(RequestContext *ctx, ngx_uint_t status)
{
    if (ctx->error
        && openai::status_of(ctx->error->kind) == static_cast<int>(status))
    {
        return *ctx->error;
    }

    Error error;
    int number = static_cast<int>(status);
    error.kind = openai::kind_of_status(number);
    error.message = openai::message_of_status(number);

    return error;
}

/// Replaces nginx's HTML page: the head now, the body in filter_body.
ngx_int_t replace_page(ngx_http_request_t *r, RequestContext *ctx)
{
    ngx_uint_t status = r->headers_out.status;
    ChainOutput out(r->pool, 1024);
    Error error = error_of(ctx, status);

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR
        && write_stale_models(ctx, out, error))
    {
        status = NGX_HTTP_OK;
        r->err_status = 0;

    } else {
        if (error.kind == ErrorKind::model_not_found) {
            // Known from the kept list, which upstream's failure cannot deny.
            status = NGX_HTTP_NOT_FOUND;
        }

        ctx->error = error;
        write_error(r, error, status, out);

        if (add_error_headers(r, error) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ctx->replacement = out.finish();
    set_head(r, status, json_type, out.size());

    return NGX_OK;
}

ngx_int_t filter_header(ngx_http_request_t *r)
{
    if (!ours(r)) {
        return next_header_filter(r);
    }

    ngx_int_t rc = guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = need_context(r);

            if (ctx == nullptr) {
                return NGX_ERROR;
            }

            if (ctx->head_sent) {
                // It went out early; see keep_alive.cpp.
                r->header_sent = 1;
                return NGX_DONE;
            }

            // A refusal before the rewrite phase, such as 413.
            if (ctx->request_line.data != nullptr
                && take_query_key(r, ctx) != NGX_OK)
            {
                return NGX_ERROR;
            }

            if (location_conf(r)->admin_pool != nullptr
                && hide_uri_key(r) != NGX_OK)
            {
                return NGX_ERROR;
            }

            if (r->headers_out.status >= NGX_HTTP_BAD_REQUEST
                && !ctx->own_answer && replace_page(r, ctx) != NGX_OK)
            {
                return NGX_ERROR;
            }

            return add_common_headers(r, ctx);
        });

    if (rc == NGX_DONE) {
        return NGX_OK;
    }

    return rc == NGX_OK ? next_header_filter(r) : rc;
}

ngx_int_t filter_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    RequestContext *ctx = in != nullptr && ours(r) ? context_of(r) : nullptr;

    if (ctx == nullptr || ctx->replacement == nullptr) {
        return next_body_filter(r, in);
    }

    // nginx's own page counts as sent.
    for (ngx_chain_t *cl = in; cl != nullptr; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    ngx_chain_t *page = ctx->replacement;

    // Once: the first call brings the whole page.
    ctx->replacement = nullptr;

    ngx_chain_t *last = page;

    while (last->next != nullptr) {
        last = last->next;
    }

    last->buf->last_buf = 1;
    last->buf->last_in_chain = 1;

    return next_body_filter(r, page);
}

}

ngx_int_t add_error_filters()
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = filter_header;

    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = filter_body;

    return NGX_OK;
}

}

#include "nginx/admin_answer.hpp"

#include "nginx/answer.hpp"
#include "nginx/headers.hpp"

namespace gw::ngx {

ngx_int_t answer(RequestContext *ctx, ngx_uint_t status, ChainOutput &out)
{
    if (add_header(ctx->r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_chain_t *body = out.finish();

    return send_json(ctx->r, ctx, status, body, out.size());
}

ngx_int_t refuse(RequestContext *ctx, const Error &error)
{
    if (add_header(ctx->r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return send_error(ctx->r, ctx, error);
}

ngx_int_t answer_nothing(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->own_answer = true;
    set_head(r, NGX_HTTP_NO_CONTENT, {}, -1);
    r->header_only = 1;

    if (add_header(r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    return rc == NGX_ERROR || rc > NGX_OK
        ? rc : ngx_http_send_special(r, NGX_HTTP_LAST);
}

}

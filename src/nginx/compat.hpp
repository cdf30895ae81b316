// Everything that depends on the version of nginx.
#pragma once

#include "nginx/ngx.hpp"

#if !(NGX_HTTP_SSL)
#error "ngx_http_gemini_module needs nginx with --with-http_ssl_module"
#endif

namespace gw::ngx {

inline ngx_int_t parse_chunked(ngx_http_request_t *r, ngx_buf_t *b,
    ngx_http_chunked_t *ctx)
{
#if (nginx_version >= 1027002)
    return ngx_http_parse_chunked(r, b, ctx, 0);
#else
    return ngx_http_parse_chunked(r, b, ctx);
#endif
}

/// A new response header, zeroed: since 1.23.0 ngx_table_elt_t has a `next`
/// that ngx_list_push() leaves as it was.
inline ngx_table_elt_t *push_header(ngx_list_t *list)
{
    auto *h = static_cast<ngx_table_elt_t *>(ngx_list_push(list));

    if (h != nullptr) {
        *h = {};
        h->hash = 1;
    }

    return h;
}

}

// Everything that depends on the version of nginx, or of hiredis.
#pragma once

#include "nginx/ngx.hpp"

#include <hiredis/hiredis.h>

#if (GEMINI_HAVE_HIREDIS_SSL)
#include <hiredis/hiredis_ssl.h>
#endif

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

#if (GEMINI_HAVE_HIREDIS_SSL)

constexpr bool have_redis_tls = true;

/// From then on the connection speaks through ssl, and owns it. false: ssl
/// stays the caller's.
inline bool start_ssl(redisContext *context, SSL *ssl)
{
    return redisInitiateSSL(context, ssl) == REDIS_OK;
}

#else

constexpr bool have_redis_tls = false;

inline bool start_ssl(redisContext *, SSL *)
{
    return false;
}

#endif

}

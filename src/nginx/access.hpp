// gemini_auth, the limits of clients and addresses: who may go on.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Takes ?key= out of the arguments, which may be logged, and keeps its value
/// in ctx->query_key; nothing else of ours needs it. NGX_OK or NGX_ERROR.
ngx_int_t take_query_key(ngx_http_request_t *r, RequestContext *ctx);

/// Of the admin API, once the way is found: a key in the path must not be in
/// $uri, which may be logged. NGX_OK or NGX_ERROR.
ngx_int_t hide_uri_key(ngx_http_request_t *r);

/// Registers the handlers of the post-read, rewrite and access phases.
ngx_int_t add_access_handler(ngx_conf_t *cf);

}

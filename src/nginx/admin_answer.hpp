// What the answers of the admin API have in common.
#pragma once

#include "core/base/result.hpp"
#include "nginx/context.hpp"

namespace gw::ngx {

/// The pool that the location governs.
inline PoolConf &governed_conf(RequestContext *ctx)
{
    return *ctx->conf->admin_pool;
}

inline keys::Pool &governed_pool(RequestContext *ctx)
{
    return governed_conf(ctx).zone->pool;
}

// All return what a content handler returns; no cache keeps the answer.
ngx_int_t answer(RequestContext *ctx, ngx_uint_t status, ChainOutput &out);
ngx_int_t answer_nothing(RequestContext *ctx);
ngx_int_t refuse(RequestContext *ctx, const Error &error);

}

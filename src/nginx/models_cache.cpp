#include "nginx/models_cache.hpp"

#include "core/base/text.hpp"
#include "nginx/answer.hpp"

#include <string>

namespace gw::ngx {

namespace {

/// Whose list it is: those of two APIs are not written alike.
std::uint64_t source_of(RequestContext *ctx)
{
    const Target &target = *ctx->conf->destinations->list.front().target;

    return hash64(std::string(view(target.url)) + " "
        + std::to_string(ctx->front->apis()));
}

}

ngx_int_t answer_fresh_models(RequestContext *ctx)
{
    auto kept = kept_models(ctx->zone(), source_of(ctx));

    auto fresh_ms = static_cast<std::int64_t>(ctx->conf->models_cache);

    if (!kept || kept->fetched_ms + fresh_ms <= now_ms()) {
        return NGX_DECLINED;
    }

    ChainOutput out(ctx->r->pool, 16384);

    if (!ctx->models->answer_from(kept->text, out)) {
        return send_error(ctx->r, ctx, ctx->models->error());
    }

    ngx_chain_t *body = out.finish();

    return send_json(ctx->r, ctx, NGX_HTTP_OK, body, out.size());
}

bool write_stale_models(RequestContext *ctx, Output &out, Error &error)
{
    if (ctx->models == nullptr) {
        return false;
    }

    auto kept = kept_models(ctx->zone(), source_of(ctx));

    if (!kept) {
        return false;
    }

    ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
        "gemini: upstream gives no list of models, "
        "the one of %T s ago is served",
        static_cast<time_t>((now_ms() - kept->fetched_ms) / 1000));

    if (!ctx->models->answer_from(kept->text, out)) {
        error = ctx->models->error();
        return false;
    }

    return true;
}

ngx_int_t send_stale_or_error(RequestContext *ctx, Error error)
{
    ChainOutput out(ctx->r->pool, 16384);

    if (!write_stale_models(ctx, out, error)) {
        return send_error(ctx->r, ctx, error);
    }

    ngx_chain_t *body = out.finish();

    return send_json(ctx->r, ctx, NGX_HTTP_OK, body, out.size());
}

void keep_fetched_models(RequestContext *ctx)
{
    if (ctx->models != nullptr && ctx->models->complete()) {
        keep_models(ctx->zone(), source_of(ctx), ctx->models->keep(),
            now_ms(), ctx->r->connection->log);
    }
}

}

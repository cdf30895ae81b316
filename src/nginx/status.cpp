#include "nginx/status.hpp"

#include "nginx/answer.hpp"
#include "nginx/headers.hpp"
#include "nginx/metrics.hpp"
#include "nginx/redis_connection.hpp"
#include "nginx/version.hpp"

namespace gw::ngx {

namespace {

view::LinkView link_of(const PoolConf &pool)
{
    view::LinkView link;

    if (pool.redis == nullptr) {
        return link;
    }

    const LinkReport &report = pool.zone->link_report();

    link.state = report.up.load() != 0 ? view::LinkView::State::up
                                       : view::LinkView::State::connecting;
    link.url = share::shown(pool.redis->url);
    link.since_ms = static_cast<std::int64_t>(report.since_ms.load());
    link.losses = report.losses.load();
    link.hosts = pool.zone->pool.share().count;

    return link;
}

ngx_int_t send_status(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        Error error;
        error.kind = ErrorKind::method_not_allowed;
        error.message = "Only GET is allowed here.";
        error.param = "GET";

        return send_error(r, ctx, error);
    }

    if (ctx->conf->status_form == StatusForm::metrics) {
        return send_metrics(ctx);
    }

    keys::Pool &pool = ctx->conf->status_pool->zone->pool;
    pool.refresh(now_ms());

    ChainOutput out(r->pool, 4096);
    ngx_uint_t status = NGX_HTTP_OK;

    if (ctx->conf->status_form == StatusForm::health) {
        view::write_health(pool, now_ms(), out);

        if (!pool.healthy(now_ms())) {
            status = NGX_HTTP_SERVICE_UNAVAILABLE;
        }

    } else {
        view::write_status(pool, status_of(*ctx->conf->status_pool, now_ms()),
            out);
    }

    if (add_header(r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_chain_t *body = out.finish();

    return send_json(r, ctx, status, body, out.size());
}

}

view::StatusContext status_of(const PoolConf &pool, std::int64_t now_ms)
{
    view::StatusContext context;

    context.pool = ngx::view(pool.name);
    context.version = module_version;
    context.now_ms = now_ms;
    context.redis = link_of(pool);

    return context;
}

ngx_int_t handle_status(ngx_http_request_t *r)
{
    return guarded(r->connection->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [&]() -> ngx_int_t {
            RequestContext *ctx = need_context(r);

            if (ctx == nullptr) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            ctx->conf = location_conf(r);
            return send_status(ctx);
        });
}

}

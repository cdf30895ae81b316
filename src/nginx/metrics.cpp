#include "nginx/metrics.hpp"

#include "core/view/metrics.hpp"
#include "nginx/answer.hpp"
#include "nginx/headers.hpp"
#include "nginx/version.hpp"

namespace gw::ngx {

namespace {

using keys::FailureClass;
using keys::Metric;
using keys::Series;

// Of the exposition format that every monitor of this family reads.
constexpr std::string_view text_type =
    "text/plain; version=0.0.4; charset=utf-8";

/// 0: other.
std::uint16_t model_label(keys::Pool &pool, std::string_view model)
{
    auto index = static_cast<std::uint16_t>(pool.known_model_index(model));

    return pool.metrics().knows_model(index) ? index : std::uint16_t{0};
}

/// Upstream has shown that there is such a model.
void note_model(keys::Pool &pool, std::string_view model)
{
    if (model_label(pool, model) == 0) {
        pool.metrics().note_model(
            static_cast<std::uint16_t>(pool.model_index(model)));
    }
}

/// 0: none.
std::uint32_t key_label(keys::Pool &pool, std::size_t credential)
{
    return credential == keys::Choice::nobody
        ? 0 : pool.credentials()[credential].slot + 1;
}

/// What the access log says, too.
std::uint16_t status_of(ngx_http_request_t *r)
{
    return static_cast<std::uint16_t>(
        r->err_status != 0 ? r->err_status : r->headers_out.status);
}

std::int64_t duration_ms(ngx_http_request_t *r)
{
    ngx_time_t *tp = ngx_timeofday();

    return static_cast<std::int64_t>(tp->sec - r->start_sec) * 1000
           + static_cast<std::int64_t>(tp->msec)
           - static_cast<std::int64_t>(r->start_msec);
}

void count_tokens(keys::MetricTable &metrics, Series series,
    const gemini::Usage &usage)
{
    const struct {
        view::TokenType type;
        std::int64_t count;
    } rows[] = {
        { view::TokenType::prompt, usage.prompt_tokens },
        { view::TokenType::completion, usage.completion_tokens },
        { view::TokenType::reasoning, usage.reasoning_tokens },
        { view::TokenType::cached, usage.cached_tokens },
    };

    series.metric = Metric::tokens;
    series.operation = 0;

    for (const auto &row : rows) {
        if (row.count > 0) {
            series.status = static_cast<std::uint16_t>(row.type);
            metrics.add(series, static_cast<std::uint64_t>(row.count));
        }
    }
}

void count_request(ngx_http_request_t *r, RequestContext *ctx,
    keys::Pool &pool)
{
    keys::MetricTable &metrics = pool.metrics();
    Series series;

    series.metric = Metric::requests;
    series.status = status_of(r);

    if (ctx != nullptr) {
        series.operation = view::operation_number(ctx->operation);
        series.model = model_label(pool, ctx->model);
        series.credential = key_label(pool, ctx->counting.credential);
    }

    metrics.add(series);

    if (series.operation == 0) {
        return;
    }

    metrics.latency(series.operation).add(duration_ms(r));

    if (ctx->front == nullptr) {
        return;
    }

    if (ctx->front->streams() && ctx->first_token_ms >= 0) {
        metrics.first_token(series.operation).add(ctx->first_token_ms);
    }

    if (ctx->front->outcome().has_usage) {
        count_tokens(metrics, series, ctx->front->outcome().usage);
    }
}

ngx_int_t handle_log(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_OK},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);
            // An error page of another location may have the last word.
            LocationConf *conf = ctx != nullptr && ctx->conf->serves()
                ? ctx->conf : location_conf(r);

            // What is refused before it gets to us counts too; a browser's
            // preflight is no request of anybody's.
            if (conf->serves() && r->method != NGX_HTTP_OPTIONS) {
                count_request(r, ctx, conf->pool->zone->pool);
            }

            return NGX_OK;
        });
}

std::optional<view::RedisState> redis_state(PoolConf *pool)
{
    if (pool->redis == nullptr) {
        return std::nullopt;
    }

    const LinkReport &report = pool->zone->link_report();
    view::RedisState state;

    state.up = report.up.load() != 0;
    state.lost = report.losses.load();
    state.hosts = pool->zone->pool.share().count;

    return state;
}

}

ngx_int_t add_metrics_handler(ngx_conf_t *cf)
{
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto *h = static_cast<ngx_http_handler_pt *>(
        ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers));

    if (h == nullptr) {
        return NGX_ERROR;
    }

    *h = handle_log;
    return NGX_OK;
}

ngx_int_t send_metrics(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    PoolConf *pool = ctx->conf->status_pool != nullptr
        ? ctx->conf->status_pool : ctx->conf->admin_pool;

    view::MetricsInput input = view::metrics_of(pool->zone->pool, now_ms());
    input.pool = view(pool->name);
    input.version = module_version;
    input.redis = redis_state(pool);

    ChainOutput out(r->pool, 16384);
    view::write_metrics(input, out);

    if (add_header(r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_chain_t *body = out.finish();

    return send_body(r, ctx, NGX_HTTP_OK, text_type, body, out.size());
}

void note_try_begun(RequestContext *ctx)
{
    ctx->counting.credential = ctx->tries.credential;
    ctx->counting.model = ctx->model;
    ctx->counting.trying = true;
    // Upstream's last answer was another try's.
    ctx->status.code = 0;
}

void note_try_ended(RequestContext *ctx)
{
    if (!ctx->counting.trying) {
        return;
    }

    ctx->counting.trying = false;

    keys::Pool &pool = ctx->pool();
    Series series;

    series.metric = Metric::tries;
    series.status = static_cast<std::uint16_t>(ctx->status.code);
    series.credential = key_label(pool, ctx->counting.credential);

    if (series.status >= 200 && series.status < 300) {
        note_model(pool, ctx->counting.model);
    }

    series.model = model_label(pool, ctx->counting.model);
    pool.metrics().add(series);
}

void note_rest(RequestContext *ctx, const keys::Pool::Consequence &rest)
{
    if (!rest.news) {
        return;
    }

    keys::Pool &pool = ctx->pool();
    Series series;

    series.metric = Metric::rests;
    series.status = static_cast<std::uint16_t>(rest.failure);
    series.credential = key_label(pool, ctx->tries.credential);

    if (rest.scope != gemini::Scope::key) {

        // What has a quota exists: nobody else is told that it is used up.
        if (rest.failure == FailureClass::rate_limit
            || rest.failure == FailureClass::daily_quota)
        {
            note_model(pool, ctx->model);
        }

        series.model = model_label(pool, ctx->model);
    }

    pool.metrics().add(series);
}

void note_stream_opened(RequestContext *ctx)
{
    if (!ctx->counting.streaming) {
        ctx->counting.streaming = true;
        ctx->pool().count_stream(1);
    }
}

void note_stream_closed(RequestContext *ctx)
{
    if (ctx->counting.streaming) {
        ctx->counting.streaming = false;
        ctx->pool().count_stream(-1);
    }
}

}

// A request that nothing but an account without an access token could serve is
// held until that comes; with `exhausted wait=TIME` also one for which every
// key rests, until one may be back.
#include "core/keys/shortage.hpp"
#include "nginx/choice.hpp"
#include "nginx/log.hpp"
#include "nginx/upstream.hpp"

#include <algorithm>
#include <optional>

namespace gw::ngx {

namespace {

// A rest may be ended by hand, or on another host, before its time.
constexpr std::int64_t longest_nap_ms = 1000;

// Those who wait for the same key do not all ask at the same moment.
constexpr std::int64_t jitter_ms = 20;

/// An exchange takes as long as a round trip. Longer than its timeout nobody
/// waits for one.
constexpr std::int64_t token_nap_ms = 30;
constexpr ngx_msec_t token_patience = 10000;

ngx_msec_t time_left(ngx_msec_t until)
{
    auto left = static_cast<ngx_msec_int_t>(until - ngx_current_msec);

    return left > 0 ? static_cast<ngx_msec_t>(left) : 0;
}

/// When to look again, in ms; nullopt: nothing will be back in time.
std::optional<std::int64_t> time_to_nap(RequestContext *ctx,
    const keys::Choice &choice)
{
    const PoolConf &pool = *ctx->conf->pool;
    Waiting &waiting = ctx->waiting;

    if (may_wait_for_token(ctx, choice)) {
        if (waiting.token_until == 0) {
            waiting.token_until = ngx_current_msec + token_patience;
        }

        return token_nap_ms;
    }

    if (pool.exhausted != Exhausted::wait || choice.back_at_ms == 0) {
        return std::nullopt;
    }

    if (waiting.until == 0) {
        waiting.until = ngx_current_msec + pool.wait;
    }

    std::int64_t rest_ms = std::max<std::int64_t>(
        choice.back_at_ms - now_ms(), 0);

    if (rest_ms > static_cast<std::int64_t>(time_left(waiting.until))) {
        return std::nullopt;
    }

    return std::min(rest_ms, longest_nap_ms);
}

/// Arms the timer. false: nothing will be back in time.
bool nap(RequestContext *ctx, const keys::Choice &choice,
    ngx_event_handler_pt handler)
{
    Waiting &waiting = ctx->waiting;
    std::optional<std::int64_t> rest_ms = time_to_nap(ctx, choice);

    if (!rest_ms) {
        return false;
    }

    *rest_ms += static_cast<std::int64_t>(ngx_random()) % jitter_ms + 1;
    waiting.ctx = ctx;

    ngx_event_t &ev = waiting.event;
    ev.handler = handler;
    // Debug logging takes data for a connection.
    ev.data = ctx->r->connection;
    ev.log = ctx->r->connection->log;

    ngx_add_timer(&ev, static_cast<ngx_msec_t>(*rest_ms));
    return true;
}

RequestContext *context_from(ngx_event_t *ev)
{
    return reinterpret_cast<Waiting *>(ev)->ctx;
}

void start_again(ngx_event_t *ev)
{
    RequestContext *ctx = context_from(ev);
    ngx_http_request_t *r = ctx->r;
    ngx_connection_t *c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_int_t rc = guarded(c->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [&]() {
            start_afresh(ctx);
            return start_upstream(ctx);
        });

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}

/// Stands in for a connection's recv while a failed answer is held: nothing it
/// may still say matters. When the wait is over it hands out one byte, for
/// upstream.c calls process_header only when some came.
ssize_t receive_nothing(ngx_connection_t *c, u_char *buf, size_t)
{
    auto *r = static_cast<ngx_http_request_t *>(c->data);
    RequestContext *ctx = context_of(r);

    if (!ctx->waiting.give_byte) {
        return NGX_AGAIN;
    }

    ctx->waiting.give_byte = false;
    c->recv = ctx->waiting.recv;
    *buf = 0;

    return 1;
}

/// The process_header of that byte.
ngx_int_t resume(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);

            r->upstream->buffer.last = r->upstream->buffer.start;
            r->upstream->buffer.pos = r->upstream->buffer.start;

            if (ctx->tries.moving_on) {
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            return answer_error(ctx, *ctx->error);
        });
}

void go_on(ngx_event_t *ev)
{
    RequestContext *ctx = context_from(ev);
    ngx_http_request_t *r = ctx->r;
    ngx_connection_t *c = r->connection;
    ngx_http_upstream_t *u = r->upstream;

    ngx_http_set_log_request(c->log, r);

    bool waits = guarded(c->log, false, [&]() {
        keys::Choice choice;

        start_afresh(ctx);

        if (may_try_again(ctx) && find_credential(ctx, choice)) {
            set_out(ctx);
            return false;
        }

        return may_try_again(ctx) && nap(ctx, choice, go_on);
    });

    if (!waits) {
        ctx->waiting.give_byte = true;
        u->process_header = resume;
        u->read_event_handler(r, u);
    }

    ngx_http_run_posted_requests(c);
}

}

bool may_wait_for_token(RequestContext *ctx, const keys::Choice &choice)
{
    const Waiting &waiting = ctx->waiting;

    return choice.token_coming
           && (waiting.token_until == 0 || time_left(waiting.token_until) > 0);
}

bool wait_for_credential(RequestContext *ctx, const keys::Choice &choice)
{
    ngx_http_request_t *r = ctx->r;

    if (!nap(ctx, choice, start_again)) {
        return false;
    }

    // A client that leaves is noticed, as with limit_req's delay.
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_del_timer(&ctx->waiting.event);
        return false;
    }

    return true;
}

ngx_int_t wait_in_header(RequestContext *ctx, const Error &in_vain)
{
    ngx_http_upstream_t *u = ctx->r->upstream;
    ngx_connection_t *c = u->peer.connection;

    const PoolConf &pool = *ctx->conf->pool;
    bool waits = pool.exhausted == Exhausted::wait || !pool.accounts.empty();

    if (!waits || !may_try_again(ctx)) {
        return NGX_DECLINED;
    }

    std::string_view former = ctx->model;
    ctx->model = ctx->first_model;
    keys::Choice choice = foresee_credential(ctx);
    ctx->model = former;

    if (choice.ok()) {
        // Usable, but this request has had it.
        return NGX_DECLINED;
    }

    if (!nap(ctx, choice, go_on)) {
        return NGX_DECLINED;
    }

    ctx->error = in_vain;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    ctx->waiting.recv = c->recv;
    c->recv = receive_nothing;
    u->keepalive = 0;

    return NGX_AGAIN;
}

}

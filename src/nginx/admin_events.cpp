// A stream that lasts as long as its client likes: a timer looks into the
// pool's journal and sends what is new. When the worker is asked to end, so
// does the stream; the timer is none that nginx may forget, or the worker
// would be gone before the connection.
#include "nginx/admin_events.hpp"

#include "core/view/events.hpp"
#include "nginx/answer.hpp"
#include "nginx/headers.hpp"

#include <algorithm>

namespace gw::ngx {

namespace {

constexpr ngx_msec_t poll_interval = 100;
constexpr ngx_msec_t comment_interval = 15000;

// In one round, so that one reader holds nobody up; the next comes at once.
constexpr std::size_t most_events = 256;

struct EventStream;

/// The event comes first: it is what the callback is given.
struct EventTimer {
    ngx_event_t event;
    EventStream *stream;
};

struct EventStream {
    EventTimer timer{};
    RequestContext *ctx;
    StreamOutput out;
    ngx_chain_t *free = nullptr;
    ngx_chain_t *busy = nullptr;
    std::uint64_t position = 0;     // number of the next event
    ngx_msec_t last_sent = 0;

    explicit EventStream(RequestContext *context)
        : ctx(context), out(context->r->pool, &free, &ngx_http_gemini_module)
    {
    }

    EventStream(const EventStream &) = delete;
    EventStream &operator=(const EventStream &) = delete;

    ~EventStream()
    {
        if (timer.event.timer_set) {
            ngx_del_timer(&timer.event);
        }
    }

    keys::Pool &pool() { return ctx->conf->admin_pool->zone->pool; }
};

/// Keeps the connection's write event armed while the client has not taken
/// what it was sent. NGX_OK or NGX_ERROR.
ngx_int_t watch_write(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;
    ngx_event_t *wev = c->write;
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));

    if (!c->buffered) {
        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        return NGX_OK;
    }

    if (!wev->delayed && !wev->timer_set) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    return ngx_handle_write_event(wev, clcf->send_lowat);
}

/// Bufs that the client has taken come back.
void reclaim(EventStream &stream, ngx_chain_t *sent)
{
    ngx_chain_update_chains(stream.ctx->r->pool, &stream.free, &stream.busy,
        &sent, &ngx_http_gemini_module);
}

/// Sends what was written, if anything. NGX_OK or NGX_ERROR.
ngx_int_t flush(EventStream &stream)
{
    ngx_http_request_t *r = stream.ctx->r;
    ngx_chain_t *chain = nullptr;

    stream.out.take(&chain);

    if (chain == nullptr) {
        return NGX_OK;
    }

    stream.last_sent = ngx_current_msec;

    if (ngx_http_output_filter(r, chain) == NGX_ERROR) {
        return NGX_ERROR;
    }

    reclaim(stream, chain);
    return watch_write(r);
}

/// Writes what has happened. Whoever has fallen behind by more than the
/// journal holds learns so once.
void write_news(EventStream &stream)
{
    keys::Pool &pool = stream.pool();
    std::uint64_t next = pool.journal().next();
    std::uint64_t oldest = next - std::min<std::uint64_t>(next,
        pool.header().journal_capacity);
    bool lost = false;

    if (stream.position == next) {
        return;
    }

    // After a restart with an empty journal its numbers begin anew.
    if (stream.position > next || stream.position < oldest) {
        stream.position = stream.position > next ? next : oldest;
        lost = true;
    }

    pool.refresh(now_ms());

    for (std::size_t i = 0; i < most_events && stream.position < next; ++i) {
        keys::Event event;

        switch (pool.journal().read(stream.position, event)) {

        case keys::Journal::Read::none:
            i = most_events;
            break;

        case keys::Journal::Read::lost:
            ++stream.position;
            lost = true;
            break;

        case keys::Journal::Read::ok:
            if (lost) {
                view::write_lost(stream.position, now_ms(), stream.out);
                lost = false;
            }

            view::write_event(pool, event, now_ms(), stream.out);
            ++stream.position;
            break;
        }
    }

    if (lost) {
        view::write_lost(stream.position, now_ms(), stream.out);
    }
}

/// Returns what the request is to be finalized with; NGX_AGAIN: it goes on.
ngx_int_t go_on(EventStream &stream)
{
    ngx_http_request_t *r = stream.ctx->r;
    ngx_connection_t *c = r->connection;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        r->keepalive = 0;
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    reclaim(stream, nullptr);

    // Who does not read what it was sent is sent nothing more: memory stays
    // flat, and what is missed is told later.
    if (!c->buffered && stream.busy == nullptr) {
        write_news(stream);

        if (ngx_current_msec - stream.last_sent >= comment_interval) {
            stream.out.append(": keep-alive\n\n");
        }

        if (flush(stream) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_add_timer(&stream.timer.event, poll_interval);
    return NGX_AGAIN;
}

void on_timer(ngx_event_t *ev)
{
    EventStream *stream = reinterpret_cast<EventTimer *>(ev)->stream;
    ngx_http_request_t *r = stream->ctx->r;
    ngx_connection_t *c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_int_t rc = guarded(c->log, ngx_int_t{NGX_ERROR},
        [&]() { return go_on(*stream); });

    if (rc != NGX_AGAIN) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}

/// As ngx_http_writer(), but the end of what was sent is not the request's.
void on_writable(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;
    ngx_event_t *wev = c->write;

    if (wev->timedout && !wev->delayed) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
            "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        if (!wev->timedout) {
            return;
        }

        // limit_rate's pause is over.
        wev->timedout = 0;
        wev->delayed = 0;
    }

    if (!c->buffered) {
        return;
    }

    if (wev->timer_set) {
        // It took something.
        ngx_del_timer(wev);
    }

    if (ngx_http_output_filter(r, nullptr) == NGX_ERROR
        || watch_write(r) != NGX_OK)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}

std::uint64_t first_event(EventStream &stream)
{
    ngx_table_elt_t *last = find_header(stream.ctx->r, "last-event-id");
    auto next = last != nullptr ? view::event_after(ngx::view(last->value))
                                : std::nullopt;

    return next ? *next : stream.pool().journal().next();
}

}

ngx_int_t send_events(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    auto *stream = make<EventStream>(r->pool, ctx);

    if (stream == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    // From now on: what happens while the head is on its way counts.
    stream->position = first_event(*stream);

    ctx->own_answer = true;
    set_head(r, NGX_HTTP_OK, event_stream_type, -1);

    if (add_stream_headers(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    // Something to read at once: browsers and proxies wait for it.
    stream->out.append(": open\n\n");

    if (flush(*stream) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_event_t &ev = stream->timer.event;

    stream->timer.stream = stream;
    ev.handler = on_timer;
    // Debug logging takes data for a connection.
    ev.data = r->connection;
    ev.log = r->connection->log;
    ngx_add_timer(&ev, poll_interval);

    // The client's leaving is noticed by reading.
    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = on_writable;
    r->main->count++;

    return NGX_DONE;
}

}

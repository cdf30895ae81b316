// The head of a stream is held back so that a failure can still move on to
// another credential. When upstream thinks for long, clients and proxies
// before us give up on a connection that says nothing: after
// gemini_head_timeout the head goes out, with comments that SSE clients skip.
// As they are no part of the answer, other credentials may still be tried.
#include "nginx/answer.hpp"
#include "nginx/metrics.hpp"
#include "nginx/upstream.hpp"

namespace gw::ngx {

namespace {

constexpr ngx_msec_t comment_interval = 15000;
constexpr std::string_view comment = ": keep-alive\n\n";

ngx_int_t send_comment(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    auto *b = static_cast<ngx_buf_t *>(ngx_calloc_buf(r->pool));
    ngx_chain_t *cl = ngx_alloc_chain_link(r->pool);

    if (b == nullptr || cl == nullptr) {
        return NGX_ERROR;
    }

    b->start = b->pos = str(comment).data;
    b->end = b->last = b->pos + comment.size();
    b->memory = 1;
    b->flush = 1;
    cl->buf = b;
    cl->next = nullptr;

    ctx->last_sent = ngx_current_msec;

    return ngx_http_output_filter(r, cl);
}

ngx_int_t send_head(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    set_head(r, NGX_HTTP_OK, event_stream_type, -1);

    if (add_stream_headers(r) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->own_answer = true;
    note_stream_opened(ctx);

    ngx_int_t rc = ngx_http_send_header(r);
    ctx->head_sent = true;

    return rc;
}

/// Milliseconds until the next comment may be due; 0: now.
ngx_msec_t silence_left(RequestContext *ctx)
{
    ngx_msec_t silent = ngx_current_msec - ctx->last_sent;
    return silent < comment_interval ? comment_interval - silent : 0;
}

void on_timer(ngx_event_t *ev)
{
    RequestContext *ctx = reinterpret_cast<KeepAliveTimer *>(ev)->ctx;
    ngx_http_request_t *r = ctx->r;
    ngx_connection_t *c = r->connection;
    ngx_http_upstream_t *u = r->upstream;

    ngx_http_set_log_request(c->log, r);

    ngx_int_t rc = guarded(c->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            if (!ctx->head_sent && !u->header_sent) {
                ngx_int_t sent = send_head(ctx);
                return sent == NGX_OK ? send_comment(ctx) : sent;
            }

            // A client that has not taken what was sent is not waiting.
            if (silence_left(ctx) == 0 && !c->buffered
                && u->busy_bufs == nullptr && u->out_bufs == nullptr)
            {
                return send_comment(ctx);
            }

            return NGX_OK;
        });

    if (rc == NGX_ERROR) {
        // The client has gone; upstream.c finds out by its own means.
        c->error = 1;
        ngx_post_event(c->write, &ngx_posted_events);

    } else {
        ngx_msec_t left = silence_left(ctx);
        ngx_add_timer(ev, left != 0 ? left : comment_interval);
    }

    ngx_http_run_posted_requests(c);
}

}

void start_keep_alive(RequestContext *ctx)
{
    if (!ctx->front->takes_comments() || ctx->conf->head_timeout == 0) {
        return;
    }

    ngx_event_t &ev = ctx->keep_alive.event;

    ctx->keep_alive.ctx = ctx;
    ev.handler = on_timer;
    // Debug logging takes data for a connection.
    ev.data = ctx->r->connection;
    ev.log = ctx->r->connection->log;

    ngx_add_timer(&ev, ctx->conf->head_timeout);
}

void stop_keep_alive(RequestContext *ctx)
{
    if (ctx->keep_alive.event.timer_set) {
        ngx_del_timer(&ctx->keep_alive.event);
    }
}

}

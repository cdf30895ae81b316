// The input filter: upstream's bytes in, the client's events out, as they
// come. Its output bufs come back through u->free_bufs, so a stream of any
// length needs the memory of its largest event.
#include "core/openai/error.hpp"
#include "nginx/log.hpp"
#include "nginx/upstream.hpp"

namespace gw::ngx {

namespace {

void fail_stream(RequestContext *ctx, const Error &error)
{
    ngx_log_error(NGX_LOG_ERR, ctx->r->connection->log, 0,
        "gemini: stream for \"%*s\" broke off: %*s", GW_LOG(ctx->model),
        GW_LOG(error.message));

    ctx->error = error;
    ctx->front->write_error_event(error, *ctx->out);
    ctx->ended = true;
    ctx->broken = ctx->front->passes_file();
}

/// Feeds the front with what lies between in->pos and in->last.
void translate_body(RequestContext *ctx, ngx_buf_t *in)
{
    ngx_http_upstream_t *u = ctx->r->upstream;
    Framing::Step step;
    std::string_view piece;

    while ((step = ctx->framing.next(ctx->r, in, piece))
           == Framing::Step::piece)
    {
        if (ctx->front->feed(piece, *ctx->out)
            == translate::StreamState::failed)
        {
            const gemini::UpstreamError *error = ctx->front->upstream_error();

            // Too late for another credential, but what is to rest does.
            fail_stream(ctx, error != nullptr ? note_failure(ctx, *error).error
                                              : ctx->front->error());
            return;
        }
    }

    if (step == Framing::Step::more) {
        return;
    }

    auto end = step == Framing::Step::done ? translate::StreamEnd::complete
                                           : translate::StreamEnd::cut;

    if (ctx->front->finish(end, *ctx->out)
        == translate::StreamState::failed)
    {
        fail_stream(ctx, ctx->front->error());
        return;
    }

    ctx->ended = true;
    u->keepalive = step == Framing::Step::done && in->pos == in->last
                   && !u->headers_in.connection_close;
}

Error error_of_end(RequestContext *ctx, ngx_int_t rc)
{
    if (ctx->error) {
        return *ctx->error;
    }

    Error error;
    int status = static_cast<int>(rc);
    error.kind = openai::kind_of_status(status);
    error.message = openai::message_of_status(status);

    return error;
}

/// From outside the input filter, where nobody sends u->out_bufs. Ends the
/// answer well: after a failure upstream.c would only drop the connection, and
/// over HTTP/2 the reset could overtake the error event.
void send_now(RequestContext *ctx)
{
    ngx_chain_t *out = nullptr;

    ctx->out->take(&out);

    if (out != nullptr && ngx_http_output_filter(ctx->r, out) == NGX_ERROR) {
        return;
    }

    (void) ngx_http_send_special(ctx->r, NGX_HTTP_LAST);
}

}

void note_first_token(RequestContext *ctx)
{
    if (ctx->first_token_ms < 0) {
        ngx_time_t *tp = ngx_timeofday();

        ctx->first_token_ms = static_cast<std::int64_t>(
            (tp->sec - ctx->r->start_sec) * 1000
            + static_cast<time_t>(tp->msec)
            - static_cast<time_t>(ctx->r->start_msec));
    }
}

ngx_int_t start_body(void *data)
{
    auto *ctx = static_cast<RequestContext *>(data);

    // -1 means "until upstream closes", 0 "all is there".
    ctx->r->upstream->length =
        ctx->framing.kind() == Framing::Kind::until_close ? -1 : 1;

    return NGX_OK;
}

ngx_int_t filter_body(void *data, ssize_t bytes)
{
    auto *ctx = static_cast<RequestContext *>(data);

    return guarded(ctx->r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            ngx_http_upstream_t *u = ctx->r->upstream;
            ngx_buf_t in = u->buffer;

            in.pos = u->buffer.last;
            in.last = in.pos + bytes;

            // Everything is copied, but upstream.c must see its buffer fill:
            // it stops reading while the client does not take what came.
            u->buffer.last += bytes;

            if (ctx->skip_byte) {
                ctx->skip_byte = false;

            } else if (!ctx->ended) {
                translate_body(ctx, &in);
            }

            if (ctx->answer != nullptr) {
                u->out_bufs = ctx->answer;
                ctx->answer = nullptr;

            } else {
                ctx->out->take(&u->out_bufs);
            }

            if (ctx->broken) {
                return NGX_ERROR;
            }

            ctx->last_sent = ngx_current_msec;

            if (ctx->ended) {
                u->length = 0;
            }

            return NGX_OK;
        });
}

void finish_body(RequestContext *ctx, ngx_int_t rc)
{
    ngx_http_upstream_t *u = ctx->r->upstream;

    // Nothing to add for a client that is gone, or where all has been said.
    if (ctx->ended || rc == NGX_ERROR || rc == NGX_HTTP_CLIENT_CLOSED_REQUEST
        || rc == NGX_HTTP_REQUEST_TIME_OUT || ctx->r->connection->error
        || !(ctx->head_sent || (u->header_sent && ctx->front->streams())))
    {
        return;
    }

    // upstream.c ends it well, or breaks it off.
    if (ctx->front->passes_file()) {
        return;
    }

    if (ctx->head_sent && !u->header_sent) {
        // upstream.c does not know that the head has gone out: it would send
        // an error page.
        u->header_sent = 1;
        fail_stream(ctx, error_of_end(ctx, rc));
        send_now(ctx);
        return;
    }

    auto end = rc == NGX_OK ? translate::StreamEnd::complete
        : rc == NGX_HTTP_GATEWAY_TIME_OUT ? translate::StreamEnd::timed_out
                                          : translate::StreamEnd::cut;

    if (ctx->front->finish(end, *ctx->out)
        == translate::StreamState::failed)
    {
        fail_stream(ctx, ctx->front->error());
    }

    ctx->ended = true;
    send_now(ctx);
}

}

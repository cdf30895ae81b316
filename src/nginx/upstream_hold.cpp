// Nothing goes to the client before it is known what the answer is. While it
// is held, process_header keeps taking bytes out of u->buffer and returning
// NGX_AGAIN; a buffer left full would be "too big header".
#include "nginx/log.hpp"
#include "nginx/upstream.hpp"

#include <cstring>

namespace gw::ngx {

namespace {

// Of an error's body this much is read: Google's are a few kilobytes.
constexpr std::size_t max_error_body = 64 * 1024;

/// upstream.c arms the timer once for the whole head; what is held may take
/// as long as it keeps coming.
void rearm_read_timer(ngx_http_request_t *r)
{
    ngx_http_upstream_t *u = r->upstream;
    ngx_event_t *rev = u->peer.connection->read;

    if (rev->timer_set) {
        ngx_add_timer(rev, u->conf->read_timeout);
    }
}

void empty_buffer(ngx_http_upstream_t *u)
{
    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start;
}

void keep_connection(ngx_http_upstream_t *u)
{
    u->keepalive = !u->headers_in.connection_close
                   && u->buffer.pos == u->buffer.last;
}

/// false: over the limit, the rest is not kept.
bool append(RequestContext *ctx, std::string_view piece, std::size_t limit)
{
    HeldBody &held = ctx->held;

    if (held.size + piece.size() > limit) {
        piece = piece.substr(0, limit - held.size);
        held.cut_short = true;
    }

    if (held.size + piece.size() > held.capacity) {
        std::size_t capacity = held.capacity * 2;
        off_t rest = ctx->framing.kind() == Framing::Kind::length
            ? ctx->framing.rest() : 0;

        if (capacity < held.size + piece.size() + 4096) {
            capacity = held.size + piece.size() + 4096;
        }

        // When the length was announced one allocation will do, unless it
        // announces more than anyone would accept.
        if (rest > 0 && static_cast<std::size_t>(rest) < limit) {
            capacity = held.size + piece.size()
                       + static_cast<std::size_t>(rest);
        }

        auto *start = static_cast<u_char *>(ngx_palloc(ctx->r->pool,
            capacity));

        if (start == nullptr) {
            throw std::bad_alloc();
        }

        if (held.size != 0) {
            std::memcpy(start, held.start, held.size);
        }

        if (held.start != nullptr) {
            ngx_pfree(ctx->r->pool, held.start);
        }

        held.start = start;
        held.capacity = capacity;
    }

    if (!piece.empty()) {
        std::memcpy(held.start + held.size, piece.data(), piece.size());
        held.size += piece.size();
    }

    return !held.cut_short;
}

/// Moves what came from u->buffer into ctx->held. Stops early at the limit.
Framing::Step collect(RequestContext *ctx, std::size_t limit)
{
    ngx_http_upstream_t *u = ctx->r->upstream;
    Framing::Step step;
    std::string_view piece;

    rearm_read_timer(ctx->r);

    while ((step = ctx->framing.next(ctx->r, &u->buffer, piece))
           == Framing::Step::piece)
    {
        if (!append(ctx, piece, limit)) {
            break;
        }
    }

    if (step == Framing::Step::done) {
        keep_connection(u);
    }

    empty_buffer(u);
    return step;
}

Error bad_answer(const char *message)
{
    Error error;
    error.kind = ErrorKind::upstream_failed;
    error.message = message;

    return error;
}

ngx_int_t retry_or_answer(RequestContext *ctx, const Error &error)
{
    if (try_once_more(ctx, error.message)) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ngx_log_error(NGX_LOG_ERR, ctx->r->connection->log, 0, "gemini: %*s",
        GW_LOG(error.message));

    return answer_error(ctx, error);
}

ngx_int_t feed_held_stream(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_http_upstream_t *u = r->upstream;
    auto state = translate::StreamState::quiet;
    std::string_view piece;
    Framing::Step step;

    rearm_read_timer(r);

    while ((step = ctx->framing.next(r, &u->buffer, piece))
           == Framing::Step::piece)
    {
        state = ctx->front->feed(piece, *ctx->out);

        if (state == translate::StreamState::failed) {
            break;
        }
    }

    if (step == Framing::Step::done) {
        keep_connection(u);
        state = ctx->front->finish(translate::StreamEnd::complete, *ctx->out);
        ctx->ended = state != translate::StreamState::failed;

    } else if (step == Framing::Step::broken) {
        state = ctx->front->finish(translate::StreamEnd::cut, *ctx->out);
    }

    empty_buffer(u);

    switch (state) {

    case translate::StreamState::quiet:
        return NGX_AGAIN;

    case translate::StreamState::started:
        return accept_stream(ctx);

    case translate::StreamState::failed:
        break;
    }

    return judge_failed_stream(ctx);
}

}

ngx_int_t hold_whole(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);
            Framing::Step step = collect(ctx, ctx->conf->max_response);

            if (ctx->held.cut_short) {
                return answer_error(ctx, bad_answer(
                    "the upstream's answer is larger than "
                    "gemini_max_response"));
            }

            if (step == Framing::Step::broken) {
                return retry_or_answer(ctx, bad_answer(
                    "the upstream's answer has broken framing"));
            }

            // The end of a body that only a closed connection ends is never
            // shown to process_header.
            if (step == Framing::Step::more
                && !(ctx->framing.kind() == Framing::Kind::until_close
                     && front::is_complete(ctx->held.view())))
            {
                return NGX_AGAIN;
            }

            return judge_whole(ctx);
        });
}

ngx_int_t hold_stream(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() { return feed_held_stream(context_of(r)); });
}

ngx_int_t hold_error(ngx_http_request_t *r)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);
            Framing::Step step = collect(ctx, max_error_body);

            // The end that only a closed connection makes is never shown to
            // process_header: JSON tells by itself when it is complete, of
            // anything else the status and what has come must do.
            bool ends = ctx->framing.kind() != Framing::Kind::until_close
                || (ctx->json_body && !front::is_complete(ctx->held.view()));

            if (step == Framing::Step::more && !ctx->held.cut_short && ends) {
                return NGX_AGAIN;
            }

            return judge_error(ctx, gemini::parse_error(
                static_cast<int>(r->upstream->headers_in.status_n),
                ctx->held.view()));
        });
}

}

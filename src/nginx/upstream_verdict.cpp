// What becomes of an answer that was held: it is accepted, another credential
// is tried, or the client is told.
#include "nginx/answer.hpp"
#include "nginx/authorization.hpp"
#include "nginx/choice.hpp"
#include "nginx/headers.hpp"
#include "nginx/log.hpp"
#include "nginx/metrics.hpp"
#include "nginx/models_cache.hpp"
#include "nginx/resources.hpp"
#include "nginx/upstream.hpp"

#include <cstring>

namespace gw::ngx {

namespace {

constexpr int too_many_requests = 429;
constexpr int unauthorized = 401;
constexpr int forbidden = 403;
constexpr int not_there = 404;
constexpr int least_server_error = 500;

/// upstream.c shows the input filter only what is left in u->buffer, and
/// flushes the head by itself when nothing is. One byte is left there, which
/// filter_body() skips: so head and first bytes leave in one piece.
ngx_int_t accept(RequestContext *ctx, ngx_uint_t status, off_t length)
{
    ngx_http_request_t *r = ctx->r;
    ngx_http_upstream_t *u = r->upstream;

    u->headers_in.status_n = status;
    ngx_str_null(&u->headers_in.status_line);
    u->headers_in.content_length_n = length;

    u->buffer.pos = u->buffer.start;
    u->buffer.last = u->buffer.start + 1;
    ctx->skip_byte = true;
    ctx->own_answer = true;

    for (const HeadField &field : ctx->head_fields) {
        if (add_header(r, field.name, field.value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ctx->head_sent) {
        // The header filter swallows the second head.
        r->header_sent = 0;
    }

    return NGX_OK;
}

/// Of a native answer it is upstream's own; ours says what is made here.
std::string_view content_type(RequestContext *ctx, std::string_view ours)
{
    return ctx->conf->native && !ctx->content_type.empty()
        ? std::string_view(ctx->content_type) : ours;
}

void log_failure(RequestContext *ctx, const gemini::UpstreamError &error,
    const gemini::Verdict &verdict, const keys::Pool::Consequence &done)
{
    ngx_log_t *log = ctx->r->connection->log;
    std::string_view key = credential_of(ctx).name;
    std::string_view failure = gemini::name_of(done.failure);

    if (done.until_ms == 0) {
        ngx_uint_t level = verdict.action == gemini::Action::answer
            ? NGX_LOG_INFO : NGX_LOG_WARN;

        ngx_log_error(level, log, 0,
            "gemini: key \"%*s\" got %d for \"%*s\": %*s, nothing rests",
            GW_LOG(key), error.code, GW_LOG(ctx->model), GW_LOG(failure));
        return;
    }

    if (!done.news) {
        return;
    }

    if (done.until_ms == keys::no_end_ms) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
            "gemini: key \"%*s\" is refused, it rests until it is reset: "
            "%*s (%d)", GW_LOG(key), GW_LOG(failure), error.code);
        return;
    }

    const char *what = done.scope == gemini::Scope::key ? "everything"
                                                        : nullptr;
    auto seconds = static_cast<time_t>((done.until_ms - now_ms() + 999)
                                       / 1000);

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
        "gemini: key \"%*s\" rests %Ts for \"%*s\": %*s (%d)", GW_LOG(key),
        seconds, what != nullptr ? std::strlen(what) : ctx->model.size(),
        what != nullptr ? what : ctx->model.data(), GW_LOG(failure),
        error.code);
}

/// Upstream knows who asks, whatever else it says.
void note_accepted(RequestContext *ctx)
{
    if (credential_of(ctx).account) {
        ctx->pool().accept_token(ctx->tries.credential, ctx->token.number);
    }
}

void succeeded(RequestContext *ctx)
{
    note_accepted(ctx);
    ctx->pool().succeeded(ctx->tries.credential, ctx->model, now_ms());
    ctx->pool().header().answered.fetch_add(1, std::memory_order_relaxed);
    learn_resources(ctx);
}

/// Signatures do not survive a change of model or route, and clients send what
/// they have. Once for a request its body is written anew without them.
bool write_without_signatures(RequestContext *ctx)
{
    if (ctx->r->connection->error || !ctx->front->distrust_signatures()) {
        return false;
    }

    if (!write_body(ctx, static_cast<std::size_t>(ctx->body_size))) {
        return false;
    }

    ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
        "gemini: upstream refuses a thought signature for \"%*s\", "
        "it is asked again without any", GW_LOG(ctx->model));

    return true;
}

/// The next page of the same answer, or the same question in other words: not
/// another try.
ngx_int_t ask_for_more(RequestContext *ctx)
{
    ctx->tries.upstream_status = ctx->r->upstream->headers_in.status_n;
    ctx->tries.moving_on = true;

    if (ctx->tries.attempts > 0) {
        --ctx->tries.attempts;
    }

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}

ngx_int_t accept_chain(RequestContext *ctx, ngx_uint_t status,
    ngx_chain_t *answer, off_t size)
{
    ctx->answer = answer;
    ctx->ended = true;
    set_head(ctx->r, status, content_type(ctx, json_type), size);

    return accept(ctx, status, size);
}

void keep_part(AnswerParts &parts, ChainOutput &out)
{
    ngx_chain_t *part = out.finish();

    if (part == nullptr) {
        return;
    }

    if (parts.first == nullptr) {
        parts.first = part;
    } else {
        parts.last->next = part;
    }

    while (part->next != nullptr) {
        part = part->next;
    }

    parts.last = part;
    parts.size += out.size();
}

/// The project that is asked for its part of a list cannot say: the others
/// do. NGX_DECLINED: there are none, and nobody has said anything.
ngx_int_t ask_next_project(RequestContext *ctx)
{
    while (ctx->front->project() != 0 && !ctx->r->connection->error) {
        ChainOutput out(ctx->r->pool, 512);
        front::Whole skipped = ctx->front->skip_project(out);

        if (skipped == front::Whole::written) {
            return accept_whole(ctx, NGX_HTTP_OK, out);
        }

        if (skipped != front::Whole::more) {
            break;
        }

        keys::Choice choice;

        ctx->project = ctx->front->project();
        ctx->tries.attempts = 0;
        start_afresh(ctx);

        if (find_credential(ctx, choice)) {
            set_out(ctx);
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        if (!is_out(choice)) {
            break;
        }
    }

    return NGX_DECLINED;
}

/// The next question of the same request is sent as if it were alone: quotas
/// count calls, so it gets a credential of its own, with tries and the time for
/// them.
ngx_int_t ask_another(RequestContext *ctx)
{
    Tries &tries = ctx->tries;

    if (ctx->r->connection->error) {
        return NGX_ERROR;
    }

    note_accepted(ctx);
    ctx->pool().succeeded(tries.credential, ctx->model, now_ms());
    settle_quota(ctx);

    tries.earlier += tries.attempts;
    tries.attempts = 0;
    tries.again = 0;
    tries.reserved = false;
    ctx->token_renewed = false;
    ctx->r->upstream->peer.start_time = ngx_current_msec;
    start_afresh(ctx);

    if (ctx->body != nullptr) {
        auto written = write_body(ctx,
            static_cast<std::size_t>(ctx->body_size));

        if (!written) {
            return answer_error(ctx, written.error());
        }

    } else {
        ctx->project = ctx->front->project();
    }

    keys::Choice choice;

    if (find_credential(ctx, choice)) {
        set_out(ctx);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ngx_int_t rc = is_out(choice) ? ask_next_project(ctx) : NGX_DECLINED;

    if (rc != NGX_DECLINED) {
        return rc;
    }

    Error error = shortage_of(ctx, choice);

    if (wait_in_header(ctx, error) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    log_shortage(ctx, error);

    return answer_error(ctx, error);
}

/// What upstream says of an account may be about its token, which is not for
/// good, or about rights that it may be given. true: of its token, which is
/// being replaced.
bool judge_account(RequestContext *ctx, int code, gemini::Verdict &verdict)
{
    ngx_log_t *log = ctx->r->connection->log;
    std::string_view name = credential_of(ctx).name;

    if (code != unauthorized) {
        verdict.wants_rights = code == forbidden;

        if (code < least_server_error) {
            note_accepted(ctx);
        }

        return false;
    }

    switch (ctx->pool().refuse_token(ctx->tries.credential,
        ctx->token.number, now_ms()))
    {

    case keys::TokenRefusal::in_vain:
        return false;

    case keys::TokenRefusal::renews:
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
            "gemini: upstream refuses the access token of \"%*s\", "
            "another one is asked for", GW_LOG(name));
        break;

    case keys::TokenRefusal::outdated:
        break;
    }

    verdict.failure = gemini::FailureClass::none;
    return true;
}

/// Once for each request: any credential will do, and the same one with its
/// next token; it is no other try. NGX_DECLINED: there is none to be had.
ngx_int_t try_another_token(RequestContext *ctx, const Error &in_vain)
{
    Tries &tries = ctx->tries;
    keys::Choice choice;

    if (ctx->token_renewed) {
        return NGX_DECLINED;
    }

    ctx->token_renewed = true;

    if (tries.attempts > 0) {
        --tries.attempts;
    }

    if (!may_try_again(ctx)) {
        return NGX_DECLINED;
    }

    tries.reserved = false;

    if (find_credential(ctx, choice)) {
        set_out(ctx);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return wait_in_header(ctx, in_vain);
}

/// What the request names is not there: upstream's own words, and nothing
/// rests for it.
ngx_int_t answer_stranger(RequestContext *ctx,
    const gemini::UpstreamError &upstream_error)
{
    Error error = gemini::classify(upstream_error, std::nullopt,
        sent_secret(ctx)).error;

    error.kind = upstream_error.code == not_there ? ErrorKind::not_found
                                                  : ErrorKind::forbidden;

    return answer_error(ctx, std::move(error), &upstream_error);
}

}

Error final_error(RequestContext *ctx, const gemini::Verdict &verdict)
{
    if (verdict.action == gemini::Action::answer) {
        return verdict.error;
    }

    // Would the next request find a credential? If none, that is the news,
    // with the time when one will be back.
    keys::Choice choice = foresee_credential(ctx);

    if (choice.ok() || choice.shortage == keys::Shortage::resting) {
        return verdict.error;
    }

    return shortage_of(ctx, choice);
}

bool try_once_more(RequestContext *ctx, std::string_view why)
{
    if (ctx->tries.again != 0 || !move_on(ctx, true)) {
        return false;
    }

    ++ctx->tries.again;

    ngx_log_error(NGX_LOG_WARN, ctx->r->connection->log, 0,
        "gemini: upstream's answer for \"%*s\" is of no use, "
        "another try is made: %*s", GW_LOG(ctx->model), GW_LOG(why));

    return true;
}

ngx_int_t accept_stream(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    note_first_token(ctx);
    note_stream_opened(ctx);
    succeeded(ctx);

    if (ctx->front->passes_file()) {
        off_t length = r->upstream->headers_in.content_length_n;

        set_head(r, NGX_HTTP_OK, content_type(ctx, binary_type), length);
        return accept(ctx, NGX_HTTP_OK, length);
    }

    if (!ctx->head_sent) {
        set_head(r, NGX_HTTP_OK, content_type(ctx, event_stream_type), -1);

        if (add_stream_headers(r) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return accept(ctx, NGX_HTTP_OK, -1);
}

ngx_int_t accept_whole(RequestContext *ctx, ngx_uint_t status,
    ChainOutput &out)
{
    ngx_chain_t *answer = out.finish();

    return accept_chain(ctx, status, answer, out.size());
}

ngx_int_t judge_whole(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ChainOutput out(r->pool, ctx->held.size + 512);
    bool last_try = ctx->tries.again != 0 || !may_try_again(ctx);

    switch (ctx->front->whole(ctx->held.view(), last_try, out)) {

    case front::Whole::written:
        note_first_token(ctx);
        succeeded(ctx);
        keep_fetched_models(ctx);
        keep_part(ctx->parts, out);
        return accept_chain(ctx, NGX_HTTP_OK, ctx->parts.first,
            ctx->parts.size);

    case front::Whole::more:
        keep_part(ctx->parts, out);
        return ctx->body != nullptr || ctx->front->project() != 0
            ? ask_another(ctx) : ask_for_more(ctx);

    case front::Whole::empty:
        if (try_once_more(ctx, ctx->front->error().message)) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        if (!last_try) {
            ChainOutput last(r->pool, ctx->held.size + 512);

            if (ctx->front->whole(ctx->held.view(), true, last)
                == front::Whole::written)
            {
                succeeded(ctx);
                return accept_whole(ctx, NGX_HTTP_OK, last);
            }
        }

        return answer_error(ctx, ctx->front->error());

    case front::Whole::failed:
        break;
    }

    if (ctx->front->upstream_error() != nullptr) {
        return judge_error(ctx, *ctx->front->upstream_error());
    }

    keep_fetched_models(ctx);

    if (ctx->front->error().kind == ErrorKind::upstream_failed
        && try_once_more(ctx, ctx->front->error().message))
    {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    return answer_error(ctx, ctx->front->error());
}

ngx_int_t judge_failed_stream(RequestContext *ctx)
{
    // Nothing of it has gone out: as if it had not been.
    ctx->out->discard();

    if (ctx->front->upstream_error() != nullptr) {
        return judge_error(ctx, *ctx->front->upstream_error());
    }

    if (try_once_more(ctx, ctx->front->error().message)) {
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ctx->front->empty() && ctx->front->accept_empty(*ctx->out)) {
        ctx->ended = true;
        return accept_stream(ctx);
    }

    return answer_error(ctx, ctx->front->error());
}

gemini::Verdict note_failure(RequestContext *ctx,
    const gemini::UpstreamError &upstream_error)
{
    gemini::Verdict verdict = gemini::classify(upstream_error,
        ctx->retry_after_ms, sent_secret(ctx));

    if (credential_of(ctx).account
        && judge_account(ctx, upstream_error.code, verdict))
    {
        verdict.token_refused = true;
        return verdict;
    }

    ctx->front->explain(upstream_error, verdict.error);

    keys::Pool::Consequence done = ctx->pool().failed(ctx->tries.credential,
        ctx->model, verdict, now_ms());

    if (upstream_error.code == too_many_requests) {
        ctx->pool().learn(ctx->tries.credential, ctx->model,
            upstream_error.violations, now_ms());
    }

    log_failure(ctx, upstream_error, verdict, done);
    note_rest(ctx, done);

    return verdict;
}

ngx_int_t judge_error(RequestContext *ctx,
    const gemini::UpstreamError &upstream_error)
{
    if (names_stranger(ctx, upstream_error)) {
        return seek_elsewhere(ctx) ? NGX_HTTP_UPSTREAM_INVALID_HEADER
                                   : answer_stranger(ctx, upstream_error);
    }

    gemini::Verdict verdict = note_failure(ctx, upstream_error);

    if (verdict.bad_signature && write_without_signatures(ctx)) {
        return ask_for_more(ctx);
    }

    if (verdict.token_refused) {
        ngx_int_t rc = try_another_token(ctx, final_error(ctx, verdict));

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (verdict.action == gemini::Action::next_credential) {
        if (move_on(ctx, false)) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        ngx_int_t rc = verdict.failure == gemini::FailureClass::invalid
            ? ask_next_project(ctx) : NGX_DECLINED;

        if (rc != NGX_DECLINED) {
            return rc;
        }

        if (wait_in_header(ctx, final_error(ctx, verdict)) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    return answer_error(ctx, final_error(ctx, verdict), &upstream_error);
}

ngx_int_t answer_error(RequestContext *ctx, Error error,
    const gemini::UpstreamError *reason)
{
    ngx_http_request_t *r = ctx->r;

    if (ctx->head_sent) {
        ctx->front->write_error_event(error, *ctx->out);
        ctx->error = std::move(error);
        ctx->ended = true;
        return accept(ctx, NGX_HTTP_OK, -1);
    }

    ChainOutput out(r->pool, 2048);

    if (error.kind != ErrorKind::model_not_found
        && write_stale_models(ctx, out, error))
    {
        return accept_whole(ctx, NGX_HTTP_OK, out);
    }

    ctx->error = error;

    if (add_error_headers(r, error) != NGX_OK) {
        return NGX_ERROR;
    }

    int status = ctx->front->write_error(error, reason, ctx->held.view(),
        out);

    // What stands there now is JSON, whatever upstream's answer was.
    ctx->content_type.clear();

    return accept_whole(ctx, static_cast<ngx_uint_t>(status), out);
}

}

// The request's way out and back, on ngx_http_upstream.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Chooses a credential and hands the request to ngx_http_upstream. NGX_DONE:
/// it has taken over. Else what a content handler returns: no credential is
/// usable, which the client has been told, or out of memory.
ngx_int_t start_upstream(RequestContext *ctx);

/// Where the credential's tries go.
Destination &destination_of(RequestContext *ctx);

/// Makes the way of ctx->r->upstream that of its credential: the group, TLS,
/// the scheme. false: out of memory.
bool take_destination(RequestContext *ctx);

/// The credential that goes out now; ctx->tries.credential must be set.
const keys::Credential &credential_of(RequestContext *ctx);

/// Upstream's own count takes the place of the estimate that the key's quota
/// was charged with.
void settle_quota(RequestContext *ctx);

/// That no credential is usable, and the error that the client is told.
void log_shortage(RequestContext *ctx, const Error &error);

// upstream_head.cpp: the status line, which leads on to the headers and the
// body by reassigning u->process_header.
ngx_int_t process_status_line(ngx_http_request_t *r);

// upstream_hold.cpp: an answer that is held until it is known what it is.
ngx_int_t hold_whole(ngx_http_request_t *r);
ngx_int_t hold_stream(ngx_http_request_t *r);
ngx_int_t hold_error(ngx_http_request_t *r);

// upstream_verdict.cpp: what becomes of an answer that is held. All return
// what a process_header does.
ngx_int_t accept_stream(RequestContext *ctx);
ngx_int_t accept_whole(RequestContext *ctx, ngx_uint_t status,
    ChainOutput &out);
ngx_int_t judge_whole(RequestContext *ctx);
ngx_int_t judge_failed_stream(RequestContext *ctx);
/// Classifies upstream's error, rests what it says, logs both.
gemini::Verdict note_failure(RequestContext *ctx,
    const gemini::UpstreamError &upstream_error);
ngx_int_t judge_error(RequestContext *ctx,
    const gemini::UpstreamError &upstream_error);
/// What the client is told when the last try failed so.
Error final_error(RequestContext *ctx, const gemini::Verdict &verdict);
/// An answer that nobody is to blame for, but that a second try often mends:
/// once for each request. true: INVALID_HEADER.
bool try_once_more(RequestContext *ctx, std::string_view why);
/// Tells the client, as a body or, when the head has gone, as an event.
/// reason: upstream's error behind it, if there is one.
ngx_int_t answer_error(RequestContext *ctx, Error error,
    const gemini::UpstreamError *reason = nullptr);

// upstream_body.cpp
/// The stream has its first content: remembers when.
void note_first_token(RequestContext *ctx);
ngx_int_t start_body(void *data);
ngx_int_t filter_body(void *data, ssize_t bytes);
/// What is left to say when the upstream request ends with rc.
void finish_body(RequestContext *ctx, ngx_int_t rc);

// upstream_peer.cpp
ngx_int_t init_peer(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us);
/// Whether another try may be made now, with whatever credential.
bool may_try_again(RequestContext *ctx);
/// Picks the credential for the next try and marks the current one as the
/// reason for it; upstream.c must then be told INVALID_HEADER. again: when no
/// other is usable, the same may go out once more. false: there is none.
bool move_on(RequestContext *ctx, bool again);
/// The credential has been taken: the current try ends in its favour.
void set_out(RequestContext *ctx);

// wait.cpp: for an access token, or with `exhausted wait=`
/// Whether nothing stands in the way of some account but a token that will be
/// there in a moment, and the request has not waited for one for long.
bool may_wait_for_token(RequestContext *ctx, const keys::Choice &choice);
/// Holds a request that found no credential until one may be back, and then
/// goes on as start_upstream() does. false: there is no use in waiting.
bool wait_for_credential(RequestContext *ctx, const keys::Choice &choice);
/// The same while an upstream's answer is held, to move on afterwards.
/// NGX_AGAIN: it waits. NGX_DECLINED: there is no use in waiting. in_vain: what
/// the client is told when nothing comes of it.
ngx_int_t wait_in_header(RequestContext *ctx, const Error &in_vain);

// keep_alive.cpp: the head of a stream that stays silent, and its comments
void start_keep_alive(RequestContext *ctx);
void stop_keep_alive(RequestContext *ctx);

}

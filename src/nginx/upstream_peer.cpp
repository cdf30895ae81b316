// The wrapper around the balancer: it gives each try its credential. The
// balancer knows addresses; a refused key is no address's fault, so when one
// fails the balancer is started afresh and told nothing bad.
#include "nginx/choice.hpp"
#include "nginx/log.hpp"
#include "nginx/metrics.hpp"
#include "nginx/upstream.hpp"

#include <utility>

namespace gw::ngx {

namespace {

/// A run of the real balancer, whose callbacks then stand behind ours.
ngx_int_t balance(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_http_upstream_t *u = r->upstream;
    ngx_http_upstream_srv_conf_t *group = destination_of(ctx).target->group;

    // Round robin takes what it finds here for its own.
    u->peer.data = nullptr;

    if (group->peer.init(r, group) != NGX_OK) {
        return NGX_ERROR;
    }

    u->upstream = group;

    ctx->tries.get = u->peer.get;
    ctx->tries.free = u->peer.free;
    ctx->tries.set_session = u->peer.set_session;
    ctx->tries.save_session = u->peer.save_session;
    ctx->tries.data = u->peer.data;

    return NGX_OK;
}

RequestContext *context_from(void *data)
{
    return static_cast<RequestContext *>(data);
}

ngx_uint_t tries_left(RequestContext *ctx)
{
    ngx_uint_t most = ctx->conf->pool->tries;
    return ctx->tries.attempts < most ? most - ctx->tries.attempts : 0;
}

/// A group's kept connections are shared by all that send there: locations
/// that trust other certificates, and even proxy_pass, which by default trusts
/// any. Only what was opened under this location's TLS settings will do.
bool is_ours(RequestContext *ctx, ngx_connection_t *c)
{
    ngx_http_upstream_t *u = ctx->r->upstream;

    if (!u->ssl) {
        return c->ssl == nullptr;
    }

    return c->ssl != nullptr
           && SSL_get_SSL_CTX(c->ssl->connection) == u->conf->ssl->ctx;
}

void close_kept(ngx_peer_connection_t *pc)
{
    ngx_connection_t *c = pc->connection;

    if (c->ssl != nullptr) {
        c->ssl->no_wait_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);

    pc->connection = nullptr;
    pc->cached = 0;
}

/// One more connection from the balancer; as many kept ones are passed over
/// as are of no use here.
ngx_int_t get_connection(ngx_peer_connection_t *pc, RequestContext *ctx)
{
    Tries &tries = ctx->tries;
    ngx_int_t rc;

    while ((rc = tries.get(pc, tries.data)) == NGX_DONE
           && !is_ours(ctx, pc->connection))
    {
        ngx_uint_t left = pc->tries;

        close_kept(pc);
        tries.free(pc, tries.data, 0);
        pc->tries = left;
    }

    return rc;
}

ngx_int_t get_peer(ngx_peer_connection_t *pc, void *data);
void free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state);
ngx_int_t set_session(ngx_peer_connection_t *pc, void *data);
void save_session(ngx_peer_connection_t *pc, void *data);

void wrap(RequestContext *ctx)
{
    ngx_peer_connection_t &peer = ctx->r->upstream->peer;

    peer.data = ctx;
    peer.get = get_peer;
    peer.free = free_peer;
    peer.set_session = set_session;
    peer.save_session = save_session;
}

/// $upstream_status says what upstream said, not the 502 that moving on by
/// INVALID_HEADER leaves there.
void mend_upstream_status(RequestContext *ctx)
{
    ngx_array_t *states = ctx->r->upstream_states;

    if (states->nelts >= 2 && ctx->tries.upstream_status != 0) {
        auto *state = static_cast<ngx_http_upstream_state_t *>(states->elts)
                      + states->nelts - 2;
        state->status = ctx->tries.upstream_status;
    }
}

/// The same credential goes out again, without having been chosen anew.
void charge(RequestContext *ctx)
{
    Tries &tries = ctx->tries;

    if (!tries.reserved && !ctx->model.empty()) {
        tries.reservation = ctx->pool().charge(tries.credential, ctx->model,
            ctx->front->estimated_tokens(), now_ms());
        tries.reserved = true;
    }
}

/// A request that was sent counts, whatever came of it: Google counts so too.
/// One that a kept connection lost on the way was not sent.
void settle_sent(ngx_peer_connection_t *pc, RequestContext *ctx,
    ngx_uint_t state)
{
    Tries &tries = ctx->tries;
    ngx_http_upstream_t *u = ctx->r->upstream;

    bool lost = pc->cached && (state & NGX_PEER_FAILED)
                && u->headers_in.status_n == 0;

    if (tries.reserved && (!u->request_sent || lost)) {
        ctx->pool().give_back(tries.reservation);
        tries.reservation = {};
    }

    tries.reserved = false;
}

void remember_tried(Tries &tries)
{
    if (tries.tried_count < max_tries) {
        tries.tried[tries.tried_count++] = tries.credential;
    }
}

/// The target could not be reached, but others may lead to another one. Nothing
/// was sent, so upstream.c would send the head that is there.
ngx_int_t turn_elsewhere(RequestContext *ctx)
{
    Tries &tries = ctx->tries;
    ngx_http_request_t *r = ctx->r;

    remember_tried(tries);

    keys::Choice choice = choose_credential(ctx);

    if (!choice.ok() || !accept_choice(ctx, choice)) {
        return NGX_OK;
    }

    tries.moving_on = true;
    tries.upstream_status = 0;

    return r->upstream->create_request(r);
}

ngx_int_t get_peer(ngx_peer_connection_t *pc, void *data)
{
    return guarded(pc->log, ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        RequestContext *ctx = context_from(data);
        Tries &tries = ctx->tries;

        if (std::exchange(tries.unreached, false) && !tries.moving_on
            && ctx->conf->destinations->list.size() > 1
            && turn_elsewhere(ctx) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (tries.moving_on) {
            tries.moving_on = false;
            mend_upstream_status(ctx);

            ngx_uint_t left = pc->tries;

            // The connection of the former try has been given back or closed
            // by now, under the settings that it was opened with.
            if (!take_destination(ctx) || balance(ctx) != NGX_OK) {
                return NGX_ERROR;
            }

            wrap(ctx);
            pc->tries = left;
        }

        ngx_int_t rc = get_connection(pc, ctx);

        if (rc == NGX_ERROR || rc == NGX_BUSY) {
            return rc;
        }

        ++tries.attempts;
        tries.open = true;
        ctx->pool().begin_try(tries.credential, now_ms());
        note_try_begun(ctx);
        charge(ctx);

        return rc;
    });
}

void free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    RequestContext *ctx = context_from(data);
    Tries &tries = ctx->tries;
    ngx_http_upstream_t *u = ctx->r->upstream;

    if (tries.open) {
        tries.open = false;
        ctx->pool().end_try(tries.credential);
    }

    note_try_ended(ctx);
    tries.unreached = (state & NGX_PEER_FAILED) != 0 && !u->request_sent;

    // moving_on: what is reserved already belongs to the next try.
    if (tries.moving_on && (state & NGX_PEER_FAILED)) {
        state = NGX_PEER_NEXT;

    } else {
        settle_sent(pc, ctx, state);
    }

    ngx_connection_t *c = pc->connection;
    bool waited_in_vain = u->request_sent && c != nullptr
                          && (c->read->timedout || c->write->timedout);

    tries.free(pc, tries.data, state);

    // A balancer of one address would forbid every second try. After a
    // request that was sent and not answered in time there is none: it may be
    // running still, and would be paid for twice.
    pc->tries = waited_in_vain ? 0 : tries_left(ctx);
}

/// Sessions are kept by the address and remember what came of verification:
/// with one set of TLS settings in the whole configuration they can be shared.
bool shares_sessions(RequestContext *ctx)
{
    return main_conf(ctx->r)->tls->size() == 1;
}

ngx_int_t set_session(ngx_peer_connection_t *pc, void *data)
{
    RequestContext *ctx = context_from(data);

    if (!shares_sessions(ctx)) {
        return NGX_OK;
    }

    return ctx->tries.set_session(pc, ctx->tries.data);
}

void save_session(ngx_peer_connection_t *pc, void *data)
{
    RequestContext *ctx = context_from(data);

    if (!shares_sessions(ctx)) {
        return;
    }

    ctx->tries.save_session(pc, ctx->tries.data);
}

}

ngx_int_t init_peer(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *)
{
    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = context_of(r);

            if (balance(ctx) != NGX_OK) {
                return NGX_ERROR;
            }

            wrap(ctx);
            r->upstream->peer.tries = ctx->conf->pool->tries;

            return NGX_OK;
        });
}

bool may_try_again(RequestContext *ctx)
{
    ngx_http_upstream_t *u = ctx->r->upstream;
    ngx_msec_t timeout = u->conf->next_upstream_timeout;

    // The same conditions as in ngx_http_upstream_next(): when it refuses,
    // the client gets nginx's 502 instead of what upstream said.
    return tries_left(ctx) > 0 && !ctx->r->connection->error
           && !(u->request_sent && ctx->r->request_body_no_buffering)
           && !(timeout != 0
                && ngx_current_msec - u->peer.start_time >= timeout);
}

bool move_on(RequestContext *ctx, bool again)
{
    Tries &tries = ctx->tries;

    if (!may_try_again(ctx)) {
        return false;
    }

    remember_tried(tries);
    tries.reserved = false;
    keys::Choice choice;

    if (again) {
        // Nobody is to blame: the same model, and at need the same credential.
        choice = choose_credential(ctx);

        if (choice.ok()) {
            (void) accept_choice(ctx, choice);
        }

    } else if (!find_credential(ctx, choice)) {
        return false;
    }

    set_out(ctx);
    return true;
}

void set_out(RequestContext *ctx)
{
    Tries &tries = ctx->tries;

    tries.moving_on = true;
    tries.upstream_status = ctx->r->upstream->headers_in.status_n;

    if (tries.open) {
        tries.open = false;
        ctx->pool().end_try(tries.credential);
    }
}

}

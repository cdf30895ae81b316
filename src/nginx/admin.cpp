#include "nginx/admin.hpp"

#include "core/admin/body.hpp"
#include "core/admin/origin.hpp"
#include "core/admin/route.hpp"
#include "core/base/text.hpp"
#include "core/json/writer.hpp"
#include "core/keys/wipe.hpp"
#include "core/view/status.hpp"
#include "nginx/admin_events.hpp"
#include "nginx/answer.hpp"
#include "nginx/headers.hpp"
#include "nginx/log.hpp"
#include "nginx/metrics.hpp"
#include "nginx/request_body.hpp"
#include "nginx/status.hpp"
#include "nginx/version.hpp"

#include <openssl/crypto.h>

#include <string>

namespace gw::ngx {

namespace {

using admin::Action;
using admin::Route;
using keys::Credential;
using keys::KeyChange;
using keys::Pool;

constexpr std::size_t shown_trails = 50;
constexpr std::size_t max_shown = 200;

PoolConf &pool_conf(RequestContext *ctx)
{
    return *ctx->conf->admin_pool;
}

Pool &pool_of(RequestContext *ctx)
{
    return pool_conf(ctx).zone->pool;
}

std::string_view header_value(ngx_http_request_t *r, std::string_view name)
{
    ngx_table_elt_t *h = find_header(r, name);
    return h != nullptr ? view(h->value) : std::string_view();
}

std::string shown_name(const Credential &credential)
{
    return scrub(credential.name, credential.secret, max_shown);
}

Error conflict(std::string message, std::string_view code = {})
{
    Error error;
    error.kind = ErrorKind::conflict;
    error.message = std::move(message);
    error.code = code;

    return error;
}

// ---- answers

ngx_int_t answer(RequestContext *ctx, ngx_uint_t status, ChainOutput &out)
{
    if (add_header(ctx->r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_chain_t *body = out.finish();

    return send_json(ctx->r, ctx, status, body, out.size());
}

ngx_int_t refuse(RequestContext *ctx, const Error &error)
{
    if (add_header(ctx->r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return send_error(ctx->r, ctx, error);
}

ngx_int_t answer_nothing(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    ngx_int_t rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->own_answer = true;
    set_head(r, NGX_HTTP_NO_CONTENT, {}, -1);
    r->header_only = 1;

    if (add_header(r, "Cache-Control", "no-store") != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    return rc == NGX_ERROR || rc > NGX_OK
        ? rc : ngx_http_send_special(r, NGX_HTTP_LAST);
}

ngx_int_t answer_key(RequestContext *ctx, ngx_uint_t status,
    std::size_t credential)
{
    ChainOutput out(ctx->r->pool, 1024);

    if (!view::write_key(pool_of(ctx), credential, now_ms(), out)) {
        // Somebody has removed it since.
        Error error;
        error.kind = ErrorKind::unknown_url;
        error.message = "The key is gone.";
        error.code = "key_not_found";
        return refuse(ctx, error);
    }

    return answer(ctx, status, out);
}

ngx_int_t send_index(RequestContext *ctx)
{
    ChainOutput out(ctx->r->pool, 2048);
    admin::write_index(view(pool_conf(ctx).name), module_version, out);

    return answer(ctx, NGX_HTTP_OK, out);
}

ngx_int_t send_status(RequestContext *ctx)
{
    pool_of(ctx).refresh(now_ms());

    view::StatusContext context = status_of(pool_conf(ctx), now_ms());
    view::ClientsView clients;

    if (ctx->conf->auth == auth_clients) {
        clients.set = &ctx->conf->clients->set;
        clients.records = ctx->conf->clients->records;
        clients.capacity = ctx->conf->clients->capacity;
        context.clients = &clients;
    }

    context.trails = shown_trails;

    ChainOutput out(ctx->r->pool, 16384);
    view::write_status(pool_of(ctx), context, out);

    return answer(ctx, NGX_HTTP_OK, out);
}

// ---- what is logged

void log_change(RequestContext *ctx, std::string_view does,
    std::string_view key)
{
    std::string who = ctx->client != nullptr
        ? "client \"" + scrub(ctx->client->name, {}, max_shown) + "\""
        : std::string("somebody");

    ngx_log_error(NGX_LOG_NOTICE, ctx->r->connection->log, 0,
        "gemini: %*s %*s %*s of \"%V\"", GW_LOG(who), GW_LOG(does),
        GW_LOG(key), &pool_conf(ctx).name);
}

void log_key(RequestContext *ctx, std::string_view does,
    const std::string &name)
{
    log_change(ctx, does, "key \"" + name + "\"");
}

/// A key that somebody has put into the path must not reach the log.
ngx_int_t hide(ngx_http_request_t *r, ngx_str_t &text, std::string_view secret)
{
    constexpr std::size_t more = 1024;

    std::string hidden = scrub(view(text), secret, text.len + more);

    if (hidden == view(text)) {
        return NGX_OK;
    }

    text = copy(r->pool, hidden);
    return text.data != nullptr ? NGX_OK : NGX_ERROR;
}

ngx_int_t hide_key(RequestContext *ctx, std::string_view id)
{
    ngx_http_request_t *r = ctx->r;
    std::string_view secret;

    for (const Credential &credential : pool_of(ctx).credentials()) {
        if (credential.secret == id) {
            secret = credential.secret;
        }
    }

    return hide(r, r->request_line, secret) == NGX_OK
        && hide(r, r->unparsed_uri, secret) == NGX_OK
        && hide(r, r->uri, secret) == NGX_OK ? NGX_OK : NGX_ERROR;
}

// ---- keys

Result<std::size_t> find_key(RequestContext *ctx, std::string_view id)
{
    Pool::Found found = pool_of(ctx).find(id, now_ms());

    if (found.ambiguous) {
        return conflict("More than one key is called so: use its id.",
            "ambiguous_key");
    }

    if (found.credential == keys::Choice::nobody) {
        Error error;
        error.kind = ErrorKind::unknown_url;
        // What was asked for may be a key; this is logged.
        error.message = "There is no such key.";
        error.code = "key_not_found";
        return error;
    }

    return found.credential;
}

/// Names are how people tell keys apart.
Result<void> check_name(const Pool &pool, std::string_view name,
    std::uint64_t id)
{
    for (const Credential &credential : pool.credentials()) {
        if (!credential.removed && credential.id != id
            && credential.name == name)
        {
            Error error = conflict("Another key is called \""
                + scrub(name, credential.secret, max_shown) + "\".",
                "name_taken");
            error.param = "name";
            return error;
        }
    }

    return {};
}

/// The change as it is to stand; the zone's lock is held.
Result<void> write_change(RequestContext *ctx, KeyChange &change)
{
    change.when_ms = now_ms();

    Pool::Changed changed = pool_of(ctx).change_key(change, false, now_ms());
    keys::wipe(change.secret);

    if (changed == Pool::Changed::no_room) {
        return conflict("The pool has no room for more keys: it needs a "
            "larger \"zone\".", "no_room");
    }

    return {};
}

/// Whether keys can be kept where the pool is kept.
Result<void> check_storage(RequestContext *ctx)
{
    PoolConf &conf = pool_conf(ctx);

    if ((conf.redis != nullptr || conf.state.len != 0)
        && *conf.seal == nullptr)
    {
        return conflict(std::string("Keys cannot be added: the pool is kept ")
            + (conf.redis != nullptr ? "in Redis" : "in a state file")
            + " and there is no \"gemini_secret\" to encrypt them with.",
            "no_secret");
    }

    return {};
}

struct Added {
    std::size_t credential = keys::Choice::nobody;
    bool known = false;             // it was in the pool already
};

Result<Added> add(RequestContext *ctx, const admin::NewKey &key)
{
    Pool &pool = pool_of(ctx);
    std::uint64_t id = keys::credential_id(key.secret);
    ZoneLock lock(pool_conf(ctx).zone->shm);

    Pool::Found found = pool.find(view::id_text(id), now_ms());

    if (found.credential != keys::Choice::nobody) {
        return Added{found.credential, true};
    }

    auto checked = check_name(pool, key.name, id);

    if (!checked) {
        return checked.error();
    }

    KeyChange change;
    change.id = id;
    change.added = true;
    change.weight = key.weight;
    change.project = key.project;
    change.secret = key.secret;

    if (!key.name.empty()) {
        change.name = key.name;
    }

    auto written = write_change(ctx, change);

    if (!written) {
        return written.error();
    }

    return Added{pool.find(view::id_text(id), now_ms()).credential, false};
}

ngx_int_t add_key(RequestContext *ctx, std::string_view body)
{
    auto key = admin::read_new_key(body);

    if (!key) {
        return refuse(ctx, key.error());
    }

    auto added = add(ctx, key.value());

    if (!added) {
        return refuse(ctx, added.error());
    }

    if (added->known) {
        Error error = conflict("The key is in the pool already, as \""
            + shown_name(pool_of(ctx).credentials()[added->credential])
            + "\".", "key_exists");
        error.param = "key";
        return refuse(ctx, error);
    }

    if (added->credential == keys::Choice::nobody) {
        Error error;
        error.message = "The key could not be added.";
        return refuse(ctx, error);
    }

    log_key(ctx, "adds",
        shown_name(pool_of(ctx).credentials()[added->credential]));

    return answer_key(ctx, NGX_HTTP_CREATED, added->credential);
}

ngx_int_t import_keys(RequestContext *ctx, std::string_view body)
{
    auto lines = admin::read_import(body);

    if (!lines) {
        return refuse(ctx, lines.error());
    }

    std::int64_t added = 0;
    std::int64_t known = 0;

    for (admin::ImportLine &line : lines.value()) {
        if (!line.problem.empty()) {
            continue;
        }

        auto one = add(ctx, line.key);

        if (!one) {
            line.problem = one.error().message;
        } else if (one->known) {
            ++known;
        } else {
            ++added;
        }
    }

    log_change(ctx, "adds", std::to_string(added) + " keys");

    ChainOutput out(ctx->r->pool, 4096);
    json::Writer json(out);

    json.begin_object();
    json.key("added").number(added);
    json.key("known").number(known);
    json.key("refused").begin_array();

    for (const admin::ImportLine &line : lines.value()) {
        if (line.problem.empty()) {
            continue;
        }

        json.begin_object();
        json.key("line").number(static_cast<std::int64_t>(line.number));
        json.key("problem").string(line.problem);
        json.end_object();
    }

    json.end_array();
    json.end_object();

    return answer(ctx, NGX_HTTP_OK, out);
}

/// What differs from the configuration so far.
KeyChange known_change(const Pool &pool, const Credential &credential)
{
    keys::Event event;
    event.kind = keys::EventKind::key_changed;
    event.owner = credential.id;

    KeyChange change = pool.key_of(event).value_or(KeyChange());

    // The pool knows it.
    keys::wipe(change.secret);
    change.id = credential.id;

    if (change.added && !credential.added) {
        // Added first and configured later: the configuration names it.
        change.name.reset();
        change.weight.reset();
        change.project.clear();
    }

    change.added = credential.added;
    change.removed = false;

    return change;
}

Result<void> change(RequestContext *ctx, const Credential &credential,
    const admin::KeyEdit &edit)
{
    Pool &pool = pool_of(ctx);

    if (edit.name && *edit.name) {
        std::string problem = admin::name_problem(**edit.name,
            credential.secret);

        if (!problem.empty()) {
            Error error;
            error.kind = ErrorKind::bad_request;
            error.message = "Invalid \"name\": " + problem + ".";
            error.param = "name";
            error.code = "invalid_value";
            return error;
        }

        auto checked = check_name(pool, **edit.name, credential.id);

        if (!checked) {
            return checked;
        }
    }

    KeyChange change = known_change(pool, credential);

    if (edit.enabled) {
        change.enabled = *edit.enabled;
    }

    if (edit.name) {
        change.name = *edit.name;
    }

    if (edit.weight) {
        change.weight = *edit.weight;
    }

    return write_change(ctx, change);
}

ngx_int_t change_key(RequestContext *ctx, std::string_view id,
    std::string_view body)
{
    auto edit = admin::read_key_edit(body);

    if (!edit) {
        return refuse(ctx, edit.error());
    }

    Result<std::size_t> found = keys::Choice::nobody;
    std::string name;

    {
        ZoneLock lock(pool_conf(ctx).zone->shm);
        found = find_key(ctx, id);

        if (found) {
            const Credential &credential =
                pool_of(ctx).credentials()[found.value()];
            name = shown_name(credential);

            auto changed = change(ctx, credential, edit.value());

            if (!changed) {
                found = changed.error();
            }
        }
    }

    if (!found) {
        return refuse(ctx, found.error());
    }

    if (edit->enabled) {
        log_key(ctx, *edit->enabled ? "enables" : "disables", name);
    }

    if (edit->name || edit->weight) {
        log_key(ctx, "changes", name);
    }

    return answer_key(ctx, NGX_HTTP_OK, found.value());
}

ngx_int_t remove_key(RequestContext *ctx, std::string_view id)
{
    Result<std::size_t> found = keys::Choice::nobody;
    std::string name;

    {
        ZoneLock lock(pool_conf(ctx).zone->shm);
        found = find_key(ctx, id);

        if (found) {
            const Credential &credential =
                pool_of(ctx).credentials()[found.value()];
            name = shown_name(credential);

            if (credential.added) {
                KeyChange change = known_change(pool_of(ctx), credential);
                change.removed = true;

                auto written = write_change(ctx, change);

                if (!written) {
                    found = written.error();
                }

            } else {
                found = conflict("The key \"" + name + "\" stands in the "
                    "configuration; disable it instead.", "key_configured");
            }
        }
    }

    if (!found) {
        return refuse(ctx, found.error());
    }

    log_key(ctx, "removes", name);
    return answer_nothing(ctx);
}

ngx_int_t reset_key(RequestContext *ctx, std::string_view id)
{
    auto found = find_key(ctx, id);

    if (!found) {
        return refuse(ctx, found.error());
    }

    pool_of(ctx).reset(found.value(), now_ms());
    log_key(ctx, "resets",
        shown_name(pool_of(ctx).credentials()[found.value()]));

    return answer_key(ctx, NGX_HTTP_OK, found.value());
}

// ---- requests

bool takes_body(Action action)
{
    return action == Action::add_key || action == Action::import_keys
        || action == Action::change_key;
}

Result<void> check_caller(ngx_http_request_t *r)
{
    admin::Caller caller;

    caller.sec_fetch_site = header_value(r, "sec-fetch-site");
    caller.origin = header_value(r, "origin");
    caller.host = r->headers_in.host != nullptr
        ? view(r->headers_in.host->value) : view(r->headers_in.server);

    if (!admin::cross_site(caller)) {
        return {};
    }

    Error error;
    error.kind = ErrorKind::forbidden;
    error.message = "Pages of another site may not change anything here.";
    error.code = "cross_site";

    return error;
}

Result<void> check_type(ngx_http_request_t *r, Action action)
{
    bool has_body = r->headers_in.content_length_n > 0
                    || r->headers_in.chunked;
    std::string_view type = header_value(r, "content-type");
    Error error;
    error.kind = ErrorKind::unsupported_type;

    if (action == Action::import_keys) {
        error.message = "The keys are expected as text/plain.";
        return admin::is_form(type) ? Result<void>(error) : Result<void>();
    }

    error.message = "The body is expected as application/json.";

    return (takes_body(action) || has_body) && !admin::is_json(type)
        ? Result<void>(error) : Result<void>();
}

Result<void> check_size(ngx_http_request_t *r, Action action)
{
    std::size_t most = action == Action::import_keys ? admin::max_import
                                                     : admin::max_json_body;

    if (r->headers_in.content_length_n <= static_cast<off_t>(most)) {
        return {};
    }

    Error error;
    error.kind = ErrorKind::payload_too_large;
    error.message = "The body is larger than " + std::to_string(most)
                    + " bytes.";
    return error;
}

Result<void> check_change(RequestContext *ctx, Action action)
{
    auto checked = check_caller(ctx->r);

    if (checked) {
        checked = check_type(ctx->r, action);
    }

    if (checked) {
        checked = check_size(ctx->r, action);
    }

    if (checked
        && (action == Action::add_key || action == Action::import_keys))
    {
        checked = check_storage(ctx);
    }

    return checked;
}

ngx_int_t serve(RequestContext *ctx, const Route &route,
    std::string_view body)
{
    switch (route.action) {

    case Action::index:
        return send_index(ctx);

    case Action::status:
        return send_status(ctx);

    case Action::events:
        return send_events(ctx);

    case Action::metrics:
        return send_metrics(ctx);

    case Action::add_key:
        return add_key(ctx, body);

    case Action::import_keys:
        return import_keys(ctx, body);

    case Action::change_key:
        return change_key(ctx, route.id, body);

    case Action::remove_key:
        return remove_key(ctx, route.id);

    case Action::reset_key:
        return reset_key(ctx, route.id);
    }

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

Result<Route> route_of(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;

    return admin::route(view(r->method_name), view(r->uri),
        view(ctx->conf->prefix));
}

ngx_int_t serve_body(RequestContext *ctx)
{
    auto route = route_of(ctx);
    std::string_view body;

    if (!route || gather_body(ctx->r, body) != NGX_OK
        || hide_key(ctx, route->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_int_t rc = serve(ctx, route.value(), body);

    // There was a key in it.
    OPENSSL_cleanse(const_cast<char *>(body.data()), body.size());

    return rc;
}

void body_ready(ngx_http_request_t *r)
{
    ngx_int_t rc = guarded(r->connection->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR},
        [&]() { return serve_body(context_of(r)); });

    ngx_http_finalize_request(r, rc);
}

ngx_int_t begin(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    auto route = route_of(ctx);

    if (!route) {
        return refuse(ctx, route.error());
    }

    if (admin::changes_state(route->action)) {
        auto checked = check_change(ctx, route->action);

        if (!checked) {
            return refuse(ctx, checked.error());
        }
    }

    if (!takes_body(route->action)) {
        return hide_key(ctx, route->id) == NGX_OK
            ? serve(ctx, route.value(), {})
            : ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR};
    }

    r->request_body_in_single_buf = 1;

    ngx_int_t rc = ngx_http_read_client_request_body(r, body_ready);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

}

ngx_int_t handle_admin(ngx_http_request_t *r)
{
    return guarded(r->connection->log,
        ngx_int_t{NGX_HTTP_INTERNAL_SERVER_ERROR}, [&]() -> ngx_int_t {
            RequestContext *ctx = need_context(r);

            if (ctx == nullptr) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            ctx->conf = location_conf(r);
            return begin(ctx);
        });
}

}

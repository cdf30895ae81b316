#include "nginx/admin.hpp"

#include "core/admin/body.hpp"
#include "core/admin/origin.hpp"
#include "core/admin/route.hpp"
#include "core/view/status.hpp"
#include "nginx/admin_answer.hpp"
#include "nginx/admin_check.hpp"
#include "nginx/admin_events.hpp"
#include "nginx/admin_keys.hpp"
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

constexpr std::size_t shown_trails = 50;

std::string_view header_value(ngx_http_request_t *r, std::string_view name)
{
    ngx_table_elt_t *h = find_header(r, name);
    return h != nullptr ? view(h->value) : std::string_view();
}

ngx_int_t send_index(RequestContext *ctx)
{
    ChainOutput out(ctx->r->pool, 2048);
    admin::write_index(view(governed_conf(ctx).name), module_version, out);

    return answer(ctx, NGX_HTTP_OK, out);
}

ngx_int_t send_status(RequestContext *ctx)
{
    governed_pool(ctx).refresh(now_ms());

    view::StatusContext context = status_of(governed_conf(ctx), now_ms());
    view::ClientsView clients;

    if (ctx->conf->auth == auth_clients) {
        clients.set = &ctx->conf->clients->set;
        clients.records = ctx->conf->clients->records;
        clients.capacity = ctx->conf->clients->capacity;
        context.clients = &clients;
    }

    context.trails = shown_trails;

    ChainOutput out(ctx->r->pool, 16384);
    view::write_status(governed_pool(ctx), context, out);

    return answer(ctx, NGX_HTTP_OK, out);
}

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

    case Action::check_key:
        return check_key(ctx, route.id);

    case Action::check_keys:
        return check_keys(ctx);
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

    if (!route || gather_body(ctx->r, body) != NGX_OK) {
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
        return serve(ctx, route.value(), {});
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

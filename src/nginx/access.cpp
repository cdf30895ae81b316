#include "nginx/access.hpp"

#include "core/base/text.hpp"
#include "core/openai/error.hpp"
#include "nginx/context.hpp"
#include "nginx/headers.hpp"
#include "nginx/log.hpp"
#include "nginx/resources.hpp"

#include <algorithm>
#include <string>

namespace gw::ngx {

namespace {

constexpr std::string_view masked = "***";

std::string_view header_value(ngx_http_request_t *r, std::string_view name)
{
    ngx_table_elt_t *h = find_header(r, name);
    return h != nullptr ? view(h->value) : std::string_view();
}

/// Where the value of a query argument "key" begins in a request target, or
/// npos. Names are matched as ngx_http_arg() does, in any case.
std::size_t key_value_at(std::string_view target, std::size_t from)
{
    constexpr std::string_view name = "key=";

    for (std::size_t i = from; i + name.size() <= target.size(); ++i) {
        if ((i == 0 || target[i - 1] == '?' || target[i - 1] == '&')
            && iequals(target.substr(i, name.size()), name))
        {
            return i + name.size();
        }
    }

    return std::string_view::npos;
}

/// Of the admin API: the segment in which a key is named, possibly by itself.
/// Ids, which are no secret, and other calls are left alone.
void hide_path_key(std::string &text)
{
    constexpr std::string_view before = "/api/keys/";
    constexpr std::string_view import = "import";
    constexpr std::size_t id_digits = 16;

    std::size_t at = text.find(before);

    if (at == std::string::npos) {
        return;
    }

    at = text.find_first_not_of('/', at + before.size());

    if (at == std::string::npos) {
        return;
    }

    std::string segment = text.substr(at,
        std::min(text.find_first_of("/? ", at), text.size()) - at);
    bool id = segment.size() == id_digits
              && segment.find_first_not_of("0123456789abcdef")
                 == std::string::npos;

    if (!segment.empty() && !id && segment != import) {
        text.replace(at, segment.size(), masked);
    }
}

/// Puts a copy into s in which the values of "key" arguments and the key in
/// a path are stars, unless there are none. NGX_OK or NGX_ERROR.
ngx_int_t hide_key(ngx_pool_t *pool, ngx_str_t &s)
{
    std::string text(view(s));
    hide_path_key(text);

    std::size_t at = key_value_at(text, 0);

    while (at != std::string::npos) {
        std::size_t end = text.find_first_of("& \t", at);

        text.replace(at, (end == std::string::npos ? text.size() : end) - at,
            masked);
        at = key_value_at(text, at + masked.size());
    }

    if (text == view(s)) {
        return NGX_OK;
    }

    s = copy(pool, text);
    return s.data != nullptr ? NGX_OK : NGX_ERROR;
}

/// Before any other module can log the request line: a token in ?key= must not
/// be in it, nor a key in the path. Which location it is for is not known yet,
/// so what other modules go by, the URI and its arguments, stays.
ngx_int_t hide_query_key(ngx_http_request_t *r)
{
    auto *scf = static_cast<ServerConf *>(
        ngx_http_get_module_srv_conf(r, ngx_http_gemini_module));

    bool in_arguments = r->args.len != 0
        && key_value_at(view(r->args), 0) != std::string_view::npos;
    bool in_path = view(r->unparsed_uri).find("/api/keys/")
                   != std::string_view::npos;

    if (!scf->serves || (!in_arguments && !in_path)) {
        return NGX_DECLINED;
    }

    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = need_context(r);

            if (ctx == nullptr) {
                return NGX_ERROR;
            }

            ctx->request_line = r->request_line;

            return hide_key(r->pool, r->request_line) == NGX_OK
                ? NGX_DECLINED : NGX_ERROR;
        });
}

/// The location is known: ours keeps the token out of everything that is
/// logged, another one gets its request line back.
ngx_int_t settle_query_key(ngx_http_request_t *r)
{
    LocationConf *conf = location_conf(r);
    RequestContext *ctx = context_of(r);

    if (ctx == nullptr || ctx->request_line.data == nullptr) {
        return NGX_DECLINED;
    }

    if (!conf->ours()) {
        r->request_line = ctx->request_line;
        return NGX_DECLINED;
    }

    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            return take_query_key(r, ctx) == NGX_OK ? NGX_DECLINED
                                                    : NGX_ERROR;
        });
}

ngx_int_t refuse(RequestContext *ctx, Error error)
{
    ngx_log_error(NGX_LOG_INFO, ctx->r->connection->log, 0,
        "gemini: access refused: %*s", GW_LOG(error.message));

    int status = openai::status_of(error.kind);
    ctx->error = std::move(error);

    return status;
}

ngx_int_t refuse_token(RequestContext *ctx, bool presented)
{
    Error error;
    error.kind = ErrorKind::unauthorized;
    error.message = presented
        ? "Incorrect API key provided."
        : ctx->conf->native
        ? "You didn't provide an API key. Send it in the x-goog-api-key "
          "header."
        : "You didn't provide an API key. Send it in the Authorization "
          "header, as \"Authorization: Bearer YOUR_KEY\".";

    return refuse(ctx, std::move(error));
}

ngx_int_t refuse_limit(RequestContext *ctx, std::string_view whose,
    std::int64_t wait_ms)
{
    Error error;
    error.kind = ErrorKind::rate_limited;
    error.retry_after = static_cast<long>((wait_ms + 999) / 1000);
    error.message = "Rate limit of " + std::string(whose)
                    + " reached. Please try again in "
                    + std::to_string(error.retry_after) + "s.";

    return refuse(ctx, std::move(error));
}

ngx_int_t refuse_role(RequestContext *ctx)
{
    Error error;
    error.kind = ErrorKind::forbidden;
    error.message = "This API key may not administer the gateway.";

    return refuse(ctx, std::move(error));
}

std::uint64_t address_id(ngx_http_request_t *r)
{
    ngx_connection_t *c = r->connection;

    // The bytes of the address alone: ports differ.
    const void *address = c->sockaddr;
    std::size_t size = c->socklen;

    if (c->sockaddr->sa_family == AF_INET) {
        address = &reinterpret_cast<sockaddr_in *>(c->sockaddr)->sin_addr;
        size = sizeof(in_addr);
    }

#if (NGX_HAVE_INET6)
    if (c->sockaddr->sa_family == AF_INET6) {
        address = &reinterpret_cast<sockaddr_in6 *>(c->sockaddr)->sin6_addr;
        size = sizeof(in6_addr);
    }
#endif

    return hash64({static_cast<const char *>(address), size}) | 1;
}

ngx_int_t identify(RequestContext *ctx)
{
    ngx_http_request_t *r = ctx->r;
    keys::PresentedToken presented;

    presented.authorization = header_value(r, "authorization");
    presented.x_api_key = header_value(r, "x-api-key");
    presented.x_goog_api_key = header_value(r, "x-goog-api-key");
    presented.query_key = ctx->query_key;

    std::string_view token = keys::token_of(presented);

    // Who goes on with an upload may leave the credential out: its id is one.
    ctx->client = token.empty() ? client_of_upload(ctx)
                                : ctx->conf->clients->set.find(token);

    return ctx->client != nullptr ? NGX_OK
                                  : refuse_token(ctx, !token.empty());
}

ngx_int_t admit(RequestContext *ctx)
{
    LocationConf *conf = ctx->conf;
    std::int64_t now = now_ms();
    if (conf->auth == auth_clients) {
        ngx_int_t rc = identify(ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        keys::LimitTable table(conf->clients->records,
            conf->clients->capacity);
        ctx->client_limits = &table.find(ctx->client->limit_id(), now);

        if (conf->admin_pool != nullptr && !ctx->client->admin) {
            return refuse_role(ctx);
        }
    }

    if (conf->serves() && conf->ip_limits != nullptr) {
        keys::LimitTable table = ctx->pool().limits();
        std::int64_t wait = keys::take_request(
            table.find(address_id(ctx->r), now), *conf->ip_limits, now);

        if (wait > 0) {
            return refuse_limit(ctx, "this address", wait);
        }
    }

    if (ctx->client_limits != nullptr && conf->serves()) {
        std::int64_t wait = keys::take_request(*ctx->client_limits,
            ctx->client->limits, now);

        if (wait > 0) {
            return refuse_limit(ctx, "this API key", wait);
        }
    }

    ctx->admitted = true;

    // DECLINED, not OK: with `satisfy any` an open door of ours must not
    // override what other modules ask for.
    return conf->auth == auth_clients ? NGX_OK : NGX_DECLINED;
}

ngx_int_t handle_access(ngx_http_request_t *r)
{
    LocationConf *conf = location_conf(r);

    // Load balancers ask for health without a token, unless the location
    // itself wants one.
    bool asks = conf->status_form == StatusForm::json
                || conf->status_form == StatusForm::metrics
                || conf->admin_pool != nullptr
                || (conf->status_form == StatusForm::health
                    && conf->auth_here);

    if (!conf->serves() && !asks) {
        return NGX_DECLINED;
    }

    // A browser sends its preflight without credentials.
    if (r->method == NGX_HTTP_OPTIONS && conf->serves()) {
        return NGX_DECLINED;
    }

    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            RequestContext *ctx = need_context(r);

            if (ctx == nullptr) {
                return NGX_ERROR;
            }

            if (ctx->admitted && ctx->conf == conf) {
                return conf->auth == auth_clients ? NGX_OK : NGX_DECLINED;
            }

            ctx->conf = conf;
            return admit(ctx);
        });
}

ngx_int_t add_handler(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    auto *cmcf = static_cast<ngx_http_core_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    auto *h = static_cast<ngx_http_handler_pt *>(
        ngx_array_push(&cmcf->phases[phase].handlers));

    if (h == nullptr) {
        return NGX_ERROR;
    }

    *h = handler;
    return NGX_OK;
}

}

ngx_int_t take_query_key(ngx_http_request_t *r, RequestContext *ctx)
{
    constexpr std::string_view name = "key";
    ngx_str_t value;

    if (hide_key(r->pool, r->unparsed_uri) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ctx->query_key.empty()
        || ngx_http_arg(r, str(name).data, name.size(), &value) != NGX_OK)
    {
        return NGX_OK;
    }

    std::string key(value.len, '\0');
    auto *start = reinterpret_cast<u_char *>(key.data());
    u_char *dst = start;
    u_char *src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);
    key.resize(static_cast<std::size_t>(dst - start));
    ctx->query_key = std::move(key);

    return hide_key(r->pool, r->args);
}

ngx_int_t hide_uri_key(ngx_http_request_t *r)
{
    return hide_key(r->pool, r->uri);
}

ngx_int_t add_access_handler(ngx_conf_t *cf)
{
    if (add_handler(cf, NGX_HTTP_POST_READ_PHASE, hide_query_key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (add_handler(cf, NGX_HTTP_REWRITE_PHASE, settle_query_key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return add_handler(cf, NGX_HTTP_ACCESS_PHASE, handle_access);
}

}

#include "nginx/access.hpp"

#include "core/base/text.hpp"
#include "core/openai/error.hpp"
#include "nginx/context.hpp"
#include "nginx/headers.hpp"
#include "nginx/log.hpp"

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
/// npos. Names are matched as ngx_http_arg() does.
std::size_t key_value_at(std::string_view target, std::size_t from)
{
    for ( ;; ) {
        std::size_t at = target.find("key=", from);

        if (at == std::string_view::npos) {
            return at;
        }

        if (at > 0 && (target[at - 1] == '?' || target[at - 1] == '&')) {
            return at + 4;
        }

        from = at + 4;
    }
}

/// A copy in which the values of "key" arguments are stars; s itself when it
/// has none. data == nullptr: out of memory.
ngx_str_t without_key(ngx_pool_t *pool, const ngx_str_t &s)
{
    std::string text(view(s));
    std::size_t at = 0;
    bool changed = false;

    while ((at = key_value_at(text, at)) != std::string::npos) {
        std::size_t end = text.find_first_of("& \t", at);

        text.replace(at, (end == std::string::npos ? text.size() : end) - at,
            masked);
        at += masked.size();
        changed = true;
    }

    return changed ? copy(pool, text) : s;
}

/// Before any other module can log the request line: a token in ?key= must not
/// be in it. What other modules go by, the URI and its arguments, stays.
ngx_int_t hide_query_key(ngx_http_request_t *r)
{
    if (r->args.len == 0
        || key_value_at(view(r->request_line), 0) == std::string_view::npos)
    {
        return NGX_DECLINED;
    }

    auto *scf = static_cast<ServerConf *>(
        ngx_http_get_module_srv_conf(r, ngx_http_gemini_module));

    if (!scf->serves) {
        return NGX_DECLINED;
    }

    return guarded(r->connection->log, ngx_int_t{NGX_ERROR},
        [&]() -> ngx_int_t {
            ngx_str_t line = without_key(r->pool, r->request_line);

            if (line.data == nullptr) {
                return NGX_ERROR;
            }

            r->request_line = line;
            return NGX_DECLINED;
        });
}

/// The value of ?key=, decoded. In our own location the arguments lose it:
/// nothing else needs it, and $request_uri and $args may be logged.
/// NGX_OK or NGX_ERROR.
ngx_int_t take_query_key(ngx_http_request_t *r, std::string &key)
{
    constexpr std::string_view name = "key";
    ngx_str_t value;

    if (ngx_http_arg(r, str(name).data, name.size(), &value) != NGX_OK) {
        return NGX_OK;
    }

    key.resize(value.len);
    auto *start = reinterpret_cast<u_char *>(key.data());
    u_char *dst = start;
    u_char *src = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);
    key.resize(static_cast<std::size_t>(dst - start));

    ngx_str_t hidden = without_key(r->pool,
        str("?" + std::string(view(r->args))));

    r->unparsed_uri = without_key(r->pool, r->unparsed_uri);

    if (hidden.data == nullptr || r->unparsed_uri.data == nullptr) {
        return NGX_ERROR;
    }

    r->args = {hidden.len - 1, hidden.data + 1};
    return NGX_OK;
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

ngx_int_t identify(RequestContext *ctx, std::string_view query_key)
{
    ngx_http_request_t *r = ctx->r;
    keys::PresentedToken presented;

    presented.authorization = header_value(r, "authorization");
    presented.x_api_key = header_value(r, "x-api-key");
    presented.x_goog_api_key = header_value(r, "x-goog-api-key");
    presented.query_key = query_key;

    std::string_view token = keys::token_of(presented);

    ctx->client = token.empty() ? nullptr
                                : ctx->conf->clients->set.find(token);

    return ctx->client != nullptr ? NGX_OK
                                  : refuse_token(ctx, !token.empty());
}

ngx_int_t admit(RequestContext *ctx)
{
    LocationConf *conf = ctx->conf;
    std::int64_t now = now_ms();
    std::string query_key;

    if (take_query_key(ctx->r, query_key) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conf->auth == auth_clients) {
        ngx_int_t rc = identify(ctx, query_key);

        if (rc != NGX_OK) {
            return rc;
        }

        keys::LimitTable table(conf->clients->records,
            conf->clients->capacity);
        ctx->client_limits = &table.find(ctx->client->limit_id(), now);
    }

    if (conf->serves() && conf->ip_limits != nullptr) {
        keys::LimitTable table = ctx->zone().address_limits();
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

    if (!conf->serves() && conf->status_form != StatusForm::json) {
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

ngx_int_t add_access_handler(ngx_conf_t *cf)
{
    if (add_handler(cf, NGX_HTTP_POST_READ_PHASE, hide_query_key) != NGX_OK) {
        return NGX_ERROR;
    }

    return add_handler(cf, NGX_HTTP_ACCESS_PHASE, handle_access);
}

}

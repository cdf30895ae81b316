// Where requests go: groups with kept-alive connections for literal URLs, that
// of gemini_upstream or Google's own, and TLS.
//
// A URL of no `upstream {}` block would get an implicit group, which the
// keepalive module passes over. So for each distinct URL a real block is
// parsed, with a placeholder for an address; when the whole of http{} has been
// read it is known whether the user has a block of that name, and if not, the
// real addresses take the placeholder's place. Only the URLs in use are
// resolved. Verified with nginx 1.22 to 1.31.
#include "core/base/text.hpp"
#include "core/gemini/vertex_path.hpp"
#include "nginx/compat.hpp"
#include "nginx/conf.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"
#include "nginx/log.hpp"

#include <string>

namespace gw::ngx {

namespace {

constexpr std::string_view default_url =
    "https://generativelanguage.googleapis.com";

/// Parses text as if it stood in http{}.
ngx_int_t parse_in_http(ngx_conf_t *cf, void *http_ctx, std::string text)
{
    // The extra brace is what a block's parser ends at.
    text += " }";

    ngx_conf_t saved = *cf;
    ngx_conf_file_t file{};
    ngx_buf_t b{};

    ngx_str_t kept = copy(cf->pool, text);

    if (kept.data == nullptr) {
        return NGX_ERROR;
    }

    b.start = b.pos = kept.data;
    b.end = b.last = kept.data + kept.len;
    b.temporary = 1;

    file.buffer = &b;
    file.line = 1;
    file.file.name = saved.conf_file->file.name;
    // An invalid descriptor would mean "-g", where blocks are refused.
    file.file.fd = saved.conf_file->file.fd;

    cf->args = ngx_array_create(cf->pool, 10, sizeof(ngx_str_t));

    if (cf->args == nullptr) {
        *cf = saved;
        return NGX_ERROR;
    }

    cf->conf_file = &file;
    cf->ctx = http_ctx;
    cf->module_type = NGX_HTTP_MODULE;
    cf->cmd_type = NGX_HTTP_MAIN_CONF;
    cf->handler = nullptr;

    char *rv = ngx_conf_parse(cf, nullptr);
    *cf = saved;

    return rv == NGX_CONF_OK ? NGX_OK : NGX_ERROR;
}

ngx_http_upstream_srv_conf_t *find_group(ngx_conf_t *cf,
    std::string_view name)
{
    auto *umcf = static_cast<ngx_http_upstream_main_conf_t *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module));
    auto **groups = static_cast<ngx_http_upstream_srv_conf_t **>(
        umcf->upstreams.elts);

    for (ngx_uint_t i = 0; i < umcf->upstreams.nelts; ++i) {
        // Only a block has srv_conf; an implicit group of some proxy_pass
        // has not.
        if (groups[i]->srv_conf != nullptr && view(groups[i]->host) == name) {
            return groups[i];
        }
    }

    return nullptr;
}

std::string group_name(const Target &target)
{
    return "gemini " + std::string(view(target.url));
}

/// Splits and checks the URL. problem: what is wrong with it.
bool parse_url(ngx_conf_t *cf, Target &target, std::string &problem)
{
    std::string_view rest = view(target.url);

    if (starts_with(rest, "https://")) {
        target.tls = true;
        rest.remove_prefix(8);

    } else if (starts_with(rest, "http://")) {
        rest.remove_prefix(7);

    } else {
        problem = "it must begin with \"https://\" or \"http://\"";
        return false;
    }

    std::size_t slash = rest.find('/');
    std::string_view authority = rest.substr(0, slash);
    std::string_view path = slash == std::string_view::npos
        ? std::string_view() : rest.substr(slash);

    while (ends_with(path, "/")) {
        path.remove_suffix(1);
    }

    if (path.find_first_of(" ?#\t\r\n") != std::string_view::npos
        || authority.find_first_of("@ ?#$\t") != std::string_view::npos)
    {
        problem = "only a scheme, a host, a port and a path are expected";
        return false;
    }

    ngx_url_t url{};
    url.url = copy(cf->pool, authority);
    url.default_port = target.tls ? 443 : 80;
    url.no_resolve = 1;

    if (url.url.data == nullptr || ngx_parse_url(cf->pool, &url) != NGX_OK) {
        problem = url.err != nullptr ? url.err : "it has no host";
        return false;
    }

    target.host = url.host;
    target.port = url.no_port ? 0 : url.port;
    target.path = copy(cf->pool, path);

    return target.path.data != nullptr;
}

/// The name that the servers of a user's block go by, for Host, SNI and the
/// certificate: the first that is a host name; else the block's.
ngx_str_t name_of_group(ngx_http_upstream_srv_conf_t *group)
{
    if (group->servers != nullptr) {
        auto *servers = static_cast<ngx_http_upstream_server_t *>(
            group->servers->elts);

        for (ngx_uint_t i = 0; i < group->servers->nelts; ++i) {
            std::string_view name = view(servers[i].name);
            name = name.substr(0, name.rfind(':'));

            if (!name.empty() && name[0] != '[' && !starts_with(name, "unix")
                && ngx_inet_addr(str(name).data, name.size()) == INADDR_NONE)
            {
                return str(name);
            }
        }
    }

    return group->host;
}

ngx_int_t resolve_into_group(ngx_conf_t *cf, Target &target)
{
    ngx_http_upstream_srv_conf_t *group = target.group;

    ngx_url_t url{};
    url.url = target.host;
    url.default_port = target.port != 0 ? target.port
                                        : (target.tls ? 443 : 80);

    if (ngx_parse_url(cf->pool, &url) != NGX_OK) {
        conf_error(cf, std::string(url.err ? url.err : "invalid host")
                       + " in gemini_upstream \""
                       + std::string(view(target.url)) + "\"");
        return NGX_ERROR;
    }

    ngx_array_t *servers = ngx_array_create(cf->pool, 1,
        sizeof(ngx_http_upstream_server_t));

    if (servers == nullptr) {
        return NGX_ERROR;
    }

    auto *server = static_cast<ngx_http_upstream_server_t *>(
        ngx_array_push(servers));

    *server = {};
    server->name = target.host;
    server->addrs = url.addrs;
    server->naddrs = url.naddrs;
    server->weight = 1;
    server->max_fails = 1;
    server->fail_timeout = 10;

    group->servers = servers;

    // Builds the peers anew and takes peer.init for itself; the keepalive
    // module's, which wraps it, must stay.
    ngx_http_upstream_init_peer_pt init = group->peer.init;

    if (ngx_http_upstream_init_round_robin(cf, group) != NGX_OK) {
        return NGX_ERROR;
    }

    group->peer.init = init;

    return NGX_OK;
}

}

char *set_upstream(ngx_conf_t *cf, ngx_command_t *, void *conf)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *lcf = static_cast<LocationConf *>(conf);

            if (lcf->target != NGX_CONF_UNSET_PTR) {
                return const_cast<char *>("is duplicate");
            }

            std::string problem;
            lcf->target = add_target(cf, arg(cf, 1), problem);

            return lcf->target != nullptr
                ? NGX_CONF_OK
                : invalid_value(cf, "gemini_upstream", arg(cf, 1), problem);
        });
}

Target *add_target(ngx_conf_t *cf, std::string_view url, std::string &problem)
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_gemini_module));

    for (Target *target : *mcf->targets) {
        if (view(target->url) == url) {
            return target;
        }
    }

    auto *target = make<Target>(cf->pool);

    if (target == nullptr) {
        problem = "out of memory";
        return nullptr;
    }

    target->url = copy(cf->pool, url);

    if (target->url.data == nullptr || !parse_url(cf, *target, problem)) {
        return nullptr;
    }

    // The address is never connected to: bind_target() replaces it.
    if (parse_in_http(cf, mcf->http_ctx,
            "upstream \"" + group_name(*target)
            + "\" { server 127.0.0.1:65535; keepalive 64; }") != NGX_OK)
    {
        problem = "cannot make an upstream group";
        return nullptr;
    }

    target->group = find_group(cf, group_name(*target));
    mcf->targets->push_back(target);

    return target;
}

Target *default_target(ngx_conf_t *cf)
{
    std::string problem;
    return add_target(cf, default_url, problem);
}

Target *vertex_target(ngx_conf_t *cf, std::string_view location)
{
    std::string problem;
    return add_target(cf, gemini::vertex_url(location), problem);
}

const Destination &Destinations::of(const keys::Credential &credential) const
{
    if (credential.api == gemini::Api::vertex) {
        for (const Destination &destination : list) {
            if (view(destination.location) == credential.location) {
                return destination;
            }
        }
    }

    return list.front();
}

Destination &Destinations::of(const keys::Credential &credential)
{
    const Destinations &constant = *this;
    return const_cast<Destination &>(constant.of(credential));
}

ngx_int_t bind_target(ngx_conf_t *cf, Target *target)
{
    if (target->bound) {
        return NGX_OK;
    }

    ngx_http_upstream_srv_conf_t *named = target->port == 0
        ? find_group(cf, view(target->host)) : nullptr;

    if (named != nullptr) {
        target->group = named;
        target->server_name = name_of_group(named);
        target->host_header = target->server_name;

    } else {
        if (target->group == nullptr
            || resolve_into_group(cf, *target) != NGX_OK)
        {
            return NGX_ERROR;
        }

        target->server_name = target->host;
        target->host_header = target->host;

        if (target->port != 0) {
            target->host_header = copy(cf->pool,
                std::string(view(target->host)) + ":"
                + std::to_string(target->port));

            if (target->host_header.data == nullptr) {
                return NGX_ERROR;
            }
        }
    }

    target->bound = true;
    return NGX_OK;
}

TlsConf *tls_for(ngx_conf_t *cf, bool verify, const ngx_str_t &trusted)
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_gemini_module));

    for (TlsConf *tls : *mcf->tls) {
        if (tls->verify == verify
            && view(tls->trusted_certificate) == view(trusted))
        {
            return tls;
        }
    }

    auto *tls = static_cast<TlsConf *>(
        ngx_pcalloc(cf->pool, sizeof(TlsConf)));

    if (tls == nullptr) {
        return nullptr;
    }

    tls->verify = verify;
    tls->trusted_certificate = trusted;
    tls->ssl.log = cf->log;

    if (ngx_ssl_create(&tls->ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, nullptr)
        != NGX_OK)
    {
        return nullptr;
    }

    ngx_pool_cleanup_t *cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (cln == nullptr) {
        ngx_ssl_cleanup_ctx(&tls->ssl);
        return nullptr;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = &tls->ssl;

    if (verify) {
        if (trusted.len != 0) {
            ngx_str_t file = trusted;

            if (ngx_ssl_trusted_certificate(cf, &tls->ssl, &file, 4)
                != NGX_OK)
            {
                return nullptr;
            }

        } else if (SSL_CTX_set_default_verify_paths(tls->ssl.ctx) != 1) {
            conf_error(cf, "cannot load the system's certificates for "
                           "\"gemini_ssl_verify\"");
            return nullptr;
        }
    }

    if (ngx_ssl_client_session_cache(cf, &tls->ssl, 1) != NGX_OK) {
        return nullptr;
    }

    mcf->tls->push_back(tls);
    return tls;
}

}

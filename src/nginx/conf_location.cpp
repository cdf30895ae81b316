// What stands in http, server and location: made, merged, checked. The setters
// of single directives: conf_setters.cpp.
#include "nginx/conf.hpp"
#include "nginx/conf_accounts.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"

#include <string>

namespace gw::ngx {

namespace {

/// A list that dies with the configuration.
template <typename T>
bool add_list(ngx_pool_t *pool, std::vector<T *> *&list)
{
    list = make<std::vector<T *>>(pool);
    return list != nullptr;
}

PoolConf *find_pool(MainConf *mcf, const ngx_str_t &name)
{
    for (PoolConf *pool : *mcf->pools) {
        if (view(pool->name) == view(name)) {
            return pool;
        }
    }

    return nullptr;
}

ClientsConf *find_clients(MainConf *mcf, const ngx_str_t &name)
{
    for (ClientsConf *clients : *mcf->clients) {
        if (view(clients->name) == view(name)) {
            return clients;
        }
    }

    return nullptr;
}

char *merge_timeouts(ngx_conf_t *cf, LocationConf *prev, LocationConf *conf)
{
    ngx_http_upstream_conf_t &mine = conf->upstream;
    ngx_http_upstream_conf_t &parents = prev->upstream;

    ngx_conf_merge_msec_value(mine.connect_timeout, parents.connect_timeout,
        10000);
    ngx_conf_merge_msec_value(mine.send_timeout, parents.send_timeout, 60000);
    ngx_conf_merge_msec_value(mine.read_timeout, parents.read_timeout,
        300000);
    ngx_conf_merge_msec_value(mine.next_upstream_timeout,
        parents.next_upstream_timeout, 0);
    // Chat interfaces ask for the list of models on every page load; it
    // changes a few times a month.
    ngx_conf_merge_msec_value(conf->models_cache, prev->models_cache, 300000);
    ngx_conf_merge_msec_value(conf->head_timeout, prev->head_timeout, 5000);
    ngx_conf_merge_size_value(mine.buffer_size, parents.buffer_size, 16384);
    ngx_conf_merge_size_value(conf->max_response, prev->max_response,
        64 * 1024 * 1024);

    if (mine.buffer_size < 1024) {
        return invalid_value(cf, "gemini_buffer_size",
            std::to_string(mine.buffer_size), "at least 1k is expected");
    }

    if (conf->max_response < 1024) {
        return invalid_value(cf, "gemini_max_response",
            std::to_string(conf->max_response), "at least 1k is expected");
    }

    return NGX_CONF_OK;
}

/// One more destination, of the credentials of a place. A target's addresses
/// are known from now on.
char *add_destination(ngx_conf_t *cf, LocationConf *conf, Target *target,
    std::string_view location)
{
    if (target == nullptr || bind_target(cf, target) != NGX_OK) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    Destination destination;
    destination.target = target;
    destination.upstream = conf->upstream;

    if (!location.empty()) {
        destination.location = copy(cf->pool, location);

        if (destination.location.data == nullptr) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }

    if (target->tls) {
        destination.tls = tls_for(cf, conf->ssl_verify != 0,
            conf->ssl_trusted_certificate);

        // Without this SNI and the certificate's name would be the group's.
        auto *name = static_cast<ngx_http_complex_value_t *>(
            ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));

        if (destination.tls == nullptr || name == nullptr) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }

        name->value = target->server_name;

        ngx_http_upstream_conf_t &upstream = destination.upstream;
        upstream.ssl = &destination.tls->ssl;
        upstream.ssl_name = name;
        upstream.ssl_server_name = 1;
        upstream.ssl_verify = conf->ssl_verify;
        upstream.ssl_session_reuse = 1;
    }

    conf->destinations->list.push_back(destination);

    return NGX_CONF_OK;
}

/// What a location that serves needs beyond its values: where its requests go.
char *prepare_upstream(ngx_conf_t *cf, LocationConf *conf)
{
    conf->destinations = make<Destinations>(cf->pool);

    if (conf->destinations == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    if (conf->pool->probe.destinations == nullptr) {
        conf->pool->probe.destinations = conf->destinations;
        conf->pool->ssl_verify = conf->ssl_verify != 0;
        conf->pool->ssl_trusted_certificate = conf->ssl_trusted_certificate;
    }

    if (conf->target != nullptr) {
        return add_destination(cf, conf, conf->target, {});
    }

    char *rv = add_destination(cf, conf, default_target(cf), {});

    for (const keys::Credential &credential : conf->pool->credentials) {
        if (rv == NGX_CONF_OK && credential.api == gemini::Api::vertex
            && conf->destinations->of(credential).location.len == 0)
        {
            rv = add_destination(cf, conf,
                vertex_target(cf, credential.location), credential.location);
        }
    }

    return rv;
}

/// The aliases that are names, for the list of models.
char *list_aliases(ngx_conf_t *cf, LocationConf *conf)
{
    if (conf->aliases == nullptr) {
        return NGX_CONF_OK;
    }

    auto *aliases = static_cast<ModelAlias *>(conf->aliases->elts);

    conf->listed_aliases = static_cast<front::Alias *>(ngx_pcalloc(cf->pool,
        conf->aliases->nelts * sizeof(front::Alias)));

    if (conf->listed_aliases == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    for (ngx_uint_t i = 0; i < conf->aliases->nelts; ++i) {
        std::string_view from = view(aliases[i].from);

        if (from.find_first_of("*?") == std::string_view::npos) {
            conf->listed_aliases[conf->listed_alias_count++] = {
                from, view(aliases[i].to)
            };
        }
    }

    return NGX_CONF_OK;
}

/// A body has to be in memory whole to be translated. By nginx's default all
/// but the smallest would be written to a file first and read back; a location
/// that was given no other size takes conversations of up to a megabyte in one
/// piece.
void keep_bodies_in_memory(ngx_conf_t *cf)
{
    constexpr std::size_t one_piece = 1024 * 1024;

    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

    if (clcf->client_body_buffer_size == 2 * ngx_pagesize) {
        clcf->client_body_buffer_size = one_piece;
    }
}

/// Names become pointers, and what must not start does not.
char *check_location(ngx_conf_t *cf, LocationConf *conf)
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_gemini_module));

    bool passes = conf->pool_name.data != nullptr;
    bool shows = conf->status_pool_name.data != nullptr;
    bool governs = conf->admin_pool_name.data != nullptr;

    if (!passes && !shows && !governs) {
        return NGX_CONF_OK;
    }

    if (conf->auth == auth_clients) {
        conf->clients = find_clients(mcf, conf->clients_name);

        if (conf->clients == nullptr) {
            return invalid_value(cf, "gemini_auth", view(conf->clients_name),
                "there is no gemini_clients block of that name");
        }
    }

    if (shows) {
        conf->status_pool = find_pool(mcf, conf->status_pool_name);

        if (conf->status_pool == nullptr) {
            return invalid_value(cf, "gemini_status",
                view(conf->status_pool_name),
                "there is no gemini_keys block of that name");
        }

        if (conf->status_form != StatusForm::health
            && conf->auth == NGX_CONF_UNSET_UINT)
        {
            return conf_error(cf, "\"gemini_status\" needs \"gemini_auth\" "
                                  "here, or its explicit \"off\"");
        }
    }

    if (governs) {
        conf->admin_pool = find_pool(mcf, conf->admin_pool_name);

        if (conf->admin_pool == nullptr) {
            return invalid_value(cf, "gemini_admin",
                view(conf->admin_pool_name),
                "there is no gemini_keys block of that name");
        }

        // An open door here would be everybody's way to the keys.
        if (conf->auth != auth_clients) {
            return conf_error(cf, "\"gemini_admin\" needs \"gemini_auth\" "
                                  "with a block of clients here, one of them "
                                  "with role=admin");
        }
    }

    if (!passes) {
        return NGX_CONF_OK;
    }

    conf->pool = find_pool(mcf, conf->pool_name);

    if (conf->pool == nullptr) {
        return invalid_value(cf, "gemini_pass", view(conf->pool_name),
            "there is no gemini_keys block of that name");
    }

    if (conf->auth == NGX_CONF_UNSET_UINT) {
        return conf_error(cf, "\"gemini_pass\" needs \"gemini_auth\" here, "
                              "or its explicit \"off\"");
    }

    keep_bodies_in_memory(cf);

    char *rv = prepare_upstream(cf, conf);

    return rv == NGX_CONF_OK ? list_aliases(cf, conf) : rv;
}

}

void *create_main_conf(ngx_conf_t *cf)
{
    return guarded(cf->log, static_cast<void *>(nullptr), [&]() -> void * {
        auto *mcf = static_cast<MainConf *>(
            ngx_pcalloc(cf->pool, sizeof(MainConf)));

        if (mcf == nullptr || !add_list(cf->pool, mcf->pools)
            || !add_list(cf->pool, mcf->clients)
            || !add_list(cf->pool, mcf->targets)
            || !add_list(cf->pool, mcf->tls))
        {
            return nullptr;
        }

        return mcf;
    });
}

void *create_server_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ServerConf));
}

void *create_location_conf(ngx_conf_t *cf)
{
    auto *conf = static_cast<LocationConf *>(
        ngx_pcalloc(cf->pool, sizeof(LocationConf)));

    if (conf == nullptr) {
        return nullptr;
    }

    ngx_http_upstream_conf_t &upstream = conf->upstream;

    upstream.local = static_cast<ngx_http_upstream_local_t *>(
        NGX_CONF_UNSET_PTR);
    upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    upstream.send_timeout = NGX_CONF_UNSET_MSEC;
    upstream.read_timeout = NGX_CONF_UNSET_MSEC;
    upstream.next_upstream_timeout = NGX_CONF_UNSET_MSEC;
    upstream.buffer_size = NGX_CONF_UNSET_SIZE;
    upstream.hide_headers = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    upstream.pass_headers = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);

    // What moves on and what does not is decided by upstream_peer.cpp.
    upstream.next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                             |NGX_HTTP_UPSTREAM_FT_TIMEOUT
                             |NGX_HTTP_UPSTREAM_FT_INVALID_HEADER
                             |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;
    upstream.ignore_headers = NGX_CONF_BITMASK_SET;
    upstream.module = ngx_string("gemini");

    conf->auth = NGX_CONF_UNSET_UINT;
    conf->ip_limits = static_cast<keys::Limits *>(NGX_CONF_UNSET_PTR);
    conf->target = static_cast<Target *>(NGX_CONF_UNSET_PTR);
    conf->aliases = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->fallbacks = static_cast<ngx_array_t *>(NGX_CONF_UNSET_PTR);
    conf->safety = static_cast<gemini::SafetySetting *>(NGX_CONF_UNSET_PTR);
    conf->thoughts = NGX_CONF_UNSET_UINT;
    conf->models_cache = NGX_CONF_UNSET_MSEC;
    conf->head_timeout = NGX_CONF_UNSET_MSEC;
    conf->max_response = NGX_CONF_UNSET_SIZE;
    conf->ssl_verify = NGX_CONF_UNSET;

    return conf;
}

char *merge_location_conf(ngx_conf_t *cf, void *parent, void *child)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *prev = static_cast<LocationConf *>(parent);
            auto *conf = static_cast<LocationConf *>(child);

            ngx_conf_merge_ptr_value(conf->upstream.local,
                prev->upstream.local, nullptr);
            ngx_conf_merge_ptr_value(conf->ip_limits, prev->ip_limits,
                nullptr);
            ngx_conf_merge_ptr_value(conf->target, prev->target, nullptr);
            ngx_conf_merge_ptr_value(conf->aliases, prev->aliases, nullptr);
            ngx_conf_merge_ptr_value(conf->fallbacks, prev->fallbacks,
                nullptr);
            ngx_conf_merge_uint_value(conf->thoughts, prev->thoughts,
                static_cast<ngx_uint_t>(translate::Thoughts::field));
            ngx_conf_merge_value(conf->ssl_verify, prev->ssl_verify, 1);
            ngx_conf_merge_str_value(conf->ssl_trusted_certificate,
                prev->ssl_trusted_certificate, "");

            if (conf->safety == NGX_CONF_UNSET_PTR) {
                conf->safety = prev->safety;
                conf->safety_count = prev->safety_count;
            }

            if (conf->safety == NGX_CONF_UNSET_PTR) {
                conf->safety = nullptr;
            }

            if (conf->auth == NGX_CONF_UNSET_UINT) {
                conf->auth = prev->auth;
                conf->clients_name = prev->clients_name;
            }

            char *rv = merge_timeouts(cf, prev, conf);

            if (rv != NGX_CONF_OK) {
                return rv;
            }

            ngx_hash_init_t hash{};
            hash.max_size = 512;
            hash.bucket_size = ngx_align(64, ngx_cacheline_size);
            hash.name = const_cast<char *>("gemini_headers_hash");

            static ngx_str_t no_headers[] = { ngx_null_string };

            if (ngx_http_upstream_hide_headers_hash(cf, &conf->upstream,
                    &prev->upstream, no_headers, &hash) != NGX_OK)
            {
                return static_cast<char *>(NGX_CONF_ERROR);
            }

            return check_location(cf, conf);
        });
}

ngx_int_t check_pools(ngx_conf_t *cf)
{
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_gemini_module));

    return guarded(cf->log, ngx_int_t{NGX_ERROR}, [&]() -> ngx_int_t {
        for (PoolConf *pool : *mcf->pools) {
            if (pool->probe.interval != 0
                && pool->probe.destinations == nullptr)
            {
                conf_error(cf, "\"probe\" in gemini_keys \""
                    + std::string(view(pool->name)) + "\" does not know "
                    "where to ask: no location passes to the pool");
                return NGX_ERROR;
            }

            if (!bind_accounts(cf, *pool)) {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    });
}

}

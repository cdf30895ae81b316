// Directives of http, server and location that nginx's own setters cannot read.
#include "core/base/text.hpp"
#include "core/gemini/family.hpp"
#include "core/translate/safety.hpp"
#include "nginx/admin.hpp"
#include "nginx/conf.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"
#include "nginx/handler.hpp"
#include "nginx/status.hpp"

#include <openssl/crypto.h>

#include <string>

namespace gw::ngx {

namespace {

char *duplicate()
{
    return const_cast<char *>("is duplicate");
}

/// What the paths of a location are below: its name; for a regex or a named
/// location nothing is known.
ngx_str_t prefix_of(ngx_conf_t *cf)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));

#if (NGX_PCRE)
    if (clcf->regex != nullptr) {
        return ngx_null_string;
    }
#endif

    return clcf->named ? ngx_str_t ngx_null_string : clcf->name;
}

/// The location's handler is ours, and its server is one of ours. What was
/// there before (proxy_pass, or the other of our two) would be lost without a
/// word. Always NGX_CONF_OK or an error.
char *serve_by(ngx_conf_t *cf, ngx_http_handler_pt handler)
{
    auto *clcf = static_cast<ngx_http_core_loc_conf_t *>(
        ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module));
    auto *scf = static_cast<ServerConf *>(
        ngx_http_conf_get_module_srv_conf(cf, ngx_http_gemini_module));

    if (clcf->handler != nullptr) {
        return conf_error(cf, "\"" + std::string(arg(cf, 0)) + " "
                              + std::string(arg(cf, 1))
                              + "\" conflicts with another directive that "
                              "answers the requests of this location, such "
                              "as \"proxy_pass\", \"gemini_pass\" or "
                              "\"gemini_status\"");
    }

    clcf->handler = handler;
    scf->serves = true;

    return NGX_CONF_OK;
}

}

char *set_pass(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *conf = static_cast<LocationConf *>(data);

            if (conf->pool_name.data != nullptr) {
                return duplicate();
            }

            if (cf->args->nelts == 3 && arg(cf, 2) != "openai"
                && arg(cf, 2) != "native")
            {
                return invalid_value(cf, "gemini_pass", arg(cf, 2),
                    "\"openai\" or \"native\" is expected");
            }

            conf->native = cf->args->nelts == 3 && arg(cf, 2) == "native";
            conf->pool_name = static_cast<ngx_str_t *>(cf->args->elts)[1];
            conf->prefix = prefix_of(cf);

            if (serve_by(cf, handle_request) != NGX_CONF_OK) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }

            // Whether it is used is known only when everything is merged, but
            // a group can be made only now.
            return default_target(cf) != nullptr
                ? NGX_CONF_OK
                : conf_error(cf, "cannot make the default upstream group");
        });
}

char *set_auth(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    auto *conf = static_cast<LocationConf *>(data);

    if (conf->auth != NGX_CONF_UNSET_UINT) {
        return duplicate();
    }

    conf->auth_here = true;

    if (arg(cf, 1) == "off") {
        conf->auth = auth_off;
        return NGX_CONF_OK;
    }

    conf->auth = auth_clients;
    conf->clients_name = static_cast<ngx_str_t *>(cf->args->elts)[1];

    return NGX_CONF_OK;
}

char *set_ip_limit(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *conf = static_cast<LocationConf *>(data);

            if (conf->ip_limits != NGX_CONF_UNSET_PTR) {
                return duplicate();
            }

            if (cf->args->nelts == 2 && arg(cf, 1) == "off") {
                conf->ip_limits = nullptr;
                return NGX_CONF_OK;
            }

            conf->ip_limits = make<keys::Limits>(cf->pool);

            if (conf->ip_limits == nullptr) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }

            for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
                std::string problem = "rpm= or rpd= is expected";

                if (!limit_option(arg(cf, i), *conf->ip_limits, false,
                        problem))
                {
                    return invalid_value(cf, "gemini_client_ip_limit",
                        arg(cf, i), problem);
                }
            }

            return NGX_CONF_OK;
        });
}

char *set_model(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    auto *conf = static_cast<LocationConf *>(data);
    auto *value = static_cast<ngx_str_t *>(cf->args->elts);

    if (conf->aliases == NGX_CONF_UNSET_PTR) {
        conf->aliases = ngx_array_create(cf->pool, 4, sizeof(ModelAlias));

        if (conf->aliases == nullptr) {
            return static_cast<char *>(NGX_CONF_ERROR);
        }
    }

    std::string_view to = gemini::bare_model(view(value[2]));

    if (!gemini::valid_model(to)) {
        return invalid_value(cf, "gemini_model", view(value[2]),
            "it cannot be a model's name");
    }

    auto *alias = static_cast<ModelAlias *>(ngx_array_push(conf->aliases));

    if (alias == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    alias->from = value[1];
    alias->to = str(to);

    return NGX_CONF_OK;
}

char *set_fallback(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    auto *conf = static_cast<LocationConf *>(data);
    auto *value = static_cast<ngx_str_t *>(cf->args->elts);

    if (conf->fallbacks != NGX_CONF_UNSET_PTR) {
        return duplicate();
    }

    if (cf->args->nelts == 2 && arg(cf, 1) == "off") {
        conf->fallbacks = nullptr;
        return NGX_CONF_OK;
    }

    conf->fallbacks = ngx_array_create(cf->pool, cf->args->nelts - 1,
        sizeof(ngx_str_t));

    if (conf->fallbacks == nullptr) {
        return static_cast<char *>(NGX_CONF_ERROR);
    }

    for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
        std::string_view model = gemini::bare_model(view(value[i]));

        if (!gemini::valid_model(model)) {
            return invalid_value(cf, "gemini_fallback", view(value[i]),
                "it cannot be a model's name");
        }

        *static_cast<ngx_str_t *>(ngx_array_push(conf->fallbacks))
            = str(model);
    }

    return NGX_CONF_OK;
}

char *set_admin(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *conf = static_cast<LocationConf *>(data);

            if (conf->admin_pool_name.data != nullptr) {
                return duplicate();
            }

            conf->admin_pool_name =
                static_cast<ngx_str_t *>(cf->args->elts)[1];
            conf->prefix = prefix_of(cf);

            return serve_by(cf, handle_admin);
        });
}

char *set_thoughts(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    struct Row {
        std::string_view name;
        translate::Thoughts thoughts;
    };

    static constexpr Row rows[] = {
        {"field", translate::Thoughts::field},
        {"inline", translate::Thoughts::inline_tags},
        {"hide", translate::Thoughts::hide},
    };

    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *conf = static_cast<LocationConf *>(data);

            if (conf->thoughts != NGX_CONF_UNSET_UINT) {
                return duplicate();
            }

            for (const Row &row : rows) {
                if (arg(cf, 1) == row.name) {
                    conf->thoughts = static_cast<ngx_uint_t>(row.thoughts);
                    return NGX_CONF_OK;
                }
            }

            return invalid_value(cf, "gemini_thoughts", arg(cf, 1),
                "\"field\", \"inline\" or \"hide\" is expected");
        });
}

char *set_safety(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *conf = static_cast<LocationConf *>(data);

            if (conf->safety != NGX_CONF_UNSET_PTR) {
                return duplicate();
            }

            if (cf->args->nelts == 2 && arg(cf, 1) == "default") {
                conf->safety = nullptr;
                return NGX_CONF_OK;
            }

            if (cf->args->nelts == 2 && arg(cf, 1) == "off") {
                conf->safety = const_cast<gemini::SafetySetting *>(
                    translate::safety_off(conf->safety_count));
                return NGX_CONF_OK;
            }

            conf->safety_count = cf->args->nelts - 1;
            conf->safety = static_cast<gemini::SafetySetting *>(ngx_pcalloc(
                cf->pool, conf->safety_count * sizeof(gemini::SafetySetting)));

            if (conf->safety == nullptr) {
                return static_cast<char *>(NGX_CONF_ERROR);
            }

            for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
                auto setting = translate::parse_safety(arg(cf, i));

                if (!setting) {
                    return invalid_value(cf, "gemini_safety", arg(cf, i),
                        setting.error().message);
                }

                for (ngx_uint_t k = 0; k + 1 < i; ++k) {
                    if (conf->safety[k].category
                        == setting.value().category)
                    {
                        return invalid_value(cf, "gemini_safety", arg(cf, i),
                            "the category is there already");
                    }
                }

                conf->safety[i - 1] = setting.value();
            }

            return NGX_CONF_OK;
        });
}

char *set_status(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *conf = static_cast<LocationConf *>(data);

            if (conf->status_pool_name.data != nullptr) {
                return duplicate();
            }

            if (arg(cf, 2) == "health") {
                conf->status_form = StatusForm::health;

            } else if (arg(cf, 2) == "json") {
                conf->status_form = StatusForm::json;

            } else if (arg(cf, 2) == "metrics") {
                conf->status_form = StatusForm::metrics;

            } else {
                return invalid_value(cf, "gemini_status", arg(cf, 2),
                    "\"health\", \"json\" or \"metrics\" is expected");
            }

            conf->status_pool_name =
                static_cast<ngx_str_t *>(cf->args->elts)[1];

            return serve_by(cf, handle_status);
        });
}

char *set_secret(ngx_conf_t *cf, ngx_command_t *, void *data)
{
    constexpr std::size_t min_secret = 16;

    return guarded(cf->log, static_cast<char *>(NGX_CONF_ERROR),
        [&]() -> char * {
            auto *mcf = static_cast<MainConf *>(data);

            if (mcf->seal != nullptr) {
                return duplicate();
            }

            std::string secret;

            if (starts_with(arg(cf, 1), "env:")) {
                auto value = secret_value(cf, "gemini_secret", arg(cf, 1));

                if (!value) {
                    return static_cast<char *>(NGX_CONF_ERROR);
                }

                secret = std::move(*value);

            } else {
                auto text = read_whole(cf, "gemini_secret", arg(cf, 1));

                if (!text) {
                    return static_cast<char *>(NGX_CONF_ERROR);
                }

                secret = trim(*text);
                OPENSSL_cleanse(text->data(), text->size());
            }

            if (secret.size() < min_secret) {
                return invalid_value(cf, "gemini_secret", arg(cf, 1),
                    "the secret is shorter than 16 characters");
            }

            mcf->seal = make<share::Seal>(cf->pool, secret);
            OPENSSL_cleanse(secret.data(), secret.size());

            return mcf->seal != nullptr
                ? NGX_CONF_OK : static_cast<char *>(NGX_CONF_ERROR);
        });
}

}

#include "nginx/directives.hpp"

#include "nginx/conf.hpp"
#include "nginx/conf_block.hpp"
#include "nginx/glue.hpp"

#include <cstddef>
#include <string_view>

namespace gw::ngx {

namespace {

constexpr ngx_uint_t anywhere =
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF;

/// nginx's slot setters say which directive has an invalid value, but not
/// which value.
template <char *(*Slot)(ngx_conf_t *, ngx_command_t *, void *)>
char *set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *rv = Slot(cf, cmd, conf);

    if (rv == NGX_CONF_OK || std::string_view(rv) != "invalid value") {
        return rv;
    }

    return guarded(cf->log, rv, [&]() {
        return invalid_value(cf, view(cmd->name), arg(cf, 1));
    });
}

}

// Same order as README.md.
ngx_command_t directives[] = {

    { ngx_string("gemini_keys"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      set_keys,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_clients"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      set_clients,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      set_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      set_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_auth"),
      anywhere|NGX_CONF_TAKE1,
      set_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_client_ip_limit"),
      anywhere|NGX_CONF_TAKE12,
      set_ip_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_upstream"),
      anywhere|NGX_CONF_TAKE1,
      set_upstream,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_model"),
      anywhere|NGX_CONF_TAKE2,
      set_model,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_models_cache"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_msec_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, models_cache),
      nullptr },

    { ngx_string("gemini_fallback"),
      anywhere|NGX_CONF_1MORE,
      set_fallback,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_safety"),
      anywhere|NGX_CONF_1MORE,
      set_safety,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_thoughts"),
      anywhere|NGX_CONF_TAKE1,
      set_thoughts,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_connect_timeout"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_msec_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, upstream.connect_timeout),
      nullptr },

    { ngx_string("gemini_send_timeout"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_msec_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, upstream.send_timeout),
      nullptr },

    { ngx_string("gemini_read_timeout"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_msec_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, upstream.read_timeout),
      nullptr },

    { ngx_string("gemini_tries_timeout"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_msec_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, upstream.next_upstream_timeout),
      nullptr },

    { ngx_string("gemini_ssl_verify"),
      anywhere|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, ssl_verify),
      nullptr },

    { ngx_string("gemini_ssl_trusted_certificate"),
      anywhere|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, ssl_trusted_certificate),
      nullptr },

    { ngx_string("gemini_head_timeout"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_msec_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, head_timeout),
      nullptr },

    { ngx_string("gemini_buffer_size"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_size_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, upstream.buffer_size),
      nullptr },

    { ngx_string("gemini_max_response"),
      anywhere|NGX_CONF_TAKE1,
      set<ngx_conf_set_size_slot>,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(LocationConf, max_response),
      nullptr },

    { ngx_string("gemini_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      set_admin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

    { ngx_string("gemini_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      set_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      nullptr },

      ngx_null_command
};

}

// The module as nginx knows it: its table of contexts, its phases.
#include "nginx/access.hpp"
#include "nginx/conf.hpp"
#include "nginx/directives.hpp"
#include "nginx/error_pages.hpp"
#include "nginx/glue.hpp"
#include "nginx/metrics.hpp"
#include "nginx/probe.hpp"
#include "nginx/redis_link.hpp"
#include "nginx/state_file.hpp"
#include "nginx/token_keeper.hpp"
#include "nginx/variables.hpp"
#include "nginx/zone.hpp"

namespace gw::ngx {

namespace {

ngx_int_t preconfiguration(ngx_conf_t *cf)
{
    // conf_upstream.cpp parses upstream blocks where http{} would.
    auto *mcf = static_cast<MainConf *>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_gemini_module));

    mcf->http_ctx = cf->ctx;

    ngx_str_t name = ngx_string("request_id");
    mcf->request_id_index = ngx_http_get_variable_index(cf, &name);

    return mcf->request_id_index == NGX_ERROR ? NGX_ERROR
                                              : add_variables(cf);
}

ngx_int_t postconfiguration(ngx_conf_t *cf)
{
    return check_pools(cf) == NGX_OK && add_access_handler(cf) == NGX_OK
                   && add_metrics_handler(cf) == NGX_OK
               ? add_error_filters() : NGX_ERROR;
}

ngx_int_t init_process(ngx_cycle_t *cycle)
{
    enter_worker(cycle);
    start_redis_links(cycle);
    start_state_files(cycle);
    start_token_keepers(cycle);
    start_probes(cycle);

    return NGX_OK;
}

void exit_process(ngx_cycle_t *cycle)
{
    stop_probes();
    stop_token_keepers();
    stop_redis_links();
    stop_state_files();
    leave_worker(cycle);
}

ngx_http_module_t module_context = {
    preconfiguration,
    postconfiguration,
    create_main_conf,
    nullptr,                        // init main configuration
    create_server_conf,
    nullptr,                        // merge server configuration
    create_location_conf,
    merge_location_conf
};

}

}

ngx_module_t ngx_http_gemini_module = {
    NGX_MODULE_V1,
    &gw::ngx::module_context,
    gw::ngx::directives,
    NGX_HTTP_MODULE,
    nullptr,                        // init master
    nullptr,                        // init module
    gw::ngx::init_process,
    nullptr,                        // init thread
    nullptr,                        // exit thread
    gw::ngx::exit_process,
    nullptr,                        // exit master
    NGX_MODULE_V1_PADDING
};

// Lines of a gemini_keys block that say how the pool behaves. Each is a handler
// of a BlockLine, conf being the PoolConf.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

char *read_balance(ngx_conf_t *cf, void *conf);
char *read_tries(ngx_conf_t *cf, void *conf);
char *read_cooldown(ngx_conf_t *cf, void *conf);
char *read_limit(ngx_conf_t *cf, void *conf);
char *read_limits_file(ngx_conf_t *cf, void *conf);
char *read_exhausted(ngx_conf_t *cf, void *conf);
char *read_sticky(ngx_conf_t *cf, void *conf);
char *read_probe(ngx_conf_t *cf, void *conf);
char *read_zone(ngx_conf_t *cf, void *conf);

// conf_share.cpp: what outlives this nginx
char *read_state(ngx_conf_t *cf, void *conf);
char *read_redis(ngx_conf_t *cf, void *conf);

}

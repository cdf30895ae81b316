// service_account in a gemini_keys block.
#pragma once

#include "nginx/conf.hpp"

namespace gw::ngx {

/// A handler of a BlockLine, conf being the PoolConf.
char *read_service_account(ngx_conf_t *cf, void *conf);

/// Makes the groups of the token endpoints: once the block is read, while
/// http{} is. false after logging.
bool prepare_accounts(ngx_conf_t *cf, PoolConf &pool);

/// Finds their addresses, and how TLS is to be checked: once http{} is read.
/// false after logging.
bool bind_accounts(ngx_conf_t *cf, PoolConf &pool);

}

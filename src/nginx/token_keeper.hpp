// Keeps access tokens for the service accounts of each pool: one worker of the
// host exchanges for all of them, in time.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

/// In a worker that begins.
void start_token_keepers(ngx_cycle_t *cycle);

/// In one that ends.
void stop_token_keepers();

}

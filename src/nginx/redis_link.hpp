// What a pool shares with other hosts, through Redis: one worker of the host
// holds the link; local changes go out within 50 ms, remote ones are applied
// as they come. A request never waits for any of it.
#pragma once

#include "nginx/zone.hpp"

namespace gw::ngx {

/// Called in each worker as it begins and ends.
void start_redis_links(ngx_cycle_t *cycle);
void stop_redis_links();

}

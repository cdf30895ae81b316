// `probe`: one worker of the host asks upstream about each key in turn.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

/// Called in each worker as it begins and ends. Whoever ends drops what is
/// under way: nobody waits for it.
void start_probes(ngx_cycle_t *cycle);
void stop_probes();

}

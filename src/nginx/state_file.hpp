// `state PATH`: the pool's state on disk, for restarts. One worker writes it a
// second after something has changed, in a thread of its own, whole into a
// temporary file that is synced and renamed.
#pragma once

#include "nginx/zone.hpp"

namespace gw::ngx {

/// When a zone is made anew: what the file says goes into it. A file that
/// cannot be used is logged and left alone. In the master.
void read_state_file(PoolZone &zone, ngx_log_t *log);

/// Called in each worker as it begins and ends; the last one to end writes
/// what is not yet written.
void start_state_files(ngx_cycle_t *cycle);
void stop_state_files();

}

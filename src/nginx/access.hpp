// gemini_auth, the limits of clients and addresses: who may go on.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

/// Registers the handlers of the post-read and access phases.
ngx_int_t add_access_handler(ngx_conf_t *cf);

}

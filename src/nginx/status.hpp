// gemini_status: a pool's state for monitors.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

/// The content handler of gemini_status.
ngx_int_t handle_status(ngx_http_request_t *r);

}

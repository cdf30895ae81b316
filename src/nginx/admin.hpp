// gemini_admin: the pool's JSON API for those with role=admin.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// The location's content handler.
ngx_int_t handle_admin(ngx_http_request_t *r);

}

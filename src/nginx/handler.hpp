// The content handler of gemini_pass.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Routes by method and path, reads the body, lets the front translate it and
/// sends it upstream. Installed as clcf->handler.
ngx_int_t handle_request(ngx_http_request_t *r);

}

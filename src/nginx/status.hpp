// gemini_status: a pool's state for monitors.
#pragma once

#include "core/view/status.hpp"
#include "nginx/conf.hpp"

namespace gw::ngx {

/// What there is to say of a pool to whoever may see it.
view::StatusContext status_of(const PoolConf &pool, std::int64_t now_ms);

/// The content handler of gemini_status.
ngx_int_t handle_status(ngx_http_request_t *r);

}

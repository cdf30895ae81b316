// The $gemini_* variables.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

/// Called at preconfiguration. NGX_OK or NGX_ERROR.
ngx_int_t add_variables(ngx_conf_t *cf);

}

// The header and body filters: whatever refuses a request in one of our
// locations, nginx itself included, the client reads an API error.
#pragma once

#include "nginx/ngx.hpp"

namespace gw::ngx {

/// Puts both filters into the chains; called once, at postconfiguration.
ngx_int_t add_error_filters();

}

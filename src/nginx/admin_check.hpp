// Keys checked by hand: POST api/keys/ID/check and POST api/check.
#pragma once

#include "nginx/context.hpp"

#include <string_view>

namespace gw::ngx {

/// Both ask upstream and answer when it has answered, without holding the
/// worker up. A client that leaves ends it. Return what a content handler
/// returns.
ngx_int_t check_key(RequestContext *ctx, std::string_view id);
ngx_int_t check_keys(RequestContext *ctx);

}

// The request's id, which is nginx's $request_id.
#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace gw::ngx {

/// 32 hex digits, random and unguessable; the variable of that index gives the
/// same ones, whoever asks first. Empty: there is no memory.
std::string_view request_id_of(ngx_http_request_t *r, ngx_uint_t index);

}

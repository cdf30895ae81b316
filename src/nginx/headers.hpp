// Request headers by name, response headers by name and value.
#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace gw::ngx {

/// The first request header of that name (lower case); nullptr: none.
ngx_table_elt_t *find_header(ngx_http_request_t *r, std::string_view name);

/// Adds a response header; name and value are copied. NGX_OK or NGX_ERROR.
ngx_int_t add_header(ngx_http_request_t *r, std::string_view name,
    std::string_view value);

}

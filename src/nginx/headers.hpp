// Request headers by name, response headers by name and value.
#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace gw::ngx {

/// The first request header of that name (lower case); nullptr: none.
ngx_table_elt_t *find_header(ngx_http_request_t *r, std::string_view name);

/// Each request header, in the order they came.
template <typename Take>
void for_each_header(ngx_http_request_t *r, Take &&take)
{
    for (ngx_list_part_t *part = &r->headers_in.headers.part;
         part != nullptr; part = part->next)
    {
        auto *h = static_cast<ngx_table_elt_t *>(part->elts);

        for (ngx_uint_t i = 0; i < part->nelts; ++i) {
            take(h[i]);
        }
    }
}

/// Adds a response header; name and value are copied. NGX_OK or NGX_ERROR.
ngx_int_t add_header(ngx_http_request_t *r, std::string_view name,
    std::string_view value);

}

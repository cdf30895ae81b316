#include "nginx/headers.hpp"

#include "nginx/compat.hpp"
#include "nginx/glue.hpp"

#include <cstring>

namespace gw::ngx {

ngx_table_elt_t *find_header(ngx_http_request_t *r, std::string_view name)
{
    ngx_list_part_t *part = &r->headers_in.headers.part;
    auto *h = static_cast<ngx_table_elt_t *>(part->elts);

    for (ngx_uint_t i = 0; /* void */; ++i) {

        if (i >= part->nelts) {
            if (part->next == nullptr) {
                return nullptr;
            }

            part = part->next;
            h = static_cast<ngx_table_elt_t *>(part->elts);
            i = 0;
        }

        if (h[i].key.len == name.size()
            && std::memcmp(h[i].lowcase_key, name.data(), name.size()) == 0)
        {
            return &h[i];
        }
    }
}

ngx_int_t add_header(ngx_http_request_t *r, std::string_view name,
    std::string_view value)
{
    ngx_table_elt_t *h = push_header(&r->headers_out.headers);

    if (h == nullptr) {
        return NGX_ERROR;
    }

    h->key = copy(r->pool, name);
    h->value = copy(r->pool, value);

    if (h->key.data == nullptr || h->value.data == nullptr) {
        h->hash = 0;
        return NGX_ERROR;
    }

    return NGX_OK;
}

}

// nginx asks OpenSSL for 16 bytes at a time, which takes a seventh of what a
// small request costs; here they come by the page.
#include "nginx/request_id.hpp"

#include "nginx/glue.hpp"

#include <openssl/rand.h>

namespace gw::ngx {

namespace {

constexpr std::size_t id_bytes = 16;

/// Of this worker; empty when it is forked.
struct Supply {
    u_char bytes[256 * id_bytes];
    std::size_t left;
};

Supply supply;

/// nullptr: OpenSSL has none.
const u_char *next_bytes()
{
    if (supply.left == 0) {
        if (RAND_bytes(supply.bytes, sizeof(supply.bytes)) != 1) {
            return nullptr;
        }

        supply.left = sizeof(supply.bytes);
    }

    supply.left -= id_bytes;

    return supply.bytes + supply.left;
}

void give(ngx_http_request_t *r, ngx_http_variable_value_t &variable)
{
    auto *digits = static_cast<u_char *>(ngx_pnalloc(r->pool, 2 * id_bytes));
    const u_char *bytes = digits != nullptr ? next_bytes() : nullptr;

    if (bytes == nullptr) {
        return;
    }

    ngx_hex_dump(digits, const_cast<u_char *>(bytes), id_bytes);

    variable.data = digits;
    variable.len = 2 * id_bytes;
    variable.valid = 1;
    variable.no_cacheable = 0;
    variable.not_found = 0;
}

}

std::string_view request_id_of(ngx_http_request_t *r, ngx_uint_t index)
{
    ngx_http_variable_value_t *variable = &r->variables[index];

    if (!variable->valid && !variable->not_found) {
        give(r, *variable);
    }

    variable = ngx_http_get_indexed_variable(r, index);

    if (variable == nullptr || variable->not_found) {
        return {};
    }

    return {reinterpret_cast<char *>(variable->data), variable->len};
}

}

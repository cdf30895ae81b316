// The client's body, once nginx has read it.
#pragma once

#include "nginx/ngx.hpp"

#include <string_view>

namespace gw::ngx {

/// The body in one piece. Small ones lie in one buf; what nginx put into a
/// file, which is in the page cache still, is read back into a buf of its own.
/// NGX_OK or NGX_ERROR.
ngx_int_t gather_body(ngx_http_request_t *r, std::string_view &body);

/// The body as it lies, in memory or in a file, by bufs that can be sent more
/// than once. NGX_OK or NGX_ERROR.
ngx_int_t refer_to_body(ngx_http_request_t *r, ngx_chain_t **body,
    off_t &size);

}

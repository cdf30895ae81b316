// What the admin API does to keys.
#pragma once

#include "core/base/result.hpp"
#include "nginx/context.hpp"

#include <string_view>

namespace gw::ngx {

/// Whether keys may be added at all: where they are stored outside nginx's
/// memory there must be a secret to seal them under.
Result<void> check_storage(RequestContext *ctx);

/// By what somebody calls it. Errors: key_not_found, ambiguous_key.
Result<std::size_t> find_key(RequestContext *ctx, std::string_view id);

// All return what a content handler returns. body: the client's; id: as in the
// path, decoded.
ngx_int_t add_key(RequestContext *ctx, std::string_view body);
ngx_int_t import_keys(RequestContext *ctx, std::string_view body);
ngx_int_t change_key(RequestContext *ctx, std::string_view id,
    std::string_view body);
ngx_int_t remove_key(RequestContext *ctx, std::string_view id);
ngx_int_t reset_key(RequestContext *ctx, std::string_view id);

}

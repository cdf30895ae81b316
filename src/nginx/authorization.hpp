// How a credential shows itself to upstream: a key by itself, a service
// account by the access token that it has at the moment.
#pragma once

#include "core/base/output.hpp"
#include "core/keys/pool.hpp"
#include "nginx/context.hpp"

#include <string>
#include <string_view>

namespace gw::ngx {

/// The fields of a credential, each behind "\r\n". secret: the key or the
/// token; of an account without a token it is empty, and upstream refuses the
/// request.
void write_authorization(const keys::Credential &credential,
    std::string_view secret, Output &out);

/// The same for the coming try of a request, whose front is told to hide what
/// was written.
void write_authorization(RequestContext *ctx, Output &out);

/// What the last try went out with, for nothing but to take it out of texts.
std::string_view sent_secret(RequestContext *ctx);

}

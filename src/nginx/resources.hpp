// What clients have stored upstream: whose it is, which project it needs, and
// what becomes known of it.
#pragma once

#include "nginx/context.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ngx {

/// Brings the request to the project of what it names. Error: that is another
/// client's, of two projects, or of one that has left the pool.
Result<void> settle_resources(RequestContext *ctx);

/// After an answer that was a success: keeps what it has shown.
void learn_resources(RequestContext *ctx);

/// Whether upstream's error only says that something which the request names
/// is not there, or not this project's: nobody's fault.
bool names_stranger(RequestContext *ctx, const gemini::UpstreamError &error);

/// Where it is not known whose that is, another project may have it. true: it
/// is asked; upstream.c must then be told INVALID_HEADER.
bool seek_elsewhere(RequestContext *ctx);

/// The projects that may have something for the client's list, in the pool's
/// order.
std::vector<std::uint64_t> listed_projects(RequestContext *ctx);

/// In the order in which they are asked to keep what this client makes; the
/// first few.
const std::vector<std::uint64_t> &home_projects(RequestContext *ctx);

/// Whether those that were looked for will not be back by themselves: a list
/// goes on without them.
bool is_out(const keys::Choice &choice);

/// A shortage of credentials, in terms of what the request names.
Error shortage_of(RequestContext *ctx, const keys::Choice &choice);

/// What the upload belongs to that the request goes on with, and whose client
/// may do so without a credential; nullptr: it is none, or not known.
const keys::Client *client_of_upload(RequestContext *ctx);

/// "https://host/path", by which the client has come.
std::string here(ngx_http_request_t *r);

}

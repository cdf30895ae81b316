// The list of models, kept for all workers for a few minutes, and longer when
// upstream has none to give.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Answers from the kept list when it is fresh. NGX_DECLINED: ask upstream.
/// Else what a content handler returns.
ngx_int_t answer_fresh_models(RequestContext *ctx);

/// Writes the answer from the kept list however old it is. false: there is
/// none, it does not have the wanted model (then `error` becomes that), or the
/// request is for something else.
bool write_stale_models(RequestContext *ctx, Output &out, Error &error);

/// Sends the answer from the kept list, or else the error. Returns what a
/// content handler returns.
ngx_int_t send_stale_or_error(RequestContext *ctx, Error error);

/// Keeps the list that ctx->models has completed.
void keep_fetched_models(RequestContext *ctx);

}

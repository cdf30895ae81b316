// What monitors read: each request, try, rest and stream is counted in its
// pool's zone as it happens, by one or two atomic additions.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Registers the handler of the log phase, which counts requests.
ngx_int_t add_metrics_handler(ngx_conf_t *cf);

/// Answers with the metrics of gemini_status's pool, or gemini_admin's.
/// Returns what a content handler returns.
ngx_int_t send_metrics(RequestContext *ctx);

// Called from the upstream files.

/// A connection for a try was asked for: with the credential and the model of
/// this moment, which change before the try is told to have ended.
void note_try_begun(RequestContext *ctx);
void note_try_ended(RequestContext *ctx);
/// Of the current try's credential and model.
void note_rest(RequestContext *ctx, const keys::Pool::Consequence &rest);
/// The head of a stream goes out. What is counted twice counts once.
void note_stream_opened(RequestContext *ctx);
/// The request is over.
void note_stream_closed(RequestContext *ctx);

}

// The admin API's stream of events.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Answers with the journal of gemini_admin's pool as it goes on, until the
/// client leaves or the worker ends. Returns what a content handler returns.
ngx_int_t send_events(RequestContext *ctx);

}

// Which credential, and of gemini_fallback which model, the next try of a
// request goes out with.
#pragma once

#include "nginx/context.hpp"

namespace gw::ngx {

/// Among the credentials for the current model. Nothing is kept of it in the
/// context; what it reserved is the caller's to take or give back.
keys::Choice choose_credential(RequestContext *ctx);

/// The same without taking anything, and as if nothing had been tried: would
/// the next request find one?
keys::Choice foresee_credential(RequestContext *ctx);

/// A credential for the current model, else for one of its fallbacks, else as
/// `exhausted` says; the context then has credential, reservation, model and a
/// body in that model's words. Else false: choice says why, with the soonest
/// return of any of the models, and the model is what it was.
bool find_credential(RequestContext *ctx, keys::Choice &choice);

/// Has the front write the body in the current model's words. Error: the
/// client's; the body is what it was.
Result<void> write_body(RequestContext *ctx, std::size_t size_hint);

/// As if nothing had been tried: the model asked for, every credential.
void start_afresh(RequestContext *ctx);

/// The API of the next try's credential as far as can be told before it is
/// chosen, which takes the size of the body.
gemini::Api likely_api(RequestContext *ctx);

/// Takes a choice for the next try; the body is written anew when its model or
/// API differ. false: it cannot be said so, the choice is given back.
bool accept_choice(RequestContext *ctx, const keys::Choice &choice);

}

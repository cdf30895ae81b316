#include "core/keys/shortage.hpp"

#include "core/base/text.hpp"

#include <string>

namespace gw::keys {

namespace {

// Up to here a client does well to wait; the official SDKs give up on a
// Retry-After beyond it.
constexpr long patience_seconds = 120;

/// A list of models is asked for without naming one.
std::string for_model(std::string_view model)
{
    return model.empty() ? std::string()
                         : " for \"" + std::string(model) + "\"";
}

}

Error shortage_error(const Choice &choice, std::string_view model,
    std::int64_t now_ms)
{
    Error error;

    if (choice.back_at_ms > now_ms) {
        error.retry_after = static_cast<long>(
            (choice.back_at_ms - now_ms + 999) / 1000);
    }

    switch (choice.shortage) {

    case Shortage::resting_on_quota:
        error.kind = error.retry_after > patience_seconds
            ? ErrorKind::quota_exhausted : ErrorKind::rate_limited;
        error.message = "All upstream keys have reached their quota"
                        + for_model(model) + ".";

        if (error.retry_after == 0) {
            error.retry_after = 1;
        }

        error.message += " Please try again in "
                         + std::to_string(error.retry_after) + "s.";
        break;

    case Shortage::resting:
    case Shortage::all_tried:
        error.kind = ErrorKind::overloaded;
        error.message = "No upstream key is usable" + for_model(model)
                        + " right now. Please try again shortly.";

        if (error.retry_after == 0) {
            error.retry_after = 1;
        }

        break;

    case Shortage::no_match:
        error.kind = ErrorKind::credentials_failed;
        error.message = "The gateway has no upstream key" + for_model(model)
                        + ".";
        break;

    case Shortage::no_token:
        // What the endpoint says is for the log.
        error.kind = ErrorKind::unavailable;
        error.message = "There is no access token for the upstream account \""
                        + scrub(choice.without_token) + "\" right now. "
                        "Please try again shortly.";
        break;

    case Shortage::all_invalid:
    case Shortage::none:
        error.kind = ErrorKind::credentials_failed;
        error.message = "The upstream accepts none of the gateway's keys; "
                        "its operator has to look into it.";
        break;
    }

    return error;
}

}

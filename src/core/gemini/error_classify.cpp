// Which failure class an upstream error is, and who gets to hear of it. The
// numbers in comments are the rows of reference/errors.md
// section 2; where interface.md's table says otherwise, that holds.
#include "core/gemini/error.hpp"

#include "core/base/duration.hpp"
#include "core/base/text.hpp"
#include "core/gemini/error_message.hpp"

#include <algorithm>
#include <cstddef>
#include <initializer_list>

namespace gw::gemini {

namespace {

/// What an error turns out to be; consequences[] says what follows.
enum class Finding : std::uint8_t {
    key_refused,
    credit_used_up,
    no_free_tier,           // the project may not use the free tier here
    not_permitted,          // the credential may not use this model
    model_withdrawn,        // for this project only
    not_published,          // at this place of Vertex AI
    limit_is_zero,
    per_day,
    per_minute,
    per_minute_or_day,
    feature_quota,          // of grounding or caches, not of the model
    capacity,
    gateway_failed,
    gateway_timeout,
    server_failed,
    precondition,
    passing,                // says nothing about the key or the request
    address_blocked,        // where we call from, whatever the key
    unsupported_region,
    cancelled,
    our_fault,
    too_large,
    context_too_long,
    no_such_model,
    request
};

struct Consequence {
    Finding finding;
    FailureClass failure;
    Action action;
    ErrorKind kind;
    std::string_view message;       // in place of upstream's own
};

constexpr std::string_view key_message =
    "The upstream does not accept the gateway's credential. Neither the "
    "request nor your token is at fault; the gateway's operator has to act.";

constexpr Action next = Action::next_credential;
constexpr Action answer = Action::answer;

// In the order of Finding.
//
// credit_used_up: interface.md has no class for it. `invalid` would leave the
// key dead after the account was topped up, and tell clients that a credential
// is broken; as a daily quota it is asked again once a day, and clients get
// the insufficient_quota that OpenAI answers with when credit is used up.
//
// no_free_tier, not_permitted: lasting, but not for this key alone to mend, so
// they rest as long as a limit of 0 and come back by themselves.
constexpr Consequence consequences[] = {
    {Finding::key_refused, FailureClass::invalid, next,
        ErrorKind::credentials_failed, key_message},
    {Finding::credit_used_up, FailureClass::daily_quota, next,
        ErrorKind::quota_exhausted,
        "The gateway's upstream account has no credit left."},
    {Finding::no_free_tier, FailureClass::no_access, next,
        ErrorKind::credentials_failed, key_message},
    {Finding::not_permitted, FailureClass::no_access, next,
        ErrorKind::credentials_failed, key_message},
    {Finding::model_withdrawn, FailureClass::no_access, next,
        ErrorKind::model_not_found, {}},
    {Finding::not_published, FailureClass::none, next,
        ErrorKind::model_not_found,
        "The model does not exist, or not in the location of the gateway's "
        "Vertex AI credential."},
    {Finding::limit_is_zero, FailureClass::no_access, next,
        ErrorKind::quota_exhausted, {}},
    {Finding::per_day, FailureClass::daily_quota, next,
        ErrorKind::quota_exhausted, {}},
    {Finding::per_minute, FailureClass::rate_limit, next,
        ErrorKind::rate_limited, {}},
    {Finding::per_minute_or_day, FailureClass::rate_limit, next,
        ErrorKind::rate_limited, {}},
    {Finding::feature_quota, FailureClass::none, next,
        ErrorKind::rate_limited, {}},
    {Finding::capacity, FailureClass::unavailable, next,
        ErrorKind::overloaded, {}},
    {Finding::gateway_failed, FailureClass::gateway, next,
        ErrorKind::upstream_failed, {}},
    {Finding::gateway_timeout, FailureClass::gateway, next,
        ErrorKind::timeout, {}},
    {Finding::server_failed, FailureClass::server_error, next,
        ErrorKind::upstream_failed, {}},
    {Finding::precondition, FailureClass::none, next,
        ErrorKind::bad_request, {}},
    {Finding::passing, FailureClass::none, next,
        ErrorKind::upstream_failed, {}},
    {Finding::address_blocked, FailureClass::none, answer,
        ErrorKind::unavailable,
        "The upstream refuses the gateway's address for now, as a source of "
        "automated traffic."},
    {Finding::unsupported_region, FailureClass::none, answer,
        ErrorKind::unsupported_region,
        "The upstream does not serve the place this gateway calls from: User "
        "location is not supported for the API use."},
    {Finding::cancelled, FailureClass::none, answer,
        ErrorKind::upstream_failed, {}},
    {Finding::our_fault, FailureClass::none, answer,
        ErrorKind::internal,
        "The gateway called the upstream in a way it does not accept."},
    {Finding::too_large, FailureClass::none, answer,
        ErrorKind::payload_too_large, {}},
    {Finding::context_too_long, FailureClass::none, answer,
        ErrorKind::context_too_long, {}},
    {Finding::no_such_model, FailureClass::none, answer,
        ErrorKind::model_not_found, {}},
    {Finding::request, FailureClass::none, answer,
        ErrorKind::bad_request, {}}
};

constexpr bool consequences_in_order()
{
    std::size_t i = 0;

    for (const Consequence &row : consequences) {
        if (static_cast<std::size_t>(row.finding) != i++) {
            return false;
        }
    }

    return i == static_cast<std::size_t>(Finding::request) + 1;
}

static_assert(consequences_in_order());

struct Rule {
    int code;                       // 0: any
    std::string_view status;        // empty: any
    std::string_view reason;        // empty: any
    std::string_view message;       // glob; empty: any
    Finding finding;
};

// First match wins; 429 has quotas to look at before. Reasons are Google's
// own, but a message may quote what the client sent: what takes a key out of
// service is recognised by how the message begins, never by what is in it.
constexpr Rule rules[] = {
    // 32; some servers send it as a 429, a 500 or a 503
    {0, "", "MODEL_CAPACITY_EXHAUSTED", "", Finding::capacity},
    {0, "", "", "No capacity available*", Finding::capacity},

    // 1, 2
    {400, "", "API_KEY_INVALID", "", Finding::key_refused},
    {400, "", "", "API key not valid*", Finding::key_refused},
    {400, "", "", "API ?ey not found*", Finding::key_refused},
    {400, "", "", "API key expired*", Finding::key_refused},
    // 3
    {400, "", "", "Multiple authentication credentials*", Finding::our_fault},
    // 14
    {0, "", "", "User location is not supported*",
        Finding::unsupported_region},
    // 15
    {400, "FAILED_PRECONDITION", "", "*free tier*", Finding::no_free_tier},
    {400, "FAILED_PRECONDITION", "", "*billing*", Finding::no_free_tier},
    {400, "FAILED_PRECONDITION", "", "Precondition check failed*",
        Finding::precondition},
    // 18, 19
    {400, "", "", "*token count*exceeds the maximum*",
        Finding::context_too_long},
    {400, "", "", "*payload size exceeds*", Finding::too_large},
    // 16, 17, 20, 21
    {400, "", "", "", Finding::request},

    {401, "", "", "", Finding::key_refused},                        // 4
    {402, "", "", "", Finding::credit_used_up},                     // 5

    // 13
    {403, "", "", "Method doesn't allow unregistered callers*",
        Finding::our_fault},
    {403, "", "", "*without established identity*", Finding::our_fault},
    // 12, 21: what the request names belongs to another key's project
    {403, "", "", "You do not have permission to access*", Finding::request},
    {403, "", "", "CachedContent not found*", Finding::request},
    // Vertex' permissions are given for all its models at once
    {403, "", "IAM_PERMISSION_DENIED", "Permission 'aiplatform.*",
        Finding::key_refused},
    {403, "", "IAM_PERMISSION_DENIED", "", Finding::not_permitted},
    // 6 to 11
    {403, "", "", "", Finding::key_refused},

    // 23
    {404, "", "", "*no longer available to new users*",
        Finding::model_withdrawn},
    // 21
    {404, "", "", "CachedContent not found*", Finding::request},
    {404, "", "", "*files/*", Finding::request},
    {404, "", "", "Publisher Model*", Finding::not_published},
    // 22
    {404, "", "", "", Finding::no_such_model},

    {408, "", "", "", Finding::passing},
    {409, "", "", "", Finding::passing},                            // 25
    {413, "", "", "", Finding::too_large},                          // 19
    {499, "", "", "", Finding::cancelled},                          // 34
    {502, "", "", "", Finding::gateway_failed},                     // 37
    {503, "", "", "", Finding::capacity},                           // 38
    {504, "", "", "", Finding::gateway_timeout}                     // 39
};

// interface.md: a RetryInfo above it is the day's, one below says nothing
// about the day.
constexpr std::int64_t daily_from_ms = 5 * 60 * 1000;

bool contains(std::string_view text, std::string_view part)
{
    return text.find(part) != std::string_view::npos;
}

bool contains_one_of(std::string_view text,
    std::initializer_list<std::string_view> parts)
{
    return std::any_of(parts.begin(), parts.end(),
        [text](std::string_view part) { return contains(text, part); });
}

bool is_per_day(const QuotaViolation &violation)
{
    return contains(violation.quota_id, "PerDay")
           || contains(violation.metric, "per_day");
}

/// Grounding and cache storage have counters of their own, 0 on the free tier:
/// the model works on for requests without them.
bool is_about_feature(const QuotaViolation &violation)
{
    return contains_one_of(violation.quota_id,
               {"Grounding", "Search", "CachedContent"})
           || contains_one_of(violation.metric,
               {"grounding", "search", "cached_content"});
}

bool has_limit_of_zero(const UpstreamError &error)
{
    for (const QuotaViolation &violation : error.violations) {
        if (violation.value == 0 && !is_about_feature(violation)) {
            return true;
        }
    }

    return error.violations.empty() && error.quota_limit_value == "0";
}

Finding find_quota(const UpstreamError &error,
    std::optional<std::int64_t> delay_ms)
{
    // 33
    if (!error.json) {
        return contains_one_of(error.message,
                   {"automated queries", "unusual traffic"})
            ? Finding::address_blocked : Finding::per_minute;
    }

    // Vertex' quota is one that all its customers share: it says nothing about
    // ours.
    if (error.violations.empty()
        && starts_with(error.message, "Resource exhausted"))
    {
        return Finding::capacity;
    }

    // 5 as it was before 402, 31
    if (contains_one_of(error.message,
            {"credits are depleted", "spending cap"}))
    {
        return Finding::credit_used_up;
    }

    // 28, 30: the delay that comes with it is meaningless
    if (has_limit_of_zero(error)) {
        return Finding::limit_is_zero;
    }

    bool day = false;
    bool minute = false;
    bool feature = false;

    for (const QuotaViolation &violation : error.violations) {
        if (is_about_feature(violation)) {
            feature = true;
        } else if (is_per_day(violation)) {
            day = true;
        } else {
            minute = true;
        }
    }

    if (feature && !day && !minute) {
        return Finding::feature_quota;
    }

    // 26, 27, 29
    if (delay_ms && *delay_ms > daily_from_ms) {
        return Finding::per_day;
    }

    if (error.violations.empty()) {
        day = contains(error.message, "per day");
    }

    if (!day) {
        return Finding::per_minute;
    }

    return minute ? Finding::per_minute_or_day : Finding::per_day;
}

bool applies(const Rule &rule, const UpstreamError &error)
{
    return (rule.code == 0 || rule.code == error.code)
           && (rule.status.empty() || rule.status == error.status)
           && (rule.reason.empty() || rule.reason == error.reason)
           && (rule.message.empty()
               || glob_match(rule.message, error.message));
}

Finding find(const UpstreamError &error, std::optional<std::int64_t> delay_ms)
{
    // Without Google's error object a 404 is a wrong address (24), and a 403
    // somebody's on the way: nothing about the key.
    if (!error.json && error.code == 404) {
        return Finding::our_fault;
    }

    if (!error.json && error.code == 403) {
        return Finding::passing;
    }

    // 14, where only the detail says it
    if (error.status == "FAILED_PRECONDITION"
        && contains(error.detail, "User location is not supported"))
    {
        return Finding::unsupported_region;
    }

    for (const Rule &rule : rules) {
        if (applies(rule, error)) {
            return rule.finding;
        }
    }

    if (error.code == 429) {
        return find_quota(error, delay_ms);
    }

    // 35, 36
    if (error.code >= 500) {
        return Finding::server_failed;
    }

    return error.code >= 400 ? Finding::request : Finding::passing;
}

constexpr long overloaded_wait = 2;

/// Seconds to tell the client, rounded up; 0 where waiting is no help.
long wait_of(ErrorKind kind, std::optional<std::int64_t> delay_ms)
{
    constexpr std::int64_t day_ms = 24 * 3600 * 1000;

    switch (kind) {

    case ErrorKind::rate_limited:
    case ErrorKind::quota_exhausted:
    case ErrorKind::overloaded:
    case ErrorKind::unavailable:
    case ErrorKind::upstream_failed:
        break;

    default:
        return 0;
    }

    if (delay_ms && *delay_ms > 0) {
        return static_cast<long>((std::min(*delay_ms, day_ms) + 999) / 1000);
    }

    return kind == ErrorKind::overloaded ? overloaded_wait : 0;
}

/// The delay as the class can mean it.
std::optional<std::int64_t> meant_delay(FailureClass failure,
    std::optional<std::int64_t> delay_ms)
{
    switch (failure) {

    case FailureClass::invalid:
        return std::nullopt;

    case FailureClass::daily_quota:
    case FailureClass::no_access:
        return delay_ms && *delay_ms > daily_from_ms ? delay_ms
                                                     : std::nullopt;

    default:
        return delay_ms;
    }
}

}

/// "Corrupted thought signature", "Thought signature is not valid", "missing a
/// thought_signature". Source: reference/chat-request.md section 7.
bool names_signature(std::string_view message)
{
    return contains(message, "thought signature")
           || contains(message, "Thought signature")
           || contains(message, "thought_signature");
}

Verdict classify(const UpstreamError &error,
    std::optional<std::int64_t> retry_after_header_ms,
    std::string_view secret)
{
    auto delay = error.retry_delay_ms;

    if (!delay) {
        delay = retry_after_header_ms;
    }

    if (!delay) {
        delay = delay_in_prose(error.message);
    }

    Finding finding = find(error, delay);
    const auto &row = consequences[static_cast<std::size_t>(finding)];

    Verdict verdict;
    verdict.failure = row.failure;
    verdict.action = row.action;
    verdict.retry_after_ms = meant_delay(row.failure, delay);
    verdict.perhaps_daily = finding == Finding::per_minute_or_day;
    verdict.bad_signature = row.kind == ErrorKind::bad_request
        && names_signature(error.message);

    Error &shown = verdict.error;
    shown.kind = row.kind;
    shown.retry_after = wait_of(row.kind, verdict.retry_after_ms);

    if (finding == Finding::context_too_long) {
        shown.message = context_message(error, secret);
        shown.param = "messages";

    } else if (row.message.empty()) {
        shown.message = message_of(error, secret);
    } else {
        shown.message = row.message;
    }

    if (row.kind == ErrorKind::model_not_found) {
        shown.param = "model";

    } else if (row.kind == ErrorKind::bad_request) {
        shown.param = param_of_field(error.field);
        shown.code = "invalid_argument";
    }

    return verdict;
}

}

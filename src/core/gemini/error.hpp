// What an upstream error means: for the credential, for the client, and for
// the next try. Every rule and its evidence: reference/errors.md.
#pragma once

#include "core/base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::gemini {

/// The failure classes of interface.md, and the outcomes that rest nothing.
/// Order and names are part of the interface: status and metrics print them.
enum class FailureClass : std::uint8_t {
    none,               // nobody's fault that a rest would mend
    invalid,
    rate_limit,
    daily_quota,
    no_access,
    unavailable,
    gateway,
    server_error
};

constexpr std::size_t failure_classes = 8;

/// "rate_limit"; "none".
std::string_view name_of(FailureClass failure);
std::optional<FailureClass> failure_class(std::string_view name);

/// What rests.
enum class Scope : std::uint8_t {
    none,
    key,                // the credential, all models
    key_model,          // the credential, this model
    project_model       // the credential's project, this model
};

Scope scope_of(FailureClass failure);

/// One violated quota of a 429.
struct QuotaViolation {
    std::string quota_id;
    std::string metric;
    std::string model;              // quotaDimensions.model
    std::optional<std::int64_t> value;
};

/// The error envelope, decoded; every member may be missing.
struct UpstreamError {
    int code = 0;                   // error.code, else the HTTP status
    std::string status;             // "RESOURCE_EXHAUSTED"
    std::string message;            // as upstream wrote it: may hold a key
    std::string reason;             // ErrorInfo.reason
    std::string quota_limit_value;  // ErrorInfo.metadata
    std::string service;            // likewise, else ErrorInfo.domain:
                                    // "aiplatform.googleapis.com"
    std::string permission;         // likewise: "aiplatform.endpoints.predict"
    std::vector<QuotaViolation> violations;
    std::optional<std::int64_t> retry_delay_ms;     // RetryInfo, else
                                    // ErrorInfo's quotaResetDelay
    std::string field;              // BadRequest.fieldViolations[0].field
    std::string detail;             // DebugInfo.detail: never shown
    bool json = false;              // the body was an error object
    bool html = false;              // message is the text of a page
};

/// At most so much of a body is looked at, so many bytes of one string and so
/// many violations are kept.
constexpr std::size_t max_error_body = 1024 * 1024;
constexpr std::size_t max_error_text = 4096;
constexpr std::size_t max_violations = 16;

/// Reads an error body: an object, an array with one, HTML, text or nothing.
/// Never fails: what cannot be read is told by the status alone.
UpstreamError parse_error(int http_status, std::string_view body);

/// What to do now.
enum class Action : std::uint8_t {
    next_credential,    // another credential may do better
    answer              // the client gets it at once
};

struct Verdict {
    FailureClass failure = FailureClass::none;
    Action action = Action::answer;
    /// How long upstream asked to wait: RetryInfo, else Retry-After, else its
    /// prose; not clamped. nullopt: it did not say, or said what it cannot
    /// mean (a minute for a daily quota or for a limit of 0).
    std::optional<std::int64_t> retry_after_ms;
    /// rate_limit by a mix of per-day and per-minute violations: the second
    /// in a row right after its delay means the day (keys/cooldown decides).
    bool perhaps_daily = false;
    /// A thought signature is refused: it may be of another model or route.
    /// Once more with all of them replaced by the skip value is worth a try.
    bool bad_signature = false;
    /// `invalid` for want of rights that an account may be given at any time:
    /// it does not rest for good.
    bool wants_rights = false;
    /// It is about an account's access token, which is being replaced.
    bool token_refused = false;
    /// For the client, when this is what it gets: kind, scrubbed message,
    /// param, code.
    Error error;
};

/// retry_after_header_ms: from the Retry-After header, when there was one.
/// secret: the credential used, to be taken out of the message.
Verdict classify(const UpstreamError &error,
    std::optional<std::int64_t> retry_after_header_ms = std::nullopt,
    std::string_view secret = {});

/// The param of OpenAI's request for the field Google complains about
/// ("generation_config.temperature" -> "temperature"); empty: no twin.
std::string_view param_of_field(std::string_view field);

}

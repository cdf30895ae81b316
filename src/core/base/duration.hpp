// Times as upstream writes them, and the day as Google counts it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw {

/// A protobuf Duration in JSON: "3.5s", up to nine digits of fraction. In
/// milliseconds, rounded up; nullopt when it is not one or is negative.
std::optional<std::int64_t> parse_duration(std::string_view text);

/// A Go duration: "10h17m5.723541104s", "373.801628ms".
std::optional<std::int64_t> parse_go_duration(std::string_view text);

/// The delay in an error's prose: "Please retry in 45.57s.", "Your quota will
/// reset after 5h59m59s." Source: reference/errors.md section 1.
std::optional<std::int64_t> delay_in_prose(std::string_view message);

/// An HTTP date in any of its three forms (RFC 9110 5.6.7), in Unix
/// milliseconds. now_ms: which century a year of two digits is of.
std::optional<std::int64_t> parse_http_date(std::string_view value,
    std::int64_t now_ms);

/// Retry-After: seconds, or an HTTP date (RFC 9110 10.2.3) against now_ms.
/// In milliseconds from now.
std::optional<std::int64_t> parse_retry_after(std::string_view value,
    std::int64_t now_ms);

/// The next midnight of America/Los_Angeles after now_ms, both Unix
/// milliseconds. By the US rule since 2007, so that a container without
/// tzdata gives the same. Source: reference/quotas.md section 3.
std::int64_t next_pacific_midnight(std::int64_t now_ms);

/// Days since the epoch, Pacific: changes exactly at that midnight.
std::int64_t pacific_day(std::int64_t now_ms);

}

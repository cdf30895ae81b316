// Moments as Google writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw {

/// A protobuf Timestamp in JSON (RFC 3339): "2026-01-15T20:00:00.123456Z",
/// "…+02:00". Unix milliseconds; nullopt: it is not one, or not of the years
/// 1970 … 2999.
std::optional<std::int64_t> parse_timestamp(std::string_view text);

}

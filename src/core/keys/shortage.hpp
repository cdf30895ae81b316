// What a client is told when no credential can take its request.
// Source: interface.md "When every credential is out", reference/errors.md 4.
#pragma once

#include "core/base/result.hpp"
#include "core/keys/pool.hpp"

#include <cstdint>
#include <string_view>

namespace gw::keys {

/// 429 with the time to come back when any credential rests on quota, else
/// 503; never 401 or 403, which would blame the client.
Error shortage_error(const Choice &choice, std::string_view model,
    std::int64_t now_ms);

}

// A pool's state for people and monitors, without a secret in it.
#pragma once

#include "core/base/output.hpp"
#include "core/keys/pool.hpp"

#include <cstdint>
#include <string_view>

namespace gw::view {

/// {"status":"ok"|"unavailable","keys":{"total":N,"usable":N}}; nothing
/// about any key.
void write_health(const keys::Pool &pool, std::int64_t now_ms, Output &out);

struct StatusContext {
    std::string_view pool;          // its name
    std::string_view version;       // of the module
    std::int64_t now_ms = 0;
};

/// The whole pool: a key is its id, name, masked secret, state, rests with
/// reason and time left, counters.
void write_status(const keys::Pool &pool, const StatusContext &context,
    Output &out);

}

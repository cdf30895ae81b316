// The state file: what outlives a restart, as text that is either whole or not
// taken at all.
//
//   gemini-state 1 POOL
//   rest …            lines of codec.hpp
//   token ID UNTIL SECRET
//   end SHA256        of everything before this line
#pragma once

#include "core/keys/pool.hpp"
#include "core/share/seal.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace gw::share {

constexpr std::size_t max_state_bytes = 256 * 1024 * 1024;

/// seal: null: added keys are left out, and tokens of service accounts, which
/// do not live long, stand there as they are. random: fills so many bytes with
/// random ones, for nonces; empty: without any secret, only to compare.
/// The caller wipes it.
std::string write_state(const keys::Pool &pool, std::string_view pool_name,
    const Seal *seal, const std::function<void(char *, std::size_t)> &random,
    std::int64_t now_ms);

enum class StateRead : std::uint8_t {
    ok,
    empty,              // no bytes
    newer,              // of a later version: not touched
    other_pool,         // the name in it is another
    broken              // cut off, or changed
};

struct StateResult {
    StateRead read = StateRead::ok;
    std::size_t taken = 0;          // lines that changed something
    std::size_t skipped = 0;        // lines not understood
    std::size_t keys_unopened = 0;  // and tokens, sealed under another secret, or none
};

/// Merges into the pool: later changes win, totals only grow. The caller holds
/// the zone's lock, or nobody else uses it yet.
StateResult read_state(std::string_view text, std::string_view pool_name,
    const Seal *seal, keys::Pool &pool, std::int64_t now_ms);

}

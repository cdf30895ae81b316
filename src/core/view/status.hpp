// A pool's state for people and monitors, without a secret in it.
#pragma once

#include "core/base/output.hpp"
#include "core/keys/clients.hpp"
#include "core/keys/pool.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::view {

/// {"status":"ok"|"unavailable","keys":{"total":N,"usable":N}}; nothing
/// about any key.
void write_health(const keys::Pool &pool, std::int64_t now_ms, Output &out);

/// How the pool is shared with other hosts.
struct LinkView {
    enum class State : std::uint8_t { off, connecting, up };

    State state = State::off;
    std::string url;                // without user and password
    std::int64_t since_ms = 0;      // when it became so; 0: not known
    std::uint64_t losses = 0;
    std::uint32_t hosts = 1;        // that share the pool now
};

/// Who may call, and what they have used.
struct ClientsView {
    const keys::ClientSet *set = nullptr;
    const keys::LimitRecord *records = nullptr;     // shared
    std::size_t capacity = 0;
};

struct StatusContext {
    std::string_view pool;          // its name
    std::string_view version;       // of the module
    std::int64_t now_ms = 0;
    LinkView redis{};
    // For those who administer the pool; nullptr and 0: left out.
    const ClientsView *clients = nullptr;
    std::size_t trails = 0;         // the most of them
};

/// The whole pool: a key is its id, name, masked secret, state, rests with
/// reason and time left, usage and limits of each model, counters. Times are
/// Unix seconds. Pool::refresh() is the caller's.
void write_status(const keys::Pool &pool, const StatusContext &context,
    Output &out);

/// One key as the status has it. false: there is none of that index, and
/// nothing was written.
bool write_key(const keys::Pool &pool, std::size_t credential,
    std::int64_t now_ms, Output &out);

/// 16 hex digits: JSON numbers lose the low bits of 64 in most readers.
std::string id_text(std::uint64_t id);

}

// The pool's journal as server-sent events, without a secret in them.
#pragma once

#include "core/base/output.hpp"
#include "core/keys/pool.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::view {

/// One event, with its number as id, its kind as event, and as data
///   {"event","key","id","project","model","reason","until","seconds_left",
///    "quantity","limit","remote","time"}
/// What does not apply is null. What concerns a project has its name, and the
/// key's only when it has no other. Times are Unix seconds. false: it is
/// nothing for people, and nothing was written. Pool::refresh() is the
/// caller's.
bool write_event(const keys::Pool &pool, const keys::Event &event,
    std::int64_t now_ms, Output &out);

/// Events were missed up to the one before `next`: the reader should look at
/// everything.
void write_lost(std::uint64_t next, std::int64_t now_ms, Output &out);

/// Last-Event-ID: the number to go on with. nullopt: it is no number of ours.
std::optional<std::uint64_t> event_after(std::string_view last_event_id);

}

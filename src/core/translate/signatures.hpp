// Thought signatures as they come back from clients: what carried them may
// hold anything. Source: reference/chat-request.md section 7.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"

namespace gw::translate {

/// As it stood: its bytes count. Empty if it can be none, as what other
/// vendors put into the same members.
json::String usable_signature(const json::String &given, Arena &arena);

/// A call's id, and the signature litellm hides in it.
struct CallId {
    explicit CallId(const json::String &given);

    json::String id;
    json::String signature;
};

}

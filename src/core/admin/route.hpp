// Which call of the admin API a method and a path under gemini_admin mean.
// Source: interface.md "Admin API".
#pragma once

#include "core/base/output.hpp"
#include "core/base/result.hpp"

#include <cstdint>
#include <string_view>

namespace gw::admin {

enum class Action : std::uint8_t {
    index,
    status,
    add_key,
    import_keys,
    change_key,
    remove_key,
    reset_key,
    check_key,
    check_keys,
    events,
    metrics
};

/// Whether the call changes something, so that it must not come from a page
/// of another site.
bool changes_state(Action action);

struct Route {
    Action action = Action::index;
    std::string_view id;            // of a key, as the client calls it
};

/// method: "GET". uri: the decoded path. prefix: what the location stands for;
/// a URI that does not begin with it is taken whole. Slashes at both ends do
/// not count; HEAD is GET. A key's ID is one segment. Errors: unknown_url;
/// method_not_allowed, whose param is the value for the Allow header.
Result<Route> route(std::string_view method, std::string_view uri,
    std::string_view prefix);

/// {"pool","version","endpoints":[{"method","path","does"}]}
void write_index(std::string_view pool, std::string_view version,
    Output &out);

}

// Which operation a method and a path under gemini_pass mean.
#pragma once

#include "core/base/operation.hpp"
#include "core/base/result.hpp"

#include <string_view>

namespace gw::openai {

using gw::Operation;
using gw::name_of;

struct Route {
    Operation operation;
    std::string_view model;         // Operation::model: the rest of the path
};

/// method: "GET". uri: the decoded path. prefix: what the location stands
/// for; a URI that does not begin with it is taken whole. Below the prefix
/// "v1/x" and "x" are the same, unless the prefix itself ends in "v1/": then
/// "/v1/v1/x" is refused with a message that names the right base URL. A
/// location may also stand for an endpoint ("= /v1/chat/completions",
/// "/v1/models"). Doubled and trailing slashes do not count; HEAD is GET.
/// Errors: unknown_url; method_not_allowed, whose param is the value for the
/// Allow header and is null to the client (openai/error).
Result<Route> route(std::string_view method, std::string_view uri,
    std::string_view prefix);

}

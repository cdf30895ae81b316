// The paths of what Google keeps for a project: caches, files, their upload
// and download, batches, operations.
// Source: reference/endpoints.md sections 10 to 12.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/native_route.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::gemini {

/// HTTP methods, a bit each.
enum Method : std::uint8_t {
    method_get = 1,             // and HEAD
    method_post = 2,
    method_put = 4,
    method_patch = 8,
    method_delete = 16
};

using Methods = std::uint8_t;

/// 0: none of them.
Method method_of(std::string_view name);

/// "GET", for upstream.
std::string_view name_of(Method method);

/// "GET, HEAD, POST, OPTIONS", for the Allow header.
std::string allowed(Methods methods);

/// path: from behind the version, or from "upload" or "download" on. Sets all
/// of route but its method. 0: no such path.
Methods find_resource(std::string_view path, NativeRoute &route);

/// "/v1beta/files/abc:download", without a query; route is one that
/// find_resource has found.
void write_resource_path(const NativeRoute &route, Output &out);

/// Whether the operation is about what is kept, and has such a path.
bool is_about_resources(Operation operation);

}

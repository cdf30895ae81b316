// The one place that knows the version.
#pragma once

#include <string_view>

namespace gw::ngx {

constexpr std::string_view module_version = "0.1.0";

}

// For ngx_log_error's "%*s", which takes a size_t and a pointer.
#pragma once

#include <cstddef>
#include <string_view>

#define GW_LOG(text) (text).size(), (text).data()

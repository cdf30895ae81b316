// Base64 as clients send it (either alphabet, padded or not, wrapped lines)
// and as Google takes it (standard alphabet, padded, one line).
#pragma once

#include "core/base/arena.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace gw::base64 {

std::string encode(std::string_view bytes);

/// nullopt: a byte of neither alphabet, or an impossible length.
std::optional<std::string> decode(std::string_view text);

/// The same content in Google's form. Returns `text` itself when it is that
/// already (one pass, no copy), a copy in the arena when it had to be mended,
/// nullopt when it is not base64. RFC 4648 sections 4, 5.
std::optional<std::string_view> normalise(std::string_view text, Arena &);

}

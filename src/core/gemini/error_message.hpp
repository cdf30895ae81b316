// An upstream error in words that a client may read: what upstream said,
// without credentials and without the numbers of projects.
#pragma once

#include "core/gemini/error.hpp"

#include <string>
#include <string_view>

namespace gw::gemini {

/// Upstream's own message; of what is no error object the status and the
/// first 200 bytes of its text. Never empty.
std::string message_of(const UpstreamError &error, std::string_view secret);

/// For an input that is too long, in the words of OpenAI, which agents look
/// for to compact their history: "maximum context length".
std::string context_message(const UpstreamError &error,
    std::string_view secret);

}

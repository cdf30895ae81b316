// What both forms of a chat answer repeat: the object's head and its usage.
#pragma once

#include "core/base/output.hpp"
#include "core/gemini/usage.hpp"
#include "core/json/writer.hpp"

#include <cstdint>
#include <string_view>

namespace gw::openai {

/// The same in the whole answer, and in every chunk of one stream.
struct ReplyHead {
    std::string_view id;            // "chatcmpl-…"
    std::int64_t created = 0;       // Unix seconds
    std::string_view model;         // as the client asked for it, as it stood
                                    // in its JSON (already escaped)
};

/// The value of "usage".
void write_usage(const gemini::Usage &usage, json::Writer &writer);

}

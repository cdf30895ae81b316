// What the rest of the module wants to know of an answer, whoever wrote it.
#pragma once

#include "core/gemini/usage.hpp"

#include <string_view>

namespace gw::translate {

struct Outcome {
    gemini::Usage usage;
    bool has_usage = false;
    /// OpenAI's word for it; empty until known. Static memory.
    std::string_view finish_reason;
};

}

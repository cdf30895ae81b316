// What an answer asks of whoever mapped the request's function names to ones
// that Google takes.
#pragma once

#include "core/json/value.hpp"
#include "core/openai/chat_reply.hpp"

#include <string_view>

namespace gw::translate {

struct NameSource {
    /// The client's own name of a function that upstream calls so; `upstream`
    /// itself when it is none of the request's. Models put things before a
    /// name ("default_api:x", reference/chat-response.md section 6): taking
    /// them off is up to this too. Lives as long as the request.
    virtual std::string_view client_name(std::string_view upstream) const = 0;

protected:
    ~NameSource() = default;
};

/// The name a call is written with; names may be null: as upstream says it.
inline openai::FunctionName function_name(const json::String &upstream,
    const NameSource *names)
{
    openai::FunctionName name{upstream, {}};

    // No name that Google takes has anything to escape.
    if (names != nullptr && !upstream.escaped) {
        name.plain = names->client_name(upstream.raw);
    }

    return name;
}

}

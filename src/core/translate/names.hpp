// The names of functions, there and back: upstream takes fewer characters than
// OpenAI, and the client must see its own again.
// Source: reference/chat-request.md 6.1, chat-response.md 6.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"
#include "core/openai/chat_request.hpp"

#include <cstddef>
#include <string_view>

namespace gw::translate {

/// Upstream's limit for the name of a function.
constexpr std::size_t max_function_name = 64;

/// Of one request: every function it declares or has called. Which name stands
/// for which depends on nothing but the request, and no two share one. Lives
/// in the arena and in the request's text; copying it copies a handle.
class NameMap {
public:
    /// Empty: every name stands for itself.
    NameMap() = default;

    NameMap(const openai::ChatRequest &request, Arena &arena);

    /// What upstream shall call it; the name itself where the map does not
    /// know it.
    json::String upstream_name(const json::String &client,
        Arena &arena) const;

    /// What the client calls it. Models put "default_api:", "default_api." or
    /// "functions." in front at times; that goes when a declared function
    /// remains. A name that nobody declared is given back as it is. Needs no
    /// memory.
    json::String client_name(const json::String &upstream) const;

    /// Whether the request declares a function of that (client's) name.
    bool declares(const json::String &client, Arena &arena) const;

private:
    struct Entry {
        json::String client;            // as it stood in the request
        std::string_view decoded;
        std::string_view upstream;
        bool declared;
    };

    void add(const json::String &client, bool declared, Arena &arena);
    void rewrite(Entry &entry, Arena &arena);
    Entry **slot(Entry **table, std::string_view Entry::*name,
        std::string_view wanted) const;
    const Entry *declared_upstream(std::string_view name) const;

    Entry **by_client_ = nullptr;       // open addressing
    Entry **by_upstream_ = nullptr;
    std::size_t room_ = 0;              // of each; a power of two
};

/// A called function's name for the client; names may be null: as upstream
/// says it.
inline json::String function_name(const json::String &upstream,
    const NameMap *names)
{
    return names != nullptr ? names->client_name(upstream) : upstream;
}

}

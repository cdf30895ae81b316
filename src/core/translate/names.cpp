// Names that upstream takes stand for themselves; only then the others are
// rewritten, so that none of them takes a good name away from its owner.
#include "core/translate/names.hpp"

#include "core/base/text.hpp"

#include <cstdint>
#include <cstring>
#include <string>

namespace gw::translate {

namespace {

constexpr std::string_view prefixes[] = {
    "default_api:", "default_api.", "functions."
};

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_name_character(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == ':'
           || c == '-';
}

bool is_valid(std::string_view name)
{
    if (name.empty() || name.size() > max_function_name
        || !is_letter(name[0]))
    {
        return false;
    }

    for (char c : name) {
        if (!is_name_character(c)) {
            return false;
        }
    }

    return true;
}

/// A valid name that is like this one, of any length.
std::string likeness(std::string_view name)
{
    std::string like;

    if (name.empty() || !is_letter(name[0])) {
        like += '_';
    }

    for (std::size_t i = 0; i < name.size(); ++i) {
        auto c = static_cast<unsigned char>(name[i]);

        // One for a character, not for each of its bytes.
        if ((c & 0xc0) != 0x80) {
            like += is_name_character(name[i]) ? name[i] : '_';
        }
    }

    return like;
}

void append_hex(std::string &out, std::uint64_t number)
{
    constexpr char digits[] = "0123456789abcdef";

    for (int shift = 28; shift >= 0; shift -= 4) {
        out += digits[(number >> shift) & 0xf];
    }
}

constexpr std::size_t suffix_size = 9;      // "_" and eight digits

}

NameMap::NameMap(const openai::ChatRequest &request, Arena &arena)
{
    const List<openai::Tool> *declared[] = {
        &request.tools, &request.functions, &request.google.tools
    };
    std::size_t count = 0;

    for (const List<openai::Tool> *tools : declared) {
        count += tools->size();
    }

    for (const openai::Message &message : request.messages) {
        count += message.tool_calls.size() + (message.function_call ? 1 : 0);
    }

    if (count == 0) {
        return;
    }

    room_ = 4;

    while (room_ < count * 2) {
        room_ *= 2;
    }

    for (Entry ***table : {&by_client_, &by_upstream_}) {
        *table = static_cast<Entry **>(
            arena.allocate(room_ * sizeof(Entry *), alignof(Entry *)));
        std::memset(*table, 0, room_ * sizeof(Entry *));
    }

    for (const List<openai::Tool> *tools : declared) {
        for (const openai::Tool &tool : *tools) {
            add(tool.name, true, arena);
        }
    }

    for (const openai::Message &message : request.messages) {
        for (const openai::ToolCall &call : message.tool_calls) {
            add(call.name, false, arena);
        }

        if (message.function_call) {
            add(message.function_call->name, false, arena);
        }
    }

    for (std::size_t i = 0; i < room_; ++i) {
        if (by_client_[i] != nullptr && by_client_[i]->upstream.empty()) {
            rewrite(*by_client_[i], arena);
        }
    }
}

NameMap::Entry **NameMap::slot(Entry **table, std::string_view Entry::*name,
    std::string_view wanted) const
{
    std::size_t at = hash64(wanted) & (room_ - 1);

    while (table[at] != nullptr && table[at]->*name != wanted) {
        at = (at + 1) & (room_ - 1);
    }

    return table + at;
}

void NameMap::add(const json::String &client, bool declared, Arena &arena)
{
    if (client.empty()) {
        return;
    }

    std::string_view decoded = client.decode(arena);
    Entry **place = slot(by_client_, &Entry::decoded, decoded);

    if (*place != nullptr) {
        (*place)->declared = (*place)->declared || declared;
        return;
    }

    *place = arena.make<Entry>(Entry{client, decoded, {}, declared});

    if (is_valid(decoded)) {
        (*place)->upstream = decoded;
        *slot(by_upstream_, &Entry::upstream, decoded) = *place;
    }
}

void NameMap::rewrite(Entry &entry, Arena &arena)
{
    const std::string like = likeness(entry.decoded);
    std::string name = like;
    std::uint64_t seed = 0;

    while (name.size() > max_function_name
           || *slot(by_upstream_, &Entry::upstream, name) != nullptr)
    {
        name = like.substr(0, max_function_name - suffix_size);
        name += '_';
        append_hex(name, hash64(entry.decoded, seed++));
    }

    entry.upstream = arena.copy(name);
    *slot(by_upstream_, &Entry::upstream, entry.upstream) = &entry;
}

json::String NameMap::upstream_name(const json::String &client,
    Arena &arena) const
{
    if (room_ == 0) {
        return client;
    }

    const Entry *entry = *slot(by_client_, &Entry::decoded,
        client.decode(arena));

    return entry == nullptr ? client : json::String(entry->upstream);
}

const NameMap::Entry *NameMap::declared_upstream(std::string_view name) const
{
    const Entry *entry = *slot(by_upstream_, &Entry::upstream, name);

    return entry != nullptr && entry->declared ? entry : nullptr;
}

json::String NameMap::client_name(const json::String &upstream) const
{
    // What the map holds needs no escape.
    if (room_ == 0 || upstream.escaped || upstream.empty()) {
        return upstream;
    }

    std::string_view name = upstream.raw;
    const Entry *entry = declared_upstream(name);

    for (std::string_view prefix : prefixes) {
        if (entry == nullptr && starts_with(name, prefix)) {
            entry = declared_upstream(name.substr(prefix.size()));
        }
    }

    if (entry == nullptr) {
        entry = *slot(by_upstream_, &Entry::upstream, name);
    }

    return entry == nullptr ? upstream : entry->client;
}

bool NameMap::declares(const json::String &client, Arena &arena) const
{
    if (room_ == 0) {
        return false;
    }

    const Entry *entry = *slot(by_client_, &Entry::decoded,
        client.decode(arena));

    return entry != nullptr && entry->declared;
}

}

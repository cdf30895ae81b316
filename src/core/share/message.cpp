// Messages between hosts: lines of what codec.cpp writes.
#include "core/share/codec.hpp"

#include <cstddef>
#include <optional>

namespace gw::share {

namespace {

/// What stands at the beginning of a line up to a space.
bool take_word(std::string_view &line, std::string_view &word)
{
    std::size_t end = line.find(' ');

    if (end == std::string_view::npos) {
        return false;
    }

    word = line.substr(0, end);
    line.remove_prefix(end + 1);

    return true;
}

bool is_kind(std::string_view text)
{
    constexpr std::size_t longest = 16;

    for (char c : text) {
        if (c < 'a' || c > 'z') {
            return false;
        }
    }

    return !text.empty() && text.size() <= longest;
}

}

Message::Message(std::uint64_t host) : text_(hex_id(host) + '\n')
{
}

void Message::add(std::string_view kind, std::string_view field,
    std::string_view value)
{
    // Nothing of ours looks so; a signature is what upstream has sent.
    if (!is_kind(kind) || field.find_first_of(" \n") != field.npos
        || value.find('\n') != value.npos)
    {
        return;
    }

    text_ += kind;
    text_ += ' ';
    text_ += field;
    text_ += ' ';
    text_ += value;
    text_ += '\n';
    ++items_;
}

bool read_message(std::string_view text, std::uint64_t &host,
    std::vector<Item> &items)
{
    items.clear();

    if (text.size() > Message::max_bytes) {
        return false;
    }

    std::size_t end = text.find('\n');
    std::optional<std::uint64_t> sender = read_id(text.substr(0, end));

    if (end == std::string_view::npos || !sender) {
        return false;
    }

    host = *sender;
    text.remove_prefix(end + 1);

    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() < text.size() ? line.size() + 1
                                                     : line.size());
        Item item;

        if (take_word(line, item.kind) && is_kind(item.kind)
            && take_word(line, item.field))
        {
            item.value = line;
            items.push_back(item);
        }
    }

    return true;
}

}

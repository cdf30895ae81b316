// Reads what a Reader has already checked, so there is no error to report;
// where a text breaks that promise, reading just ends.
#include "core/json/tree.hpp"

#include "core/base/text.hpp"

#include <cstring>

namespace gw::json {

namespace {

// Below this many members looking through them is faster than a table.
constexpr std::size_t few = 16;

bool needs_no_escape(std::string_view text)
{
    for (char c : text) {
        if (c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20) {
            return false;
        }
    }

    return true;
}

class TreeReader {
public:
    TreeReader(std::string_view text, Arena &arena)
        : text_(text), arena_(arena)
    {
    }

    Node *value();

private:
    char skip_to_token();
    String string();
    void children(Node &node, char closing);
    void drop_doubled(Node &object);

    std::string_view text_;
    Arena &arena_;
    std::size_t position_ = 0;
};

/// Past white space and separators; 0 at the end.
char TreeReader::skip_to_token()
{
    while (position_ < text_.size()
           && std::strchr(" \t\r\n,:", text_[position_]) != nullptr)
    {
        ++position_;
    }

    return position_ < text_.size() ? text_[position_] : '\0';
}

String TreeReader::string()
{
    std::size_t begin = ++position_;
    bool escaped = false;

    while (position_ < text_.size() && text_[position_] != '"') {
        if (text_[position_] == '\\') {
            escaped = true;
            ++position_;
        }

        ++position_;
    }

    String found(text_.substr(begin, position_ - begin), escaped);
    ++position_;

    if (escaped) {
        std::string_view plain = found.decode(arena_);

        if (needs_no_escape(plain)) {
            return String(plain);
        }
    }

    return found;
}

void TreeReader::children(Node &node, char closing)
{
    ++position_;

    for (;;) {
        char c = skip_to_token();

        if (c == closing || c == '\0') {
            break;
        }

        String key;

        if (node.type == Type::object) {
            key = string();
        }

        Node *child = value();
        child->key = key;
        node.append(child);
    }

    ++position_;

    if (node.type == Type::object && node.size > 1) {
        drop_doubled(node);
    }
}

void TreeReader::drop_doubled(Node &object)
{
    std::size_t room = few;

    while (room < object.size * 2) {
        room *= 2;
    }

    auto **table = static_cast<Node **>(
        arena_.allocate(room * sizeof(Node *), alignof(Node *)));
    std::memset(table, 0, room * sizeof(Node *));

    Node *members = object.first;
    object.first = object.last = nullptr;
    object.size = 0;

    while (members != nullptr) {
        Node *member = members;
        members = member->next;

        std::size_t at = hash64(member->key.raw) & (room - 1);

        while (table[at] != nullptr && table[at]->key.raw != member->key.raw) {
            at = (at + 1) & (room - 1);
        }

        if (table[at] == nullptr) {
            table[at] = member;
            object.append(member);
            continue;
        }

        Node *next = table[at]->next;
        *table[at] = *member;
        table[at]->next = next;
    }
}

Node *TreeReader::value()
{
    Node *node = arena_.make<Node>();
    char c = skip_to_token();

    if (c == '{') {
        node->type = Type::object;
        children(*node, '}');

    } else if (c == '[') {
        node->type = Type::array;
        children(*node, ']');

    } else if (c == '"') {
        node->type = Type::string;
        node->string = string();

    } else {
        std::size_t begin = position_;
        position_ = text_.find_first_of(" \t\r\n,]}", begin);
        position_ = position_ < text_.size() ? position_ : text_.size();

        node->string = String(text_.substr(begin, position_ - begin));
        node->type = c == 't' || c == 'f' ? Type::boolean
                   : c == 'n' || c == '\0' ? Type::null : Type::number;
        node->boolean = c == 't';
    }

    return node;
}

}

const Node *Node::find(std::string_view name) const
{
    if (type != Type::object) {
        return nullptr;
    }

    for (const Node *child = first; child != nullptr; child = child->next) {
        if (child->key.is(name)) {
            return child;
        }
    }

    return nullptr;
}

void Node::append(Node *child)
{
    child->next = nullptr;

    if (last == nullptr) {
        first = child;
    } else {
        last->next = child;
    }

    last = child;
    ++size;
}

Node *parse_tree(std::string_view text, Arena &arena)
{
    return TreeReader(text, arena).value();
}

void write_tree(const Node &node, Writer &writer)
{
    switch (node.type) {

    case Type::null:
        writer.null();
        break;

    case Type::boolean:
        writer.boolean(node.boolean);
        break;

    case Type::number:
        writer.raw(node.string.raw);
        break;

    case Type::string:
        writer.text(node.string);
        break;

    case Type::object:
        writer.begin_object();

        for (const Node *child = node.first; child != nullptr;
             child = child->next)
        {
            writer.key(child->key.raw);
            write_tree(*child, writer);
        }

        writer.end_object();
        break;

    case Type::array:
        writer.begin_array();

        for (const Node *child = node.first; child != nullptr;
             child = child->next)
        {
            write_tree(*child, writer);
        }

        writer.end_array();
        break;
    }
}

}

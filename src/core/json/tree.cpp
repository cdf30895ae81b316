// Reads what a Reader has already checked, so there is no error to report;
// where a text breaks that promise, reading just ends.
#include "core/json/tree.hpp"

#include "core/base/text.hpp"
#include "core/json/scanner.hpp"

#include <cstring>

namespace gw::json {

namespace {

// Below this many members looking through them is faster than a table.
constexpr std::size_t few = 16;

// And comparing each with each.
constexpr std::size_t very_few = 8;

constexpr auto no_problem = Scanner::Problem::none;

/// Whether a name may stand twice in it.
bool has_doubled(const Node &node)
{
    if (node.type != Type::object || node.size > very_few) {
        return node.type == Type::object;
    }

    for (const Node *one = node.first; one != nullptr; one = one->next) {
        for (const Node *other = one->next; other != nullptr;
             other = other->next)
        {
            if (one->key.raw == other->key.raw) {
                return true;
            }
        }
    }

    return false;
}

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
        : scanner_(text), arena_(arena)
    {
    }

    Node *value();

private:
    char next_token();
    String string();
    void scalar(Node &node, char first);
    void children(Node &node, char closing);
    void drop_doubled(Node &object);

    Scanner scanner_;
    Arena &arena_;
};

/// Past white space and separators; 0 at the end.
char TreeReader::next_token()
{
    char c = scanner_.peek();

    while (c == ',' || c == ':') {
        scanner_.step();
        c = scanner_.peek();
    }

    return c;
}

String TreeReader::string()
{
    String found;

    if (!scanner_.string(found.raw, found.escaped)) {
        return {};
    }

    if (found.escaped) {
        std::string_view plain = found.decode(arena_);

        if (needs_no_escape(plain)) {
            return String(plain);
        }
    }

    return found;
}

void TreeReader::children(Node &node, char closing)
{
    scanner_.step();

    for (;;) {
        char c = next_token();

        if (c == closing) {
            scanner_.step();
            break;
        }

        String key;

        if (node.type == Type::object && c == '"') {
            key = string();
        }

        // A broken text is not read for ever.
        if (scanner_.at_end() || scanner_.problem() != no_problem) {
            break;
        }

        Node *child = value();
        child->key = key;
        node.append(child);
    }

    if (has_doubled(node)) {
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

void TreeReader::scalar(Node &node, char first)
{
    std::string_view letters;

    switch (first) {

    case '"':
        node.type = Type::string;
        node.string = string();
        return;

    case 't':
    case 'f':
        node.type = Type::boolean;
        node.boolean = first == 't';
        letters = node.boolean ? "true" : "false";
        (void) scanner_.literal(letters);
        break;

    case 'n':
        letters = "null";
        (void) scanner_.literal(letters);
        break;

    default:
        node.type = scanner_.number(letters) ? Type::number : Type::null;
    }

    node.string = String(letters);
}

Node *TreeReader::value()
{
    Node *node = arena_.make<Node>();
    char c = next_token();

    if (c == '{') {
        node->type = Type::object;
        children(*node, '}');

    } else if (c == '[') {
        node->type = Type::array;
        children(*node, ']');

    } else if (!scanner_.at_end()) {
        scalar(*node, c);
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

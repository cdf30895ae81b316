// A document as a tree, for the few places that must look at a value from more
// than one side before they can write it: JSON Schemas. All else goes through
// the reader's tables.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"
#include "core/json/writer.hpp"

#include <cstddef>
#include <string_view>

namespace gw::json {

/// A value and, in an object, its name. Lives in an arena.
struct Node {
    Type type = Type::null;
    bool boolean = false;
    /// Of a member. Neither this nor a string is escaped where it needs no
    /// escape, so that equal ones are equal byte by byte.
    String key;
    /// A string, or the letters of a number or a boolean.
    String string;
    /// Elements or members, in the order they stood.
    Node *first = nullptr;
    Node *last = nullptr;
    Node *next = nullptr;
    std::size_t size = 0;

    /// The member of that name; null: there is none, or this is no object.
    const Node *find(std::string_view name) const;

    bool is(std::string_view plain) const
    {
        return type == Type::string && string.is(plain);
    }

    /// Appends a child, which must belong to nobody else.
    void append(Node *child);
};

/// Of a text known to be JSON, no deeper than max_depth: a slice that a Reader
/// gave out. A name that stands twice in an object counts as it stood last.
/// The strings are slices of text or lie in the arena.
Node *parse_tree(std::string_view text, Arena &arena);

/// The value as it was read, without white space.
void write_tree(const Node &node, Writer &writer);

}

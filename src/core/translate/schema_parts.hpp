// What both dialects of schema.hpp need to see in a schema: where references
// lead, what allOf amounts to, which types and values a node allows.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/tree.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace gw::translate {

/// Schemas nested deeper are cut there; upstream's own limit is not far.
constexpr std::size_t max_schema_depth = 24;

/// What references and allOf may multiply a schema to: so many nodes, and for
/// each byte it has so many bytes and one node more. Tools come by thousands.
constexpr std::size_t least_schema_nodes = 2000;
constexpr std::size_t least_inlined = 16 * 1024;
constexpr std::size_t inlined_per_byte = 4;

constexpr std::size_t max_references = 32;      // one leading to the next

using Names = std::unordered_set<std::string_view>;

/// The types a node allows, as far as they are types at all.
struct SchemaTypes {
    /// Lower case, static memory, without "null", each once.
    std::vector<std::string_view> names;
    bool null = false;
};

class SchemaParts {
public:
    /// size: of the document, in bytes.
    SchemaParts(const json::Node &root, std::size_t size, Arena &arena)
        : root_(root), size_(size), arena_(arena)
    {
    }

    Arena &arena() { return arena_; }

    /// What a node's $ref leads to at last; null: nowhere in this document.
    const json::Node *target(const json::Node &node);

    /// The node with its allOf merged into it: the node itself when it has
    /// none. Members' references are followed.
    const json::Node &merged(const json::Node &node);

    /// `over` on top of `base`: properties and required add up, otherwise
    /// what `over` says counts.
    const json::Node &overlaid(const json::Node &base,
        const json::Node &over);

    /// A shallow copy without some members.
    json::Node &copy_without(const json::Node &node,
        std::string_view one, std::string_view other = {});

    /// Counts one more node; false: there were too many already.
    bool spend() { return spent_++ < least_schema_nodes + size_; }

    /// The bytes it may become.
    std::size_t most_bytes() const
    {
        return least_inlined + inlined_per_byte * size_;
    }

private:
    const json::Node *at(std::string_view pointer) const;
    const json::Node &merged(const json::Node &node, std::size_t depth);
    json::Node &copy(const json::Node &node);
    json::Node &copy_all(const json::Node &node);
    json::Node *both(const json::Node &base, const json::Node &over);

    const json::Node &root_;
    std::size_t size_;
    Arena &arena_;
    std::unordered_map<std::string_view, const json::Node *> targets_;
    std::size_t spent_ = 0;
};

SchemaTypes schema_types(const json::Node &node);

/// What enum and const allow. Upstream takes texts that are not empty, and
/// one dialect numbers.
struct SchemaValues {
    std::vector<const json::Node *> strings;
    std::vector<const json::Node *> numbers;
    std::vector<const json::Node *> kept;       // both, in order
    bool null = false;
    /// Whether there are others; `list` names all for the description.
    bool others = false;
    std::string list;
};

SchemaValues schema_values(const json::Node &node);

/// The description, and what can only be said in words, as the inside of a
/// JSON string.
std::string description_with(const json::Node &node,
    const SchemaValues &values);

/// The names of the properties that are kept.
Names property_names(const json::Node &node);

/// "required" or another list of property names, as far as they are of
/// properties; each once, in order.
std::vector<const json::Node *> names_among(const json::Node *list,
    const Names &names);

}

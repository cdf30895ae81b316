// References, allOf, types and values of a JSON Schema.
#include "core/translate/schema_parts.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace gw::translate {

namespace {

using json::Node;
using json::Type;

constexpr std::string_view type_names[] = {
    "string", "number", "integer", "boolean", "array", "object"
};

// The values an enum's description may list.
constexpr std::size_t max_listed = 1024;

int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = static_cast<char>(c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/// One step of a JSON pointer in a URI fragment: RFC 6901 sections 3 and 6.
std::string unescaped_step(std::string_view step)
{
    std::string plain;

    for (std::size_t i = 0; i < step.size(); ++i) {
        char c = step[i];

        if (c == '%' && i + 2 < step.size()) {
            int high = hex_digit(step[i + 1]);
            int low = hex_digit(step[i + 2]);

            if (high >= 0 && low >= 0) {
                c = static_cast<char>(high * 16 + low);
                i += 2;
            }

        } else if (c == '~' && i + 1 < step.size()) {
            c = step[++i] == '1' ? '/' : '~';
        }

        plain += c;
    }

    return plain;
}

const Node *element(const Node &array, std::string_view index)
{
    std::size_t wanted = 0;

    for (char c : index) {
        if (c < '0' || c > '9' || wanted > array.size) {
            return nullptr;
        }

        wanted = wanted * 10 + static_cast<std::size_t>(c - '0');
    }

    const Node *node = array.first;

    while (node != nullptr && wanted-- > 0) {
        node = node->next;
    }

    return node;
}

void add_type(const Node &name, SchemaTypes &types)
{
    if (name.type != Type::string) {
        return;
    }

    if (iequals(name.string.raw, "null")) {
        types.null = true;
        return;
    }

    for (std::string_view known : type_names) {
        if (iequals(name.string.raw, known)
            && std::find(types.names.begin(), types.names.end(), known)
                   == types.names.end())
        {
            types.names.push_back(known);
        }
    }
}

void add_value(const Node &value, SchemaValues &values)
{
    if (value.type == Type::null) {
        values.null = true;
        return;
    }

    if (value.type == Type::string && value.string.empty()) {
        return;
    }

    if (value.type == Type::string || value.type == Type::number) {
        values.kept.push_back(&value);
    }

    if (value.type == Type::string) {
        values.strings.push_back(&value);
    } else if (value.type == Type::number) {
        values.numbers.push_back(&value);
    } else {
        values.others = true;
    }

    if (value.type != Type::object && value.type != Type::array
        && values.list.size() < max_listed)
    {
        values.list += values.list.empty() ? "" : ", ";
        values.list += value.string.raw;
    }
}

}

const Node *SchemaParts::at(std::string_view pointer) const
{
    const Node *node = &root_;

    if (!pointer.empty() && pointer[0] != '/') {
        return nullptr;
    }

    while (!pointer.empty() && node != nullptr) {
        pointer.remove_prefix(1);

        std::size_t end = std::min(pointer.find('/'), pointer.size());
        std::string step = unescaped_step(pointer.substr(0, end));
        pointer.remove_prefix(end);

        node = node->type == Type::array ? element(*node, step)
                                         : node->find(step);
    }

    return node;
}

const Node *SchemaParts::target(const Node &node)
{
    const Node *found = &node;

    for (std::size_t i = 0; i < max_references; ++i) {
        const Node *ref = found->find("$ref");

        if (ref == nullptr || ref->type != Type::string) {
            return found == &node ? nullptr : found;
        }

        auto known = targets_.find(ref->string.raw);

        if (known == targets_.end()) {
            std::string_view text = ref->string.decode(arena_);
            const Node *there = text.empty() || text[0] != '#'
                ? nullptr : at(text.substr(1));

            if (there != nullptr && there->type != Type::object) {
                there = nullptr;
            }

            known = targets_.emplace(ref->string.raw, there).first;
        }

        found = known->second;

        if (found == nullptr) {
            return nullptr;
        }
    }

    return nullptr;
}

Node &SchemaParts::copy(const Node &node)
{
    Node &made = *arena_.make<Node>(node);
    made.next = nullptr;
    ++spent_;

    return made;
}

/// With its children, but not theirs.
Node &SchemaParts::copy_all(const Node &node)
{
    Node &made = copy(node);
    made.first = made.last = nullptr;
    made.size = 0;

    for (const Node *child = node.first; child != nullptr;
         child = child->next)
    {
        made.append(&copy(*child));
    }

    return made;
}

Node &SchemaParts::copy_without(const Node &node, std::string_view one,
    std::string_view other)
{
    Node &made = copy(node);
    made.first = made.last = nullptr;
    made.size = 0;

    for (const Node *child = node.first; child != nullptr;
         child = child->next)
    {
        if (!child->key.is(one)
            && (other.empty() || !child->key.is(other)))
        {
            made.append(&copy(*child));
        }
    }

    return made;
}

/// Both of a list of names, or of two property maps.
Node *SchemaParts::both(const Node &base, const Node &over)
{
    Node &made = copy_all(base);
    std::unordered_map<std::string_view, Node *> members;

    for (Node *child = made.first; child != nullptr; child = child->next) {
        members.emplace(child->key.raw, child);
    }

    for (const Node *child = over.first; child != nullptr;
         child = child->next)
    {
        auto there = members.find(child->key.raw);

        if (base.type == Type::array || there == members.end()) {
            made.append(&copy(*child));
            continue;
        }

        Node *next = there->second->next;
        *there->second = *child;
        there->second->next = next;
    }

    return &made;
}

const Node &SchemaParts::overlaid(const Node &base, const Node &over)
{
    Node &made = copy_all(base);

    for (const Node *child = over.first; child != nullptr;
         child = child->next)
    {
        auto *there = const_cast<Node *>(made.find(child->key.raw));

        if (there == nullptr) {
            made.append(&copy(*child));
            continue;
        }

        const Node *value = child;

        if (child->type == there->type
            && (child->key.is("properties") || child->key.is("required")
                || child->key.is("$defs")))
        {
            value = both(*there, *child);
        }

        Node *next = there->next;
        json::String key = there->key;
        *there = *value;
        there->key = key;
        there->next = next;
    }

    return made;
}

const Node &SchemaParts::merged(const Node &node)
{
    return merged(node, 0);
}

const Node &SchemaParts::merged(const Node &node, std::size_t depth)
{
    const Node *all = node.find("allOf");

    if (all == nullptr) {
        return node;
    }

    const Node &own = copy_without(node, "allOf");

    if (all->type != Type::array || depth == max_references) {
        return own;
    }

    Node *nothing = arena_.make<Node>();
    nothing->type = Type::object;
    const Node *sum = nothing;

    for (const Node *member = all->first; member != nullptr;
         member = member->next)
    {
        if (member->type != Type::object || !spend()) {
            continue;
        }

        const Node *meant = target(*member);
        const Node &part = merged(meant == nullptr
            ? copy_without(*member, "$ref") : *meant, depth + 1);

        sum = &overlaid(*sum, part);

        if (meant != nullptr) {
            sum = &overlaid(*sum, merged(copy_without(*member, "$ref"),
                depth + 1));
        }
    }

    return overlaid(*sum, own);
}

SchemaTypes schema_types(const Node &node)
{
    SchemaTypes types;
    const Node *type = node.find("type");

    if (type != nullptr && type->type == Type::string) {
        add_type(*type, types);

    } else if (type != nullptr && type->type == Type::array) {
        for (const Node *name = type->first; name != nullptr;
             name = name->next)
        {
            add_type(*name, types);
        }
    }

    const Node *nullable = node.find("nullable");

    // OpenAPI's way to say it.
    if (nullable != nullptr && nullable->boolean) {
        types.null = true;
    }

    return types;
}

SchemaValues schema_values(const Node &node)
{
    SchemaValues values;
    const Node *list = node.find("enum");
    const Node *only = node.find("const");

    if (only != nullptr) {
        add_value(*only, values);

    } else if (list != nullptr && list->type == Type::array) {
        for (const Node *value = list->first; value != nullptr;
             value = value->next)
        {
            add_value(*value, values);
        }
    }

    return values;
}

std::string description_with(const Node &node, const SchemaValues &values)
{
    const Node *given = node.find("description");
    std::string text;

    if (given != nullptr && given->type == Type::string) {
        text = given->string.raw;
    }

    if (!values.list.empty()) {
        text += text.empty() ? "" : " ";
        text += "Allowed values: " + values.list + '.';
    }

    return text;
}

Names property_names(const Node &node)
{
    Names names;
    const Node *properties = node.find("properties");

    if (properties == nullptr || properties->type != Type::object) {
        return names;
    }

    for (const Node *property = properties->first; property != nullptr;
         property = property->next)
    {
        // Of the two booleans that are schemas false takes no value.
        if (property->type == Type::object
            || (property->type == Type::boolean && property->boolean))
        {
            names.insert(property->key.raw);
        }
    }

    return names;
}

std::vector<const Node *> names_among(const Node *list, const Names &names)
{
    std::vector<const Node *> found;
    Names seen;

    if (list == nullptr || list->type != Type::array) {
        return found;
    }

    for (const Node *name = list->first; name != nullptr; name = name->next) {
        if (name->type == Type::string && names.count(name->string.raw) != 0
            && seen.insert(name->string.raw).second)
        {
            found.push_back(name);
        }
    }

    return found;
}

}

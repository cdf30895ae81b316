// The dialect that is JSON Schema. Kept are the keywords upstream documents
// and constraints that hold nothing but a scalar; the rest would say nothing
// to it, and some of it has been refused.
#include "core/translate/schema.hpp"

#include "core/translate/schema_openapi.hpp"
#include "core/translate/schema_parts.hpp"

#include <memory_resource>
#include <utility>

namespace gw::translate {

namespace {

using json::Node;
using json::Type;

constexpr std::string_view text_keywords[] = {"title", "format", "pattern"};

constexpr std::string_view number_keywords[] = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "multipleOf", "minItems", "maxItems", "minLength", "maxLength",
    "minProperties", "maxProperties"
};

template <std::size_t N>
bool is_one_of(const std::string_view (&names)[N], const json::String &name)
{
    for (std::string_view known : names) {
        if (name.is(known)) {
            return true;
        }
    }

    return false;
}

/// Whether one of the schemas says more than which properties there must be,
/// which goes where no property is defined beside it.
bool any_says_something(const Node &schemas)
{
    for (const Node *each = schemas.first; each != nullptr;
         each = each->next)
    {
        std::size_t unsaid = each->find("required") == nullptr ? 0 : 1;

        if (each->type == Type::object && each->size > unsaid) {
            return true;
        }
    }

    return false;
}

class JsonSchemaWriter {
public:
    JsonSchemaWriter(SchemaParts &parts, Output &out)
        : parts_(parts), writer_(out)
    {
    }

    /// The whole document. object: the root is one, whatever else it says.
    void document(const Node &root, bool object);

private:
    struct Definition {
        const Node *node;
        std::string name;
    };

    void schema(const Node &node, std::size_t depth);
    void members(const Node &node, std::size_t depth, bool object);
    void member(const Node &child, std::size_t depth);
    void types(const Node &node, const SchemaValues &values, bool object);
    void values(const SchemaValues &values);
    void description(const Node &node, const SchemaValues &values);
    void properties(const Node &given, const Names &kept,
        std::size_t depth);
    void names(std::string_view key, const Node *list, const Names &among);
    void list(std::string_view key, const Node &schemas, std::size_t depth);
    void reference(const Node &target, const Node &from);
    void definitions();

    SchemaParts &parts_;
    json::Writer writer_;
    std::vector<Definition> definitions_;
    std::unordered_map<const Node *, std::size_t> defined_;
    std::unordered_set<std::string> taken_;
};

void JsonSchemaWriter::document(const Node &root, bool object)
{
    writer_.begin_object();
    members(root, 0, object);
    definitions();
    writer_.end_object();
}

void JsonSchemaWriter::schema(const Node &given, std::size_t depth)
{
    writer_.begin_object();

    if (given.type == Type::object && depth <= max_schema_depth) {
        // A node with a reference may say nothing else.
        if (const Node *target = parts_.target(given)) {
            reference(*target, given);
        } else {
            members(parts_.merged(given), depth, false);
        }
    }

    writer_.end_object();
}

/// In the order they stood, so that a schema that needs no change gets none.
void JsonSchemaWriter::members(const Node &node, std::size_t depth,
    bool object)
{
    const SchemaValues allowed = schema_values(node);
    const Names kept = property_names(node);

    if (node.find("type") == nullptr) {
        types(node, allowed, object);
    }

    if (node.find("description") == nullptr) {
        description(node, allowed);
    }

    for (const Node *child = node.first; child != nullptr;
         child = child->next)
    {
        if (child->key.is("type")) {
            types(node, allowed, object);

        } else if (child->key.is("description")) {
            description(node, allowed);

        } else if (child->key.is("const")
                   || (child->key.is("enum")
                       && node.find("const") == nullptr))
        {
            values(allowed);

        } else if (child->key.is("properties")) {
            properties(*child, kept, depth);

        } else if (child->key.is("required")
                   || child->key.is("propertyOrdering"))
        {
            names(child->key.raw, child, kept);

        } else {
            member(*child, depth);
        }
    }
}

void JsonSchemaWriter::types(const Node &node, const SchemaValues &values,
    bool object)
{
    SchemaTypes types = schema_types(node);

    if (object) {
        types = SchemaTypes{{"object"}, false};
    }

    if (types.names.empty() && !types.null) {
        return;
    }

    bool null = types.null || values.null;
    writer_.key("type");

    if (types.names.size() + (null ? 1 : 0) == 1) {
        writer_.string(null ? "null" : types.names[0]);
        return;
    }

    writer_.begin_array();

    for (std::string_view name : types.names) {
        writer_.string(name);
    }

    if (null) {
        writer_.string("null");
    }

    writer_.end_array();
}

void JsonSchemaWriter::values(const SchemaValues &values)
{
    if (values.others || (values.strings.empty() && values.numbers.empty())) {
        return;
    }

    writer_.key("enum").begin_array();

    for (const Node *value : values.kept) {
        json::write_tree(*value, writer_);
    }

    writer_.end_array();
}

void JsonSchemaWriter::description(const Node &node,
    const SchemaValues &values)
{
    std::string text = description_with(node,
        values.others ? values : SchemaValues());

    if (!text.empty()) {
        writer_.key("description").text(json::String(text, true));
    }
}

void JsonSchemaWriter::member(const Node &child, std::size_t depth)
{
    const json::String &key = child.key;

    if (is_one_of(text_keywords, key)) {
        if (child.type == Type::string) {
            writer_.key(key.raw).text(child.string);
        }

    } else if (is_one_of(number_keywords, key)) {
        if (child.type == Type::number) {
            writer_.key(key.raw).raw(child.string.raw);
        }

    } else if (key.is("default") && child.size == 0) {
        writer_.key("default");
        json::write_tree(child, writer_);

    } else if (key.is("additionalProperties")) {
        if (child.type == Type::boolean) {
            writer_.key("additionalProperties").boolean(child.boolean);

        } else if (child.type == Type::object) {
            writer_.key("additionalProperties");
            schema(child, depth + 1);
        }

    } else if (key.is("items")) {
        if (child.type == Type::object) {
            writer_.key("items");
            schema(child, depth + 1);

        } else {
            // Before 2020-12 a tuple stood here.
            list("prefixItems", child, depth);
        }

    } else if (key.is("anyOf") || key.is("oneOf") || key.is("prefixItems")) {
        list(key.raw, child, depth);
    }
}

void JsonSchemaWriter::properties(const Node &given, const Names &kept,
    std::size_t depth)
{
    if (kept.empty()) {
        return;
    }

    writer_.key("properties").begin_object();

    for (const Node *property = given.first; property != nullptr;
         property = property->next)
    {
        if (kept.count(property->key.raw) != 0) {
            writer_.key(property->key.raw);
            schema(*property, depth + 1);
        }
    }

    writer_.end_object();
}

void JsonSchemaWriter::names(std::string_view key, const Node *list,
    const Names &among)
{
    const auto found = names_among(list, among);

    if (found.empty()) {
        return;
    }

    writer_.key(key).begin_array();

    for (const Node *name : found) {
        writer_.text(name->string);
    }

    writer_.end_array();
}

void JsonSchemaWriter::list(std::string_view key, const Node &schemas,
    std::size_t depth)
{
    if (schemas.type != Type::array || !any_says_something(schemas)) {
        return;
    }

    writer_.key(key).begin_array();

    for (const Node *each = schemas.first; each != nullptr;
         each = each->next)
    {
        schema(*each, depth + 1);
    }

    writer_.end_array();
}

/// All references lead into the root's $defs, wherever they led before:
/// "#/definitions/…", into a property, to the root.
void JsonSchemaWriter::reference(const Node &target, const Node &from)
{
    auto known = defined_.find(&target);

    if (known == defined_.end()) {
        std::string_view pointer = from.find("$ref")->string.raw;
        std::string name;

        for (char c : pointer.substr(pointer.rfind('/') + 1)) {
            bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                         || (c >= '0' && c <= '9') || c == '_' || c == '-'
                         || c == '.';
            name += plain ? c : '_';
        }

        const std::string stem = name;

        for (std::size_t i = 2; !taken_.insert(name).second; ++i) {
            name = stem + '_' + std::to_string(i);
        }

        known = defined_.emplace(&target, definitions_.size()).first;
        definitions_.push_back({&target, std::move(name)});
    }

    writer_.key("$ref").string(
        "#/$defs/" + definitions_[known->second].name);
}

/// Writing one may refer to others for the first time.
void JsonSchemaWriter::definitions()
{
    if (definitions_.empty()) {
        return;
    }

    writer_.key("$defs").begin_object();

    for (std::size_t i = 0; i < definitions_.size(); ++i) {
        const Node *node = definitions_[i].node;

        writer_.key(definitions_[i].name);
        writer_.begin_object();
        members(parts_.merged(*node), 1, false);
        writer_.end_object();
    }

    writer_.end_object();
}

bool has_members(const Node &node, std::string_view name)
{
    const Node *found = node.find(name);

    return found != nullptr && found->size > 0;
}

/// Whether an object's schema says anything about what is in it.
bool says_something(const Node &root)
{
    return !property_names(root).empty() || has_members(root, "anyOf")
           || has_members(root, "oneOf")
           || has_members(root, "additionalProperties");
}

bool may_be_object(const Node &root)
{
    const SchemaTypes types = schema_types(root);

    if (types.names.empty()) {
        return !types.null;
    }

    for (std::string_view name : types.names) {
        if (name == "object") {
            return true;
        }
    }

    return false;
}

json::Raw convert(const json::Raw &schema, SchemaDialect dialect,
    bool parameters, Arena &arena)
{
    if (schema.type != Type::object) {
        return {};
    }

    // Gone with this call: a schema's tree is many times its size.
    Arena scratch(std::pmr::new_delete_resource());
    const Node &whole = *json::parse_tree(schema.text, scratch);
    SchemaParts parts(whole, schema.text.size(), scratch);

    const Node *target = parts.target(whole);
    const Node &root = parts.merged(target == nullptr ? whole : *target);

    if (parameters && (!may_be_object(root) || !says_something(root))) {
        return {};
    }

    StringOutput out;

    if (dialect == SchemaDialect::json_schema) {
        JsonSchemaWriter(parts, out).document(root, parameters);
    } else {
        write_openapi_schema(parts, root, parameters, out);
    }

    constexpr std::string_view nothing = "{}";

    if (out.view() == nothing) {
        return {};
    }

    // A slice of the request costs nothing.
    if (schema.text == out.view()) {
        return schema;
    }

    return json::Raw{arena.copy(out.view()), Type::object};
}

}

json::Raw parameters_schema(const json::Raw &schema, SchemaDialect dialect,
    Arena &arena)
{
    return convert(schema, dialect, true, arena);
}

json::Raw response_schema(const json::Raw &schema, SchemaDialect dialect,
    Arena &arena)
{
    return convert(schema, dialect, false, arena);
}

}

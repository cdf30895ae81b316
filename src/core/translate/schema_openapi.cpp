// Whatever keyword is not named here does not reach upstream: editors and
// libraries invent new ones, and an unknown one fails the whole request.
#include "core/translate/schema_openapi.hpp"

#include <algorithm>
#include <cstdint>

namespace gw::translate {

namespace {

using json::Node;
using json::Type;

struct Keyword {
    std::string_view type;
    std::string_view name;
    Type value;
};

// Numbers of these keywords but minimum and maximum are integers upstream.
constexpr Keyword keywords[] = {
    {"string", "minLength", Type::number},
    {"string", "maxLength", Type::number},
    {"string", "pattern", Type::string},
    {"number", "minimum", Type::number},
    {"number", "maximum", Type::number},
    {"integer", "minimum", Type::number},
    {"integer", "maximum", Type::number},
    {"array", "minItems", Type::number},
    {"array", "maxItems", Type::number},
    {"object", "minProperties", Type::number},
    {"object", "maxProperties", Type::number}
};

struct Format {
    std::string_view type;
    std::string_view name;
};

constexpr Format formats[] = {
    {"string", "date-time"},
    {"number", "float"},
    {"number", "double"},
    {"integer", "int32"},
    {"integer", "int64"}
};

struct UpstreamType {
    std::string_view name;
    std::string_view upstream;
};

constexpr UpstreamType upstream_types[] = {
    {"string", "STRING"},
    {"number", "NUMBER"},
    {"integer", "INTEGER"},
    {"boolean", "BOOLEAN"},
    {"array", "ARRAY"},
    {"object", "OBJECT"}
};

std::string_view upstream_type(std::string_view name)
{
    for (const UpstreamType &type : upstream_types) {
        if (type.name == name) {
            return type.upstream;
        }
    }

    return "STRING";
}

class OpenApiWriter {
public:
    OpenApiWriter(SchemaParts &parts, StringOutput &out)
        : parts_(parts), out_(out), writer_(out)
    {
    }

    void root(const Node &node, bool parameters);

private:
    using Variants = std::vector<const Node *>;

    void schema(const Node &given, std::size_t depth);
    void inlined(const Node &node, std::size_t depth, bool nullable);
    void typed(const Node &node, std::string_view type, std::size_t depth,
        bool nullable);
    void members(const Node &node, std::string_view type);
    void object(const Node &node, std::size_t depth);
    void items(const Node &node, std::size_t depth);
    void any_of(const Node &node, const Variants &variants,
        std::size_t depth, bool nullable);
    void cut();
    void describe(const std::string &description, bool nullable);
    Variants variants(const Node &node, bool &nullable) const;
    const Node &flat(const Node &node);
    const Node &with_type(const Node &node, std::string_view type);

    SchemaParts &parts_;
    StringOutput &out_;
    json::Writer writer_;
    /// The references within which the writer is.
    std::vector<const Node *> within_;
};

/// In place of what is too deep, too much or within itself.
void OpenApiWriter::cut()
{
    writer_.begin_object();
    writer_.key("type").string("OBJECT");
    writer_.end_object();
}

void OpenApiWriter::schema(const Node &given, std::size_t depth)
{
    const Node *target = parts_.target(given);

    if (depth > max_schema_depth || !parts_.spend()
        || out_.view().size() > parts_.most_bytes()
        || std::find(within_.begin(), within_.end(), target)
               != within_.end())
    {
        cut();
        return;
    }

    if (target == nullptr) {
        inlined(given, depth, false);
        return;
    }

    within_.push_back(target);
    inlined(parts_.overlaid(parts_.merged(*target),
        parts_.copy_without(given, "$ref")), depth, false);
    within_.pop_back();
}

/// anyOf and oneOf without the one that only says "or null".
OpenApiWriter::Variants OpenApiWriter::variants(const Node &node,
    bool &nullable) const
{
    Variants found;

    for (std::string_view keyword : {"anyOf", "oneOf"}) {
        const Node *list = node.find(keyword);

        if (list == nullptr || list->type != Type::array) {
            continue;
        }

        for (const Node *each = list->first; each != nullptr;
             each = each->next)
        {
            SchemaTypes types = schema_types(*each);

            if (types.null && types.names.empty()) {
                nullable = true;

            } else if (each->type == Type::object && each->size > 0) {
                found.push_back(each);
            }
        }
    }

    return found;
}

const Node &OpenApiWriter::with_type(const Node &node, std::string_view type)
{
    Node &made = parts_.copy_without(node, "type", "nullable");
    Node *value = parts_.arena().make<Node>();

    value->type = Type::string;
    value->key = json::String(std::string_view("type"));
    value->string = json::String(type);
    made.append(value);

    return made;
}

void OpenApiWriter::inlined(const Node &given, std::size_t depth,
    bool nullable)
{
    const Node &node = parts_.merged(given);
    Variants choices = variants(node, nullable);

    if (choices.size() == 1) {
        const Node &own = parts_.copy_without(node, "anyOf", "oneOf");
        const Node *target = parts_.target(*choices[0]);
        bool cyclic = target != nullptr
            && std::find(within_.begin(), within_.end(), target)
                   != within_.end();

        if (cyclic || depth > max_schema_depth || !parts_.spend()) {
            cut();
            return;
        }

        if (target != nullptr) {
            within_.push_back(target);
        }

        inlined(parts_.overlaid(parts_.merged(
            target == nullptr ? *choices[0] : *target), own), depth + 1,
            nullable);

        if (target != nullptr) {
            within_.pop_back();
        }

        return;
    }

    SchemaTypes types = schema_types(node);
    SchemaValues values = schema_values(node);
    nullable = nullable || types.null || values.null;

    if (choices.size() > 1) {
        any_of(node, choices, depth, nullable);
        return;
    }

    if (types.names.size() > 1) {
        Variants copies;

        for (std::string_view type : types.names) {
            copies.push_back(&with_type(
                parts_.copy_without(node, "description", "title"), type));
        }

        any_of(node, copies, depth, nullable);
        return;
    }

    std::string_view type = "string";

    if (!types.names.empty()) {
        type = types.names[0];

    } else if (node.find("properties") != nullptr
               || node.find("additionalProperties") != nullptr)
    {
        type = "object";

    } else if (node.find("items") != nullptr
               || node.find("prefixItems") != nullptr)
    {
        type = "array";

    } else if (!values.numbers.empty() && values.strings.empty()) {
        type = "number";

    } else if (values.others && values.strings.empty()) {
        type = "boolean";

    } else if (depth == 0) {
        type = "object";
    }

    typed(node, type, depth, nullable);
}

void OpenApiWriter::describe(const std::string &description, bool nullable)
{
    if (!description.empty()) {
        writer_.key("description").text(json::String(description, true));
    }

    if (nullable) {
        writer_.key("nullable").boolean(true);
    }
}

/// Where there are several, servers take nothing beside them but words.
void OpenApiWriter::any_of(const Node &node, const Variants &variants,
    std::size_t depth, bool nullable)
{
    writer_.begin_object();
    describe(description_with(node, {}), nullable);
    writer_.key("anyOf").begin_array();

    for (const Node *each : variants) {
        schema(*each, depth + 1);
    }

    writer_.end_array();
    writer_.end_object();
}

void OpenApiWriter::typed(const Node &node, std::string_view type,
    std::size_t depth, bool nullable)
{
    SchemaValues values = schema_values(node);
    bool only_strings = values.numbers.empty() && !values.others
                        && type == "string";

    writer_.begin_object();
    writer_.key("type").string(upstream_type(type));

    if (const Node *title = node.find("title");
        title != nullptr && title->type == Type::string)
    {
        writer_.key("title").text(title->string);
    }

    if (only_strings) {
        values.list.clear();
    }

    describe(description_with(node, values), nullable);

    if (only_strings && !values.strings.empty()) {
        writer_.key("format").string("enum");
        writer_.key("enum").begin_array();

        for (const Node *value : values.strings) {
            writer_.text(value->string);
        }

        writer_.end_array();
    }

    members(node, type);

    if (type == "array") {
        items(node, depth);
    } else if (type == "object") {
        object(node, depth);
    }

    writer_.end_object();
}

void OpenApiWriter::members(const Node &node, std::string_view type)
{
    const Node *format = node.find("format");

    for (const Format &known : formats) {
        if (format != nullptr && known.type == type && format->is(known.name)
            && schema_values(node).strings.empty())
        {
            writer_.key("format").string(known.name);
        }
    }

    for (const Keyword &keyword : keywords) {
        const Node *value = node.find(keyword.name);

        if (keyword.type != type || value == nullptr
            || value->type != keyword.value)
        {
            continue;
        }

        if (value->type == Type::string) {
            writer_.key(keyword.name).text(value->string);
            continue;
        }

        if (type == "number" || type == "integer") {
            writer_.key(keyword.name).raw(value->string.raw);

        } else if (auto n = json::Number{value->string.raw}.integer()) {
            writer_.key(keyword.name).number(*n);
        }
    }
}

void OpenApiWriter::object(const Node &node, std::size_t depth)
{
    const Names kept = property_names(node);

    // An empty list of properties is refused, none is not.
    if (kept.empty()) {
        return;
    }

    std::vector<const Node *> order;
    writer_.key("properties").begin_object();

    for (const Node *property = node.find("properties")->first;
         property != nullptr; property = property->next)
    {
        if (kept.count(property->key.raw) != 0) {
            writer_.key(property->key.raw);
            schema(*property, depth + 1);
            order.push_back(property);
        }
    }

    writer_.end_object();

    const auto required = names_among(node.find("required"), kept);

    if (!required.empty()) {
        writer_.key("required").begin_array();

        for (const Node *name : required) {
            writer_.text(name->string);
        }

        writer_.end_array();
    }

    // Without it older models answer in the order of the alphabet.
    writer_.key("propertyOrdering").begin_array();

    for (const Node *property : order) {
        writer_.text(property->key);
    }

    writer_.end_array();
}

void OpenApiWriter::items(const Node &node, std::size_t depth)
{
    const Node *one = node.find("items");
    const Node *tuple = node.find("prefixItems");

    if (one != nullptr && one->type == Type::array) {
        tuple = one;
    }

    writer_.key("items");

    if (tuple != nullptr && tuple->type == Type::array && tuple->size > 1) {
        writer_.begin_object();
        writer_.key("anyOf").begin_array();

        for (const Node *item = tuple->first; item != nullptr;
             item = item->next)
        {
            schema(*item, depth + 2);
        }

        writer_.end_array();
        writer_.end_object();
        return;
    }

    if (tuple != nullptr && tuple->type == Type::array && tuple->size == 1) {
        one = tuple->first;
    }

    if (one != nullptr && one->type == Type::object) {
        schema(*one, depth + 1);
        return;
    }

    writer_.begin_object();
    writer_.key("type").string("STRING");
    writer_.end_object();
}

/// A choice of objects at the root as one object that may be any of them: a
/// function's parameters may not be a choice upstream.
const Node &OpenApiWriter::flat(const Node &node)
{
    bool nullable = false;
    const Variants choices = variants(node, nullable);
    const Node *sum = &parts_.copy_without(node, "anyOf", "oneOf");

    for (const Node *each : choices) {
        const Node *target = parts_.target(*each);

        if (parts_.spend()) {
            sum = &parts_.overlaid(parts_.copy_without(parts_.merged(
                target == nullptr ? *each : *target), "required",
                "description"), *sum);
        }
    }

    return with_type(*sum, "object");
}

void OpenApiWriter::root(const Node &node, bool parameters)
{
    if (!parameters) {
        within_.push_back(&node);
        inlined(node, 0, false);
        return;
    }

    const Node &one = flat(node);

    if (property_names(one).empty()) {
        writer_.begin_object();
        writer_.end_object();
        return;
    }

    within_.push_back(&node);
    typed(one, "object", 0, false);
}

}

void write_openapi_schema(SchemaParts &parts, const Node &root,
    bool parameters, StringOutput &out)
{
    OpenApiWriter(parts, out).root(root, parameters);
}

}

// JSON Schemas in, what upstream takes out.
#include "core/translate/schema.hpp"

#include "core/base/arena.hpp"
#include "core/json/reader.hpp"

#include <gtest/gtest.h>

#include <memory_resource>
#include <string>

namespace {

using gw::translate::SchemaDialect;

std::string convert(const std::string &schema, SchemaDialect dialect,
    bool parameters)
{
    gw::Arena arena(std::pmr::new_delete_resource());
    gw::json::Raw raw{schema, gw::json::Type::object};
    auto convert = parameters ? gw::translate::parameters_schema
                              : gw::translate::response_schema;

    return std::string(convert(raw, dialect, arena).text);
}

std::string kept(const std::string &schema)
{
    return convert(schema, SchemaDialect::json_schema, true);
}

std::string strict(const std::string &schema)
{
    return convert(schema, SchemaDialect::openapi, true);
}

/// Of one property, in either dialect.
std::string property(const std::string &schema, bool openapi = false)
{
    const std::string before = openapi
        ? R"({"type":"OBJECT","properties":{"p":)"
        : R"({"type":"object","properties":{"p":)";
    const std::string after = openapi
        ? R"(},"propertyOrdering":["p"]})" : "}}";
    std::string all = convert(R"({"type":"object","properties":{"p":)"
        + schema + "}}", openapi ? SchemaDialect::openapi
                                 : SchemaDialect::json_schema, true);

    EXPECT_EQ(all.substr(0, before.size()), before);

    return all.substr(before.size(),
        all.size() - before.size() - after.size());
}

std::string strict_property(const std::string &schema)
{
    return property(schema, true);
}

TEST(JsonSchema, PassesWhatNeedsNoChangeButForSpace)
{
    const std::string schema = R"({"description":"d","type":"object",)"
        R"("properties":{"a":{"type":"string","enum":["x","y"]},)"
        R"("b":{"anyOf":[{"type":"integer"},{"type":"null"}]},)"
        R"("c":{"type":"array","items":{"$ref":"#/$defs/C"}}},)"
        R"("required":["a"],"additionalProperties":false,)"
        R"("$defs":{"C":{"type":["number","null"],"minimum":1}}})";
    std::string spaced;

    for (char c : schema) {
        spaced += c;
        spaced += c == ',' || c == ':' ? " " : "";
    }

    EXPECT_EQ(kept(schema), schema);
    EXPECT_EQ(kept(spaced), schema);
}

TEST(JsonSchema, SaysNothingOfAnObjectWithoutAnythingInIt)
{
    for (const char *schema : {"{}", R"({"type":"object"})",
             R"({"type":"object","properties":{}})",
             R"({"type":"object","properties":{},"required":[],
                "additionalProperties":false,"$schema":"x"})",
             R"({"type":"string"})", R"({"type":["array","null"]})",
             R"({"$ref":"#/nowhere"})", R"({"type":"null"})"})
    {
        EXPECT_EQ(kept(schema), "") << schema;
        EXPECT_EQ(strict(schema), "") << schema;
    }
}

TEST(JsonSchema, AlwaysDescribesParametersAsAnObject)
{
    EXPECT_EQ(kept(R"({"properties":{"a":{}}})"),
        R"({"type":"object","properties":{"a":{}}})");
    EXPECT_EQ(kept(R"({"type":["object","null"],"properties":{"a":{}}})"),
        R"({"type":"object","properties":{"a":{}}})");
}

TEST(JsonSchema, LeadsEveryReferenceIntoTheDefinitions)
{
    EXPECT_EQ(kept(R"({"$ref":"#/definitions/A","definitions":{"A":
        {"type":"object","properties":{"next":{"$ref":"#/definitions/A",
        "description":"d"},"b":{"$ref":"#/definitions/b~1c%20d"}}},
        "b/c d":{"type":"string"}}})"),
        R"({"type":"object","properties":{"next":{"$ref":"#/$defs/A"},)"
        R"("b":{"$ref":"#/$defs/b_1c_20d"}},"$defs":{"A":)"
        R"({"type":"object","properties":{"next":{"$ref":"#/$defs/A"},)"
        R"("b":{"$ref":"#/$defs/b_1c_20d"}}},"b_1c_20d":)"
        R"({"type":"string"}}})");
    EXPECT_EQ(kept(R"({"type":"object","properties":{"a":{"type":"string"},
        "b":{"$ref":"#/properties/a"},"c":{"$ref":"http://x/y"}}})"),
        R"({"type":"object","properties":{"a":{"type":"string"},)"
        R"("b":{"$ref":"#/$defs/a"},"c":{}},)"
        R"("$defs":{"a":{"type":"string"}}})");
}

TEST(JsonSchema, KnowsNamesOfPropertiesFromKeywords)
{
    const char *schema = R"({"type":"object","properties":{)"
        R"("type":{"type":"string"},"$ref":{"type":"string"},)"
        R"("properties":{"type":"object","properties":)"
        R"({"title":{"type":"number"}}},"not":{"type":"string"}},)"
        R"("required":["type","$ref"]})";

    EXPECT_EQ(kept(schema), schema);
    EXPECT_EQ(strict(schema), R"({"type":"OBJECT","properties":{)"
        R"("type":{"type":"STRING"},"$ref":{"type":"STRING"},)"
        R"("properties":{"type":"OBJECT","properties":)"
        R"({"title":{"type":"NUMBER"}},"propertyOrdering":["title"]},)"
        R"("not":{"type":"STRING"}},"required":["type","$ref"],)"
        R"("propertyOrdering":["type","$ref","properties","not"]})");
}

TEST(JsonSchema, CleansWhatUpstreamStumblesOver)
{
    struct Case {
        const char *given;
        const char *expected;
    };

    for (const Case &c : {
             Case{R"({"const":"x"})", R"({"enum":["x"]})"},
             Case{R"({"const":5,"enum":[5,6]})", R"({"enum":[5]})"},
             Case{R"({"type":"string","enum":["a","",null]})",
                 R"({"type":["string","null"],"enum":["a"]})"},
             Case{R"({"enum":[1,"a",2.5]})", R"({"enum":[1,"a",2.5]})"},
             Case{R"({"type":"boolean","enum":[true]})",
                 R"({"description":"Allowed values: true.",)"
                 R"("type":"boolean"})"},
             Case{R"({"type":"STRING","nullable":true})",
                 R"({"type":["string","null"]})"},
             Case{R"({"type":"any","x-y":{"a":1},"not":{}})", "{}"},
             Case{R"({"type":"array","items":[{"type":"string"},{}]})",
                 R"({"type":"array","prefixItems":[{"type":"string"},{}]})"},
             Case{R"({"type":"array","items":true})", R"({"type":"array"})"},
             Case{R"({"type":"number","minimum":"1","maximum":2})",
                 R"({"type":"number","maximum":2})"},
             Case{R"({"type":"object","required":["a"]})",
                 R"({"type":"object"})"},
             Case{R"({"type":"object","properties":{"a":{},"b":false},
                "required":["a","a","b","c"]})",
                 R"({"type":"object","properties":{"a":{}},)"
                 R"("required":["a"]})"},
             Case{R"({"anyOf":[{"required":["a"]},{"required":["b"]}]})",
                 "{}"},
             Case{"true", "{}"}, Case{R"({"anyOf":[]})", "{}"},
             Case{R"({"type":"object","type":"string"})",
                 R"({"type":"string"})"},
             Case{R"({"title":"\ud800","description":3})",
                 "{\"title\":\"\xef\xbf\xbd\"}"}})
    {
        EXPECT_EQ(property(c.given), c.expected) << c.given;
    }
}

TEST(JsonSchema, MergesAllOf)
{
    EXPECT_EQ(kept(R"({"allOf":[{"properties":{"a":{"type":"string"}},
        "required":["a"]},{"$ref":"#/$defs/B"}],"type":"object",
        "$defs":{"B":{"properties":{"b":{"type":"integer"}},
        "required":["b"]}}})"),
        R"({"properties":{"a":{"type":"string"},"b":{"type":"integer"}},)"
        R"("required":["a","b"],"type":"object"})");
    EXPECT_EQ(property(R"({"allOf":[{"type":"string","title":"t"}],
        "title":"own","default":"a"})"),
        R"({"type":"string","title":"own","default":"a"})");
}

TEST(JsonSchema, EndsInCyclesAndExplosions)
{
    EXPECT_NE(kept(R"({"type":"object","properties":{"a":{"$ref":"#/$defs/A"}},
        "$defs":{"A":{"allOf":[{"$ref":"#/$defs/B"}]},
        "B":{"allOf":[{"$ref":"#/$defs/A"}],"title":"t"}}})"), "");
    EXPECT_EQ(property(R"({"$ref":"#/properties/p"})"), "{}");

    std::string bomb = R"({"type":"object","properties":{"x":
        {"$ref":"#/$defs/d0"}},"$defs":{)";

    for (int i = 0; i < 30; ++i) {
        std::string next = std::to_string(i + 1);
        bomb += "\"d" + std::to_string(i) + R"(":{"type":"object",
            "allOf":[{"$ref":"#/$defs/d)" + next + R"("},{"$ref":"#/$defs/d)"
            + next + R"("}],"properties":{"a":{"$ref":"#/$defs/d)" + next
            + R"("},"b":{"$ref":"#/$defs/d)" + next + "\"}}},";
    }

    bomb += R"("d30":{"type":"string"}}})";

    EXPECT_LT(kept(bomb).size(), std::size_t{1} << 20);
    EXPECT_LT(strict(bomb).size(), std::size_t{8} << 20);
}

TEST(JsonSchema, InAnAnswerMayHaveAnyRoot)
{
    auto answer = [](const char *schema, SchemaDialect dialect) {
        return convert(schema, dialect, false);
    };

    EXPECT_EQ(answer(R"({"type":"string"})", SchemaDialect::json_schema),
        R"({"type":"string"})");
    EXPECT_EQ(answer("{}", SchemaDialect::json_schema), "");
    EXPECT_EQ(answer(R"({"type":"array","items":{"type":"string"}})",
        SchemaDialect::openapi),
        R"({"type":"ARRAY","items":{"type":"STRING"}})");
}

TEST(OpenApiSchema, ConvertsByTheTable)
{
    struct Case {
        const char *given;
        const char *expected;
    };

    for (const Case &c : {
             Case{R"({"type":["string","null"]})",
                 R"({"type":"STRING","nullable":true})"},
             Case{R"({"type":["string","integer"],"description":"d"})",
                 R"({"description":"d","anyOf":[{"type":"STRING"},)"
                 R"({"type":"INTEGER"}]})"},
             Case{R"({"anyOf":[{"type":"integer"},{"type":"null"}],
                "description":"d"})",
                 R"({"type":"INTEGER","description":"d","nullable":true})"},
             Case{R"({"oneOf":[{"type":"string"},{"type":"number"}],
                "title":"t","default":1})",
                 R"({"anyOf":[{"type":"STRING"},{"type":"NUMBER"}]})"},
             Case{R"({"const":"x"})",
                 R"({"type":"STRING","format":"enum","enum":["x"]})"},
             Case{R"({"type":"integer","enum":[1,2],"description":"d."})",
                 R"({"type":"INTEGER",)"
                 R"("description":"d. Allowed values: 1, 2."})"},
             Case{R"({"enum":[true,false]})", R"({"type":"BOOLEAN",)"
                 R"("description":"Allowed values: true, false."})"},
             Case{R"({"enum":["a","",null]})", R"({"type":"STRING",)"
                 R"("nullable":true,"format":"enum","enum":["a"]})"},
             Case{R"({"type":"array"})",
                 R"({"type":"ARRAY","items":{"type":"STRING"}})"},
             Case{R"({"items":[{"type":"string"},{"type":"number"}]})",
                 R"({"type":"ARRAY","items":{"anyOf":[{"type":"STRING"},)"
                 R"({"type":"NUMBER"}]}})"},
             Case{R"({"prefixItems":[{"type":"number"}],"minItems":1.0})",
                 R"({"type":"ARRAY","minItems":1,)"
                 R"("items":{"type":"NUMBER"}})"},
             Case{R"({"type":"string","format":"uri","pattern":"^a",
                "minLength":"1","maxLength":5,"$comment":"c"})",
                 R"({"type":"STRING","maxLength":5,"pattern":"^a"})"},
             Case{R"({"type":"string","format":"date-time"})",
                 R"({"type":"STRING","format":"date-time"})"},
             Case{R"({"type":"number","format":"int32","minimum":0.5,
                "exclusiveMaximum":3})",
                 R"({"type":"NUMBER","minimum":0.5})"},
             Case{R"({"type":"object","properties":{},
                "additionalProperties":false})", R"({"type":"OBJECT"})"},
             Case{R"({"properties":{"a":{}}})", R"({"type":"OBJECT",)"
                 R"("properties":{"a":{"type":"STRING"}},)"
                 R"("propertyOrdering":["a"]})"},
             Case{R"({"type":"null"})",
                 R"({"type":"STRING","nullable":true})"},
             Case{R"({"$ref":"#/properties/p"})", R"({"type":"STRING"})"},
             Case{"true", R"({"type":"STRING"})"}})
    {
        EXPECT_EQ(strict_property(c.given), c.expected) << c.given;
    }
}

TEST(OpenApiSchema, InlinesReferencesAndCutsCycles)
{
    EXPECT_EQ(strict(R"({"type":"object","properties":{"head":
        {"$ref":"#/$defs/N","description":"here"}},"$defs":{"N":
        {"type":"object","description":"N","properties":{"v":
        {"type":"string"},"next":{"anyOf":[{"$ref":"#/$defs/N"},
        {"type":"null"}]}}}}})"),
        R"({"type":"OBJECT","properties":{"head":{"type":"OBJECT",)"
        R"("description":"here","properties":{"v":{"type":"STRING"},)"
        R"("next":{"type":"OBJECT"}},"propertyOrdering":["v","next"]}},)"
        R"("propertyOrdering":["head"]})");
}

}

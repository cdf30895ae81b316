// JSON Schemas as clients write them -> the two forms upstream takes.
// Source: reference/chat-request.md section 8.
#pragma once

#include "core/base/arena.hpp"
#include "core/json/value.hpp"

#include <cstddef>
#include <cstdint>

namespace gw::translate {

/// The longest schema that is taken, in bytes. What converting one costs is
/// bounded by this and by the constants of schema_parts.hpp.
constexpr std::size_t max_schema = 256 * 1024;

enum class SchemaDialect : std::uint8_t {
    /// parametersJsonSchema, responseJsonSchema: JSON Schema itself, references
    /// kept, without the values upstream stumbles over.
    json_schema,
    /// parameters, responseSchema: the subset of OpenAPI 3.0, an unknown
    /// keyword in which fails the whole request. References are inlined.
    openapi
};

/// What a function takes. Absent: nothing is said about it, since the schema
/// is not one of an object, or of an object without anything in it. `schema`
/// is a slice of a checked document; the outcome lives in the arena.
json::Raw parameters_schema(const json::Raw &schema, SchemaDialect dialect,
    Arena &arena);

/// What an answer looks like. Absent: the schema says nothing.
json::Raw response_schema(const json::Raw &schema, SchemaDialect dialect,
    Arena &arena);

}

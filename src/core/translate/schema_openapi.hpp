// The dialect of schema.hpp that is a subset of OpenAPI 3.0.
#pragma once

#include "core/base/output.hpp"
#include "core/translate/schema_parts.hpp"

namespace gw::translate {

/// The schema of root, a node of the document, with every reference inlined.
/// Cycles and what exceeds the bounds end in a bare object. parameters: the
/// root must be an object with properties, or "{}" is written.
void write_openapi_schema(SchemaParts &parts, const json::Node &root,
    bool parameters, StringOutput &out);

}

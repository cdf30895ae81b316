"""What Google refuses of tools, toolConfig and schemas."""

import re

from errors import Refusal, argument

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
NAME_RULE = ("Invalid function name. Must start with a letter or an underscore. Must be"
             " alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes"
             " (-), with a maximum length of 64.")
FORMATS = {"STRING": ("enum", "date-time"), "NUMBER": ("float", "double"),
           "INTEGER": ("int32", "int64")}
TOO_DEEP = 32


def check(request, model, family):
    tools = request.get("tools", [])
    if tools and not family.tools:
        raise Refusal(400, f"Function calling is not enabled for models/{model.id}")
    names, builtin = [], []
    for i, tool in enumerate(tools):
        where = f"GenerateContentRequest.tools[{i}]"
        kinds = [name for name in tool if tool[name] or name != "functionDeclarations"]
        if not kinds:
            raise argument(where + ".tool_type",
                           "required one_of 'tool_type' must have one initialized field")
        if len(kinds) > 1 and not family.tools_with_builtin:
            raise argument(where, "one_of 'tool_type' has more than one initialized field: "
                           + ", ".join(kinds))
        builtin += [kind for kind in kinds if kind != "functionDeclarations"]
        for j, declaration in enumerate(tool.get("functionDeclarations", [])):
            check_declaration(declaration, f"{where}.function_declarations[{j}]")
            if declaration["name"] in names:
                raise Refusal(400, f"Duplicate function declaration found: {declaration['name']}")
            names.append(declaration["name"])
    check_config(request.get("toolConfig", {}), names)
    check_combination(request, family, names, builtin)


def check_combination(request, family, names, builtin):
    """Functions, built-in tools and JSON beside each other."""
    config = request.get("toolConfig", {})
    if names and builtin:
        if not family.tools_with_builtin:
            raise Refusal(400, "Tool use with function calling is unsupported")
        if not config.get("includeServerSideToolInvocations"):
            raise Refusal(400, "Please enable tool_config.include_server_side_tool_invocations to"
                          " use Built-in tools with Function calling.")
        if config.get("functionCallingConfig", {}).get("mode") != "VALIDATED":
            raise Refusal(400, "Built-in tools with Function calling need function calling mode"
                          " VALIDATED.")
    mime = request.get("generationConfig", {}).get("responseMimeType") or "text/plain"
    if mime != "text/plain" and not family.tools_with_json:
        if names:
            raise Refusal(400, f"Function calling with a response mime type: '{mime}' is"
                          " unsupported")
        if builtin:
            raise Refusal(400, f"Tool use with a response mime type: '{mime}' is unsupported")


def check_config(config, names):
    calling = config.get("functionCallingConfig")
    if calling is None:
        return
    where = "GenerateContentRequest.tool_config.function_calling_config"
    if not names:
        raise Refusal(400, "Function calling config is set without function_declarations.")
    if calling.get("streamFunctionCallArguments"):
        raise Refusal(400, "stream_function_call_arguments is not supported in Gemini API.")
    allowed = calling.get("allowedFunctionNames")
    if not allowed:
        return
    if calling.get("mode", "AUTO") not in ("ANY", "VALIDATED"):
        raise argument(where + ".allowed_function_names",
                       "allowed_function_names is only supported with mode ANY or VALIDATED")
    if not set(allowed) <= set(names):
        raise argument(where + ".allowed_function_names",
                       "allowed_function_names should be a subset of function declarations")


def check_declaration(declaration, where):
    if not NAME.fullmatch(declaration.get("name", "")):
        raise argument(where + ".name", NAME_RULE)
    for name, twin in (("parameters", "parametersJsonSchema"),
                       ("response", "responseJsonSchema")):
        if name in declaration and twin in declaration:
            raise argument(where, f"only one of {name} and {name}_json_schema may be set.")
        if name in declaration:
            schema = declaration[name]
            if name == "parameters" and schema.get("type") != "OBJECT":
                raise argument(f"{where}.{name}",
                               "functionDeclaration parameters schema should be of type OBJECT.")
            if schema.get("type") == "OBJECT" and not schema.get("properties"):
                raise argument(f"{where}.{name}.properties",
                               "should be non-empty for OBJECT type")
            check_schema(schema, f"{where}.{name}")
        if twin in declaration:
            schema = declaration[twin]
            at = f"{where}.{name}_json_schema"
            check_json_schema(schema, at)
            if name == "parameters" and schema.get("type", "object") != "object":
                raise argument(at,
                               "functionDeclaration parameters schema should be of type OBJECT.")


def check_schema(schema, where, depth=0):
    """Gemini's own dialect; unknown keywords were refused before, as unknown names."""
    if depth > TOO_DEEP:
        raise argument(where, "schema exceeds maximum allowed nesting depth")
    kind = schema.get("type", "TYPE_UNSPECIFIED")
    if kind == "TYPE_UNSPECIFIED" and not schema.get("anyOf"):
        raise argument(where + ".type", "must be specified")
    if "enum" in schema:
        if kind not in ("STRING", "TYPE_UNSPECIFIED"):
            raise argument(where + ".enum", "only allowed for STRING type")
        for i, value in enumerate(schema["enum"]):
            if value == "":
                raise argument(f"{where}.enum[{i}]", "cannot be empty")
    form = schema.get("format")
    if form and kind in FORMATS and form not in FORMATS[kind]:
        allowed = " and ".join(f"'{name}'" for name in FORMATS[kind])
        raise argument(where + ".format", f"only {allowed} are supported for {kind} type")
    if kind == "ARRAY" and "items" not in schema:
        raise argument(where + ".items", "missing field.")
    if "properties" in schema and kind != "OBJECT":
        raise argument(where + ".properties", "only allowed for OBJECT type")
    properties = schema.get("properties", {})
    if schema.get("properties") == {}:
        raise argument(where + ".properties", "should be non-empty for OBJECT type")
    for name in ("required", "propertyOrdering"):
        for i, wanted in enumerate(schema.get(name, [])):
            if wanted not in properties:
                raise argument(f"{where}.{name}[{i}]", "property is not defined")
    for name, inner in properties.items():
        check_schema(inner, f"{where}.properties[{name}]", depth + 1)
    if "items" in schema:
        check_schema(schema["items"], where + ".items", depth + 1)
    for i, inner in enumerate(schema.get("anyOf", [])):
        check_schema(inner, f"{where}.any_of[{i}]", depth + 1)


def check_json_schema(schema, where):
    """JSON Schema: unknown keywords pass; shapes and references must hold."""
    if not isinstance(schema, dict):
        raise argument(where, "schema must be an object")
    check_node(schema, schema, where, 0)


def check_node(node, root, where, depth):
    if isinstance(node, bool):
        return
    if not isinstance(node, dict):
        raise argument(where, "schema must be an object")
    if depth > TOO_DEEP:
        raise argument(where, "schema exceeds maximum allowed nesting depth")
    if "$ref" in node:
        others = [name for name in node if not name.startswith("$")]
        if others:
            raise argument(where, "a schema with $ref must not have other fields: "
                           + ", ".join(others))
        if find(root, node["$ref"]) is None:
            raise argument(where + ".$ref", f"reference {node['$ref']!r} not found")
    kinds = node.get("type", [])
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if not isinstance(kind, str) or kind.lower() not in (
                "string", "number", "integer", "boolean", "array", "object", "null"):
            raise argument(where + ".type", f"unknown type {kind!r}")
    for i, value in enumerate(node.get("enum", [])):
        if value == "":
            raise argument(f"{where}.enum[{i}]", "cannot be empty")
        if isinstance(value, (bool, dict, list)):
            raise argument(f"{where}.enum[{i}]", "only strings and numbers are supported")
    if not isinstance(node.get("required", []), list):
        raise argument(where + ".required", "must be an array")
    for name in ("properties", "$defs"):
        inner = node.get(name, {})
        if not isinstance(inner, dict):
            raise argument(f"{where}.{name}", "must be an object")
        for key, value in inner.items():
            check_node(value, root, f"{where}.{name}[{key}]", depth + 1)
    for name in ("items", "additionalProperties"):
        if name in node and not isinstance(node[name], list):
            check_node(node[name], root, f"{where}.{name}", depth + 1)
    for name in ("anyOf", "oneOf", "prefixItems"):
        for i, value in enumerate(node.get(name, [])):
            check_node(value, root, f"{where}.{name}[{i}]", depth + 1)


def find(root, reference):
    """What a local reference points to, or None."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].strip("/").split("/") if reference != "#" else []:
        step = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    return found

"""Checks JSON values against the two published contracts.

    contract.py SCHEMA_FOLDER FILE

Each line of FILE is {"name", "openai" or "gemini": TYPE, "value"}: an answer
by a schema of OpenAI's API description, or a request upstream by a message of
Google's protobuf descriptor, which is as strict about names as the real API.
Prints "ok NAME" or "not ok NAME: why" for each distinct name, then "end".
"""

import json
import pathlib
import sys

import jsonschema

PACKAGE = "google.ai.generativelanguage.v1beta"
ANYTHING = {"google.protobuf." + name
            for name in ("Struct", "Value", "ListValue", "Any")}
TEXTS = {"string", "bytes", "google.protobuf.Duration",
         "google.protobuf.Timestamp", "google.protobuf.FieldMask"}
INTEGERS = {prefix + "int" + size for prefix in ("", "u", "s")
            for size in ("32", "64")}
NUMBERS = {"float", "double"}
# Google's own examples write these values in lower case.
EITHER_CASE = {"ThinkingLevel"}


def with_nulls(schema):
    """OpenAPI 3.0's "nullable", which the description still uses."""
    if isinstance(schema, list):
        return [with_nulls(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: with_nulls(each) for name, each in schema.items()}
    if made.pop("nullable", None) is True:
        return {"anyOf": [made, {"type": "null"}]}
    return made


class OpenAI:
    def __init__(self, document):
        self.components = with_nulls(document["components"])
        self.validators = {}

    def problem(self, schema, value):
        if schema not in self.validators:
            self.validators[schema] = jsonschema.Draft202012Validator({
                "$ref": f"#/components/schemas/{schema}",
                "components": self.components})
        error = jsonschema.exceptions.best_match(
            self.validators[schema].iter_errors(value))
        return error and f"{error.json_path}: {error.message[:300]}"


class Gemini:
    def __init__(self, document):
        self.root = document

    def find(self, path):
        node = self.root
        for name in path:
            node = node.get("nested", {}).get(name)
            if node is None:
                return None
        return node

    def resolve(self, name, scope):
        """(definition, its path) of a type named in a scope, inside out."""
        path = name.split(".")
        for size in range(len(scope), -1, -1):
            found = self.find(scope[:size] + path)
            if found is not None:
                return found, scope[:size] + path
        raise KeyError(name)

    def problem(self, message, value):
        return self.message(message, value, PACKAGE.split("."), "$")

    def message(self, name, value, scope, at):
        if name in ANYTHING:
            return None
        if name in TEXTS:
            return None if isinstance(value, str) else f"{at}: not a string"
        if name == "bool":
            return None if isinstance(value, bool) else f"{at}: not a bool"
        if name in INTEGERS | NUMBERS:
            return self.number(name, value, at)
        definition, path = self.resolve(name, scope)
        if "values" in definition:
            given = str(value).upper() if path[-1] in EITHER_CASE else value
            return None if given in definition["values"] \
                else f"{at}: {value!r} is no {name}"
        if not isinstance(value, dict):
            return f"{at}: not an object"
        for field, each in value.items():
            known = definition["fields"].get(field)
            if known is None:
                return f"{at}: Unknown name \"{field}\""
            problem = self.field(known, each, path, f"{at}.{field}")
            if problem:
                return problem
        for group in definition.get("oneofs", {}).values():
            given = [field for field in group["oneof"] if field in value]
            if len(given) > 1:
                return f"{at}: {given} exclude each other"
        return None

    @staticmethod
    def number(name, value, at):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return f"{at}: not a number"
        if name in INTEGERS and value != int(value):
            return f"{at}: not an integer"
        return None

    def field(self, known, value, scope, at):
        if "keyType" in known:
            if not isinstance(value, dict):
                return f"{at}: not a map"
            items = [(f"{at}.{name}", each) for name, each in value.items()]
        elif known.get("rule") == "repeated":
            if not isinstance(value, list):
                return f"{at}: not a list"
            items = [(f"{at}[{i}]", each) for i, each in enumerate(value)]
        else:
            items = [(at, value)]
        for where, each in items:
            problem = self.message(known["type"], each, scope, where)
            if problem:
                return problem
        return None


def main(folder, file):
    def load(name):
        return json.loads((pathlib.Path(folder) / name).read_text("utf-8"))

    openai = OpenAI(load("openai-api.json"))
    gemini = Gemini(load("generativelanguage-v1beta.json"))
    problems = {}
    for line in pathlib.Path(file).read_text("utf-8").splitlines():
        given = json.loads(line)
        found = openai.problem(given["openai"], given["value"]) \
            if "openai" in given \
            else gemini.problem(given["gemini"], given["value"])
        problems[given["name"]] = problems.get(given["name"]) or found
    for name, problem in problems.items():
        print(f"not ok {name}: {problem}" if problem else f"ok {name}")
    print("end")


main(*sys.argv[1:])

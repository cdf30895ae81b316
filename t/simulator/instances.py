"""Instances of a schema: arguments for a tool call, or an answer in JSON mode.

Both dialects come here: Gemini's own Schema (types in capitals, nullable) and JSON Schema ($ref,
const, prefixItems, type lists). The same schema and text always give the same instance.
"""

import hashlib
import re

WORDS = ("amber", "birch", "cobalt", "delta", "ember", "fjord", "garnet", "harbour")
FORMATS = {"date-time": "2026-11-21T10:30:00Z", "date": "2026-11-21", "time": "10:30:00Z",
           "duration": "PT1H30M", "email": "ada@example.com", "uri": "https://example.com/a",
           "uuid": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "ipv4": "192.0.2.7",
           "ipv6": "2001:db8::7", "hostname": "example.com"}
NAMES_OF_PLACES = ("city", "location", "place", "country", "destination", "origin", "name",
                   "person", "town")
NAMES_OF_TEXT = ("query", "text", "question", "prompt", "message", "input", "content", "search")
DEPTH = 24


def instance(schema, text="", path="$"):
    """A value that satisfies `schema`; `text` is what the user said, to pick words from."""
    return Maker(schema, text).make(schema, path, 0)


class Maker:
    def __init__(self, root, text):
        self.root = root
        self.text = text
        self.numbers = [float(found) if "." in found else int(found)
                        for found in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w])", text)]
        words = re.findall(r"[^\W\d_]{2,}", text)
        self.names = [word for word in words[1:] if word[0].isupper()] or words[-1:]

    def make(self, schema, path, depth):
        if not isinstance(schema, dict) or depth > DEPTH:
            return WORDS[0] if schema is not True else {}
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.choose(schema["enum"], path)
        for name in ("anyOf", "oneOf"):
            if schema.get(name):
                return self.make(self.branch(schema[name]), path, depth + 1)
        kind = self.kind(schema)
        if kind == "object":
            return self.make_object(schema, path, depth)
        if kind == "array":
            return self.make_array(schema, path, depth)
        if kind in ("integer", "number"):
            return self.make_number(schema, kind, path)
        if kind == "boolean":
            return self.seed(path) % 4 != 0
        if kind == "null":
            return None
        return self.make_string(schema, path)

    def resolve(self, schema):
        """Follows $ref and folds allOf in."""
        for _ in range(DEPTH):
            reference = schema.get("$ref", schema.get("ref"))
            if not isinstance(reference, str):
                break
            found = self.root
            for step in reference.lstrip("#").strip("/").split("/"):
                step = step.replace("~1", "/").replace("~0", "~")
                if step and isinstance(found, dict):
                    found = found.get(step)
            if not isinstance(found, dict):
                return {"type": "string"}
            schema = {**found, **{k: v for k, v in schema.items() if k != "$ref"}}
            if found.get("$ref"):
                schema["$ref"] = found["$ref"]
        for member in schema.get("allOf", []):
            member = self.resolve(member)
            merged = {**member, **{k: v for k, v in schema.items() if k != "allOf"}}
            if "properties" in member or "properties" in schema:
                merged["properties"] = {**member.get("properties", {}),
                                        **schema.get("properties", {})}
            merged["required"] = list(member.get("required", [])) + [
                name for name in schema.get("required", [])
                if name not in member.get("required", [])]
            schema = merged
        return schema

    def branch(self, options):
        """The first alternative that is more than null."""
        for option in options:
            if self.kind(self.resolve(option)) != "null":
                return option
        return options[0]

    @staticmethod
    def kind(schema):
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((name for name in kind if name != "null"), "null")
        if isinstance(kind, str):
            return kind.lower()
        if "properties" in schema or "additionalProperties" in schema:
            return "object"
        return "array" if "items" in schema or "prefixItems" in schema else "string"

    def seed(self, path):
        digest = hashlib.sha256((path + "\0" + self.text).encode("utf-8", "replace")).digest()
        return int.from_bytes(digest[:4], "big")

    def choose(self, values, path):
        """A value the user named, or any."""
        said = self.text.lower()
        for value in values:
            if isinstance(value, str) and value and value.lower() in said:
                return value
        return values[self.seed(path) % len(values)]

    def make_object(self, schema, path, depth):
        properties = schema.get("properties") or {}
        required = schema.get("required") or []
        order = [name for name in schema.get("propertyOrdering") or [] if name in properties]
        order += [name for name in properties if name not in order]
        found = {}
        for name in order:
            wanted = name in required or (depth < 3 and self.seed(path + "?" + name) % 3 != 0)
            if wanted:
                found[name] = self.make(properties[name], f"{path}.{name}", depth + 1)
        for name in required:
            if name not in found:
                found[name] = WORDS[self.seed(path + name) % len(WORDS)]
        extra = schema.get("additionalProperties")
        if not properties and isinstance(extra, dict):
            found[WORDS[0]] = self.make(extra, path + ".*", depth + 1)
        return found

    def make_array(self, schema, path, depth):
        fixed = schema.get("prefixItems") or []
        found = [self.make(item, f"{path}[{i}]", depth + 1) for i, item in enumerate(fixed)]
        least = int(schema.get("minItems", 0))
        most = int(schema["maxItems"]) if "maxItems" in schema else max(least, len(fixed), 2)
        items = schema.get("items")
        if isinstance(items, dict):
            while len(found) < max(least, min(most, 2)):
                found.append(self.make(items, f"{path}[{len(found)}]", depth + 1))
        return found[:most] if len(found) > most else found

    def make_number(self, schema, kind, path):
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        step = schema.get("multipleOf", 1)
        low = float(low) if low is not None else (0.0 if high is None else float(high) - 10)
        high = float(high) if high is not None else low + 100
        if "exclusiveMinimum" in schema and "minimum" not in schema:
            low += 1 if kind == "integer" else (high - low) / 8
        if "exclusiveMaximum" in schema and "maximum" not in schema:
            high -= 1 if kind == "integer" else (high - low) / 8
        for number in self.numbers:
            fits = kind == "number" or isinstance(number, int)
            if fits and low <= number <= high and number % step == 0:
                return number
        if kind == "integer":
            first = -int(-low // 1)
            value = first + self.seed(path) % max(1, min(100, int(high) - first + 1))
            return value - value % int(step) if step >= 1 and value - value % int(step) >= low \
                else value
        return round(low + (high - low) * 0.375, 3)

    def make_string(self, schema, path):
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        name = path.rsplit(".", 1)[-1].split("[")[0].lower()
        if schema.get("pattern"):
            found = of_pattern(schema["pattern"])
            if found is not None:
                return found
        if any(word in name for word in NAMES_OF_TEXT) and self.text:
            value = self.text
        elif any(word in name for word in NAMES_OF_PLACES) and self.names:
            value = self.names[self.seed(path) % len(self.names)]
        else:
            value = WORDS[self.seed(path) % len(WORDS)]
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        while len(value) < least:
            value += " " + WORDS[len(value) % len(WORDS)]
        return value[:int(most)] if most is not None else value


def of_pattern(pattern):
    """A string for the simple patterns people write: alternatives, classes, counts."""
    plain = pattern.removeprefix("^").removesuffix("$")
    first = plain.split("|")[0] if "(" not in plain else plain
    made, at = "", 0
    token = re.compile(r"(\\d|\\w|\[[^\]]+\]|\\.|[^\\\[\](){}|*+?.^$])"
                       r"(\{(\d+)(,\d*)?\}|[+*?])?")
    while at < len(first):
        found = token.match(first, at)
        if found is None:
            return None
        unit, repeat, count = found.group(1), found.group(2), found.group(3)
        if unit in ("\\d", "\\w"):
            char = "7"
        elif unit.startswith("["):
            char = unit[1] if unit[1] not in "^\\" else "7"
        else:
            char = unit[-1]
        made += char * (int(count) if count else 0 if repeat in ("*", "?") else 1)
        at = found.end()
    try:
        return made if re.search(pattern, made) else None
    except re.error:
        return None

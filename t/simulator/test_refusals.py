"""What is refused, and for which family: the validators by themselves."""

import copy
import json
import unittest

import faults
import instances
import schema
import signatures
import validate
from errors import Refusal
from families import Catalogue

CATALOGUE = Catalogue(["gemini-2.0-flash"])
USER = {"role": "user", "parts": [{"text": "hi"}]}
MODEL = {"role": "model", "parts": [{"text": "yes"}]}
FUNCTION = {"name": "f"}
SEARCH = {"googleSearch": {}}


def call(name="f", signed="3", **more):
    part = {"functionCall": {"name": name, "args": {}, **more}}
    if signed:
        part["thoughtSignature"] = signatures.issue(signed, name)
    return part


def result(name="f", **more):
    return {"functionResponse": {"name": name, "response": {"output": "1"}, **more}}


def turn(*parts, role="user"):
    return {"role": role, "parts": list(parts)}


def why(request, model="gemini-3.8-flash", method="generateContent"):
    """The message of the refusal, or None."""
    request = copy.deepcopy(request)
    request.setdefault("contents", [USER])
    try:
        validate.check(method, CATALOGUE.find(model), request, {})
    except Refusal as refusal:
        assert refusal.code == 400 and json.loads(refusal.body()[1])
        return refusal.message
    return None


def config(**fields):
    return {"generationConfig": fields}


class RefusalTest(unittest.TestCase):
    def check(self, cases):
        for request, model, wanted in cases:
            found = why(request, model)
            with self.subTest(request=str(request)[:200], model=model):
                if wanted is None:
                    self.assertIsNone(found)
                else:
                    self.assertIn(wanted, found or "accepted")

    def test_names_and_types(self):
        new = "gemini-3.8-flash"
        self.check([
            ({"foo": 1}, new, 'Unknown name "foo": Cannot find field.'),
            (config(max_tokens=1), new, "Unknown name \"max_tokens\" at 'generation_config'"),
            (config(max_output_tokens=100), new, None),
            (config(maxOutputTokens="100"), new, None),
            (config(maxOutputTokens=1.5), new, "(TYPE_INT32), 1.5"),
            (config(seed=2 ** 31), new, "'generation_config.seed' (TYPE_INT32)"),
            (config(temperature="hot"), new, '(TYPE_FLOAT), "hot"'),
            (config(temperature=None), new, None),
            ({"contents": [{"parts": [{"text": 7}]}]}, new,
             "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 7"),
            ({"contents": [{"parts": [{"text": "a", "functionCall": {"name": "f"}}]}]}, new,
             "oneof field 'data' is already set"),
            ({"contents": [{"parts": {"text": "a"}}]}, new, None),
            ({"systemInstruction": [{"parts": [{"text": "a"}]}]}, new, "cannot start list"),
            ({"systemInstruction": "terse"}, new, "Invalid value at 'system_instruction'"),
            ({"contents": [turn({"inlineData": {"mimeType": "image/png", "data": "!"}})]}, new,
             "Base64 decoding failed"),
            ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, new,
             "FunctionCallingConfig.Mode), \"SOME\""),
        ])

    def test_contents(self):
        new = "gemini-3.8-flash"
        gif = {"inlineData": {"mimeType": "image/gif", "data": "QUJD"}}
        self.check([
            ({"contents": []}, new, "contents is not specified"),
            ({"contents": [{"role": "user", "parts": []}]}, new, "must not be empty"),
            ({"contents": [turn({})]}, new, "required oneof field 'data'"),
            ({"contents": [turn({"text": ""})]}, new, "required oneof field 'data'"),
            ({"contents": [turn({"text": "a"}, {"text": ""})]}, new, None),
            ({"contents": [turn({"text": "a"}, role="system")]}, new, "valid role"),
            ({"contents": [MODEL, USER]}, new, "begin with a user turn"),
            ({"contents": [USER, MODEL]}, new, "ending with a model turn"),
            ({"contents": [USER, MODEL]}, "gemini-3-flash-preview", None),
            ({"contents": [USER, USER]}, new, None),
            ({"contents": [turn(gif)]}, new, "Unsupported MIME type: image/gif"),
            ({"contents": [turn({"fileData": {"fileUri": "http://a/b.png"}})]}, new, "fetch"),
            ({"contents": [turn({"fileData": {"fileUri": "https://a/b.png"}})]}, new, None),
            ({"systemInstruction": {"parts": [{"text": "a"}]}}, "gemma-3-27b-it",
             "Developer instruction is not enabled"),
        ])

    def test_function_turns(self):
        new = "gemini-3.8-flash"
        two = turn(call(), call("g", None), role="model")

        def asked(*contents):
            return {"contents": [USER, *contents]}

        self.check([
            (asked(turn(call(), role="model"), turn(result())), new, None),
            (asked(two, turn(result(), result("g"))), new, None),
            (asked(two, turn(result())), new, "number of function response parts"),
            (asked(two, turn(result("g"), result())), new, "does not match"),
            (asked(turn(call(id="1"), role="model"), turn(result(id="2"))), new, "id of function"),
            (asked(turn(call(id="1"), role="model"), turn(result())), new, "id of function"),
            (asked(turn(result())), new, "immediately after a function call turn"),
            (asked(turn(call(), role="model"), USER), new, "function response turn"),
            (asked(MODEL, turn(call(), role="model"), turn(result())), new,
             "immediately after a user turn"),
            (asked(turn(call(signed=None), role="model"), turn(result())), new,
             "missing a thought_signature"),
            (asked(turn(call(signed=None), role="model"), turn(result())), "gemini-2.5-flash",
             None),
            (asked(turn(call(signed=None), role="model"), turn(result()), USER), new, None),
            (asked(turn(call(signed="2.5"), role="model"), turn(result())), new, "Corrupted"),
            (asked(turn(call(), role="model"), turn(result()), turn(call(signed=None),
                                                                   role="model"),
                   turn(result())), new, "position 2"),
        ])

    def test_generation_config(self):
        think = lambda **fields: config(thinkingConfig=fields)  # noqa: E731
        new, flash, pro = "gemini-3.8-flash", "gemini-2.5-flash", "gemini-2.5-pro"
        self.check([
            (think(thinkingLevel="low"), new, None),
            (think(thinkingLevel="minimal"), new, "Thinking level MINIMAL is not supported"),
            (think(thinkingLevel="LOW"), flash, "level is not supported"),
            (think(thinkingBudget=0), flash, None),
            (think(thinkingBudget=0), pro, "Budget 0 is invalid"),
            (think(thinkingBudget=-1), pro, None),
            (think(thinkingBudget=64), "gemini-2.5-flash-lite", "between 512 and 24576"),
            (think(thinkingBudget=100), "gemini-4-argon", "budget is not supported"),
            (think(thinkingBudget=1, thinkingLevel="LOW"), new, "only one of"),
            (think(includeThoughts=True), "gemini-2.0-flash", "Thinking is not enabled"),
            (config(candidateCount=2), new, "Multiple candidates"),
            (config(candidateCount=2), flash, None),
            (config(candidateCount=9), flash, "[1, 8]"),
            (config(presencePenalty=0), new, "Penalty is not enabled"),
            (config(presencePenalty=1.5), flash, None),
            (config(stopSequences=list("abcdef")), new, "value of 6"),
            (config(stopSequences=[]), new, "value of 0"),
            (config(maxOutputTokens=65537), new, "65537 (exclusive)"),
            (config(maxOutputTokens=40000), "gemini-4-neon", "without streaming"),
            (config(responseLogprobs=True), new, "Logprobs is not enabled"),
            (config(temperature=2.1), new, "range [0.0, 2.0]"),
            (config(responseMimeType="image/png"), new, "allowed mimetypes"),
            (config(responseJsonSchema={"type": "object"}), new, "needs a response mime"),
            (config(responseModalities=["IMAGE"]), new, "response modalities"),
            ({"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}]
              * 2}, new, "Duplicate"),
        ])

    def test_tools(self):
        new, old = "gemini-3.8-flash", "gemini-2.5-flash"

        def tools(*declarations, **more):
            return {"tools": [{"functionDeclarations": list(declarations)}], **more}

        def mode(**fields):
            return {"functionCallingConfig": fields}

        def parameters(**fields):
            return tools({"name": "f", "parameters": fields})

        json_mime = config(responseMimeType="application/json")
        self.check([
            (tools(FUNCTION), new, None),
            (tools(FUNCTION, FUNCTION), new, "Duplicate function declaration found: f"),
            (tools({"name": "1f"}), new, "Invalid function name"),
            (tools({"name": "f" * 65}), new, "maximum length of 64"),
            ({"tools": [{}]}, new, "'tool_type' must have one"),
            ({"tools": [{"functionDeclarations": [FUNCTION]}, SEARCH]}, old,
             "Tool use with function calling"),
            ({"tools": [{"functionDeclarations": [FUNCTION], **SEARCH}]}, old, "more than one"),
            ({"tools": [{"functionDeclarations": [FUNCTION]}, SEARCH]}, new, "Please enable"),
            ({"tools": [{"functionDeclarations": [FUNCTION]}, SEARCH], "toolConfig": {
                "includeServerSideToolInvocations": True, **mode(mode="VALIDATED")}}, new, None),
            (tools(FUNCTION, **json_mime), old, "Function calling with a response mime type"),
            (tools(FUNCTION, **json_mime), new, None),
            ({"tools": [SEARCH], **json_mime}, old, "Tool use with a response mime type"),
            ({"toolConfig": mode(mode="ANY")}, new, "without function_declarations"),
            (tools(FUNCTION, toolConfig=mode(mode="AUTO", allowedFunctionNames=["f"])), new,
             "only supported with mode"),
            (tools(FUNCTION, toolConfig=mode(mode="ANY", allowedFunctionNames=["g"])), new,
             "subset"),
            (tools(FUNCTION, toolConfig=mode(mode="ANY", allowedFunctionNames=["f"])), new, None),
            ({"cachedContent": "cachedContents/a", "systemInstruction": {
                "parts": [{"text": "a"}]}}, new, "CachedContent can not be used"),
            (parameters(type="object", additionalProperties=False), new,
             "Unknown name \"additionalProperties\""),
            (parameters(type="OBJECT", properties={}), new, "should be non-empty"),
            (parameters(type="OBJECT", properties={"a": {"type": "ARRAY"}}), new, "missing field"),
            (parameters(type="OBJECT", properties={"a": {"type": "STRING", "enum": [1]}}), new,
             "(TYPE_STRING), 1"),
            (parameters(type="OBJECT", properties={"a": {"type": "STRING", "format": "uri"}}),
             new, "only 'enum' and 'date-time'"),
            (parameters(type="OBJECT", properties={"a": {"type": "STRING"}}, required=["b"]),
             new, "property is not defined"),
            (tools({"name": "f", "parametersJsonSchema": {"type": "object", "properties": {}}}),
             new, None),
            (tools({"name": "f", "parametersJsonSchema": {
                "properties": {"a": {"$ref": "#/$defs/b"}}}}), new, "not found"),
            (tools({"name": "f", "parametersJsonSchema": {"type": "object"},
                    "parameters": {"type": "OBJECT"}}), new, "only one of"),
        ])

    def test_what_is_beyond_the_published_protos_is_noted(self):
        record = {}
        validate.check("generateContent", CATALOGUE.find("gemini-3.8-flash"),
                       {"contents": [USER], "serviceTier": "flex"}, record)
        self.assertEqual(record["beyond_published"], ["service_tier"])

    def test_a_name_twice_is_found(self):
        with self.assertRaises(Refusal):
            schema.check("Content", validate.parse_json(b'{"role": "user", "role": "model"}'))


class InstanceTest(unittest.TestCase):
    def test_instances_keep_to_their_schema(self):
        for given, fits in (
                ({"type": "STRING", "enum": ["red", "blue"]}, lambda v: v in ("red", "blue")),
                ({"const": 4}, lambda v: v == 4),
                ({"type": "integer", "minimum": 10, "maximum": 10}, lambda v: v == 10),
                ({"type": "integer", "exclusiveMinimum": 3, "maximum": 4}, lambda v: v == 4),
                ({"type": "number", "minimum": 0.5, "maximum": 1}, lambda v: 0.5 <= v <= 1),
                ({"type": "array", "items": {"type": "boolean"}, "minItems": 4},
                 lambda v: len(v) == 4 and all(isinstance(one, bool) for one in v)),
                ({"type": ["null", "string"], "maxLength": 3}, lambda v: len(v) <= 3),
                ({"type": "string", "minLength": 40}, lambda v: len(v) >= 40),
                ({"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}, lambda v: v == "AA-777"),
                ({"anyOf": [{"type": "null"}, {"type": "integer"}]},
                 lambda v: isinstance(v, int)),
                ({"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]},
                            {"properties": {"b": {"type": "string"}}, "required": ["b"]}]},
                 lambda v: set(v) == {"a", "b"}),
                ({"prefixItems": [{"type": "string"}, {"type": "integer"}], "type": "array"},
                 lambda v: isinstance(v[0], str) and isinstance(v[1], int))):
            value = instances.instance(given, "some text")
            with self.subTest(schema=given, value=value):
                self.assertTrue(fits(value))

    def test_cycles_end(self):
        value = instances.instance({"$ref": "#/$defs/n", "$defs": {"n": {
            "type": "object", "properties": {"next": {"$ref": "#/$defs/n"}},
            "required": ["next"]}}}, "x")
        self.assertIn("next", value)

    def test_delays_are_read_as_written(self):
        for text, expected in (("1h2m3.5s", 3723.5), ("250ms", 0.25), (7, 7.0), ("0s", 0.0)):
            self.assertEqual(faults.seconds(text, None), expected)
        with self.assertRaises(ValueError):
            faults.seconds("soon", None)


if __name__ == "__main__":
    unittest.main()

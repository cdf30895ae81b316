"""The program as a whole, over real sockets: what it answers, refuses and breaks as told.

Run with `python3 -m unittest discover -s t/simulator`.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = "gemini-3.8-flash"


class Running:
    """A simulator in a process of its own."""

    def __init__(self, *arguments):
        self.directory = tempfile.TemporaryDirectory()
        ready = os.path.join(self.directory.name, "ready.json")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "gemini-simulator"), "--quiet", "--control", "0",
             "--exit-with-parent", "--ready-file", ready, *arguments])
        deadline = time.monotonic() + 10
        while not os.path.exists(ready):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("the simulator did not start")
            time.sleep(0.02)
        with open(ready, encoding="utf-8") as file:
            ports = json.load(file)
        self.port, self.control_port = ports["port"], ports["control"]

    def control(self, method, path, document=None):
        client = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=10)
        body = None if document is None else json.dumps(document)
        client.request(method, path, body)
        answer = client.getresponse()
        found = json.loads(answer.read())
        client.close()
        return answer.status, found

    def call(self, method, path, document=None, headers=None, key="k"):
        """(status, body) of one request; errors of the transport pass to the caller."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        sent = {} if key is None else {"x-goog-api-key": key}
        sent.update(headers or {})
        body = document if document is None or isinstance(document, bytes) \
            else json.dumps(document)
        try:
            client.request(method, path, body, sent)
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def generate(self, document, model=MODEL, method="generateContent", **more):
        status, body = self.call("POST", f"/v1beta/models/{model}:{method}", document, **more)
        return status, json.loads(body)

    def stream(self, document, model=MODEL, **more):
        """(status, raw bytes, events)."""
        status, body = self.call(
            "POST", f"/v1beta/models/{model}:streamGenerateContent?alt=sse", document, **more)
        events = [json.loads(event[6:]) for event in body.split(b"\r\n\r\n")
                  if event.startswith(b"data: {")]
        return status, body, events

    def stop(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.directory.cleanup()
        return code


def said(text):
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def text_of(events):
    return "".join(part.get("text", "") for event in events
                   for entry in event.get("candidates", [])
                   for part in entry.get("content", {}).get("parts", [])
                   if not part.get("thought"))


TOOLS = [{"functionDeclarations": [{
    "name": "temp", "description": "temperature in a city", "parametersJsonSchema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]}]


class ApiTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.simulator = Running()

    @classmethod
    def tearDownClass(cls):
        assert cls.simulator.stop() == 0, "it does not end cleanly"

    def behave(self, key, *rules, **more):
        status, found = self.simulator.control(
            "PUT", "/keys/" + key, {"behaviours": list(rules), **more})
        self.assertEqual(status, 200, found)

    def test_streams_text_with_consistent_usage(self):
        status, body, events = self.simulator.stream(said("Tell me about herons"))
        self.assertEqual(status, 200)
        self.assertTrue(body.endswith(b"\r\n\r\n"))
        self.assertIn("herons", text_of(events))
        usage = events[-1]["usageMetadata"]
        self.assertEqual(usage["totalTokenCount"],
                         usage["promptTokenCount"] + usage["candidatesTokenCount"]
                         + usage["thoughtsTokenCount"])
        self.assertEqual(events[-1]["candidates"][0]["finishReason"], "STOP")
        self.assertEqual(len({event["responseId"] for event in events}), 1)

    def test_streams_an_array_without_alt(self):
        status, body = self.simulator.call(
            "POST", f"/v1beta/models/{MODEL}:streamGenerateContent", said("hi"))
        self.assertEqual(status, 200)
        self.assertGreater(len(json.loads(body)), 1)

    def test_echo_and_dictated_events_are_exact(self):
        text = "naïve 👩‍💻 \u2028 <a&b='\"> end "
        _, _, events = self.simulator.stream(said("#echo " + text))
        self.assertGreater(len(events), 2)
        self.assertEqual(text_of(events), text)
        script = [{"candidates": [{"finishReason": "SAFETY", "index": 0}]}, {"error": {"code": 1}}]
        _, _, events = self.simulator.stream(said("#simulate " + json.dumps({"events": script})))
        self.assertEqual(events, script)
        _, body, _ = self.simulator.stream(said('#simulate {"raw": "data:{}\\n\\n"}'))
        self.assertEqual(body, b"data:{}\n\n")

    def test_thoughts_only_when_asked(self):
        config = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
        for more, expected in (({}, False), (config, True)):
            _, _, events = self.simulator.stream({**said("hi"), **more})
            thought = any(part.get("thought") for event in events
                          for part in event["candidates"][0].get("content", {}).get("parts", []))
            self.assertEqual(thought, expected)

    def test_tool_round_trip_needs_its_signature(self):
        request = {**said("How warm is Oslo?"), "tools": TOOLS}
        status, reply = self.simulator.generate(request)
        self.assertEqual(status, 200)
        turn = reply["candidates"][0]["content"]
        call = turn["parts"][0]["functionCall"]
        self.assertEqual((call["name"], call["args"]), ("temp", {"city": "Oslo"}))
        result = {"role": "user", "parts": [{"functionResponse": {
            "id": call["id"], "name": "temp", "response": {"output": "4"}}}]}
        follow = {**request, "contents": request["contents"] + [turn, result]}
        status, reply = self.simulator.generate(follow)
        self.assertEqual(status, 200, reply)
        self.assertIn("4", reply["candidates"][0]["content"]["parts"][0]["text"])
        signature = turn["parts"][0]["thoughtSignature"]
        changed = ("B" if signature[20] == "A" else "A").join((signature[:20], signature[21:]))
        for given, wanted in ((None, "missing a thought_signature"), (changed, "Corrupted"),
                              ("QUJD", "not valid"),
                              ("skip_thought_signature_validator", None),
                              (signature.replace("+", "-").replace("/", "_"), None)):
            turn["parts"][0].pop("thoughtSignature", None)
            if given is not None:
                turn["parts"][0]["thoughtSignature"] = given
            status, reply = self.simulator.generate(follow)
            if wanted is None:
                self.assertEqual(status, 200, reply)
            else:
                self.assertEqual(status, 400)
                self.assertIn(wanted, reply["error"]["message"])

    def test_json_mode_gives_an_instance(self):
        schema = {"type": "object", "required": ["n", "tags", "kind"], "properties": {
            "n": {"type": "integer", "minimum": 5, "maximum": 7},
            "tags": {"type": "array", "items": {"type": "string"}, "minItems": 3},
            "kind": {"$ref": "#/$defs/kind"}}, "$defs": {"kind": {"enum": ["a", "b"]}}}
        status, reply = self.simulator.generate({**said("go"), "generationConfig": {
            "responseMimeType": "application/json", "responseJsonSchema": schema}})
        self.assertEqual(status, 200, reply)
        value = json.loads(reply["candidates"][0]["content"]["parts"][0]["text"])
        self.assertIn(value["n"], (5, 6, 7))
        self.assertEqual(len(value["tags"]), 3)
        self.assertIn(value["kind"], ("a", "b"))

    def test_limits_of_output(self):
        for config, finish in (({"maxOutputTokens": 8}, "MAX_TOKENS"),
                               ({"stopSequences": ["simulator"]}, "STOP")):
            _, reply = self.simulator.generate({**said("hello"), "generationConfig": config})
            entry = reply["candidates"][0]
            self.assertEqual(entry["finishReason"], finish)
            self.assertNotIn("simulator", entry["content"]["parts"][0]["text"])

    def test_models_are_paged(self):
        found, token = [], ""
        while token is not None:
            status, body = self.simulator.call(
                "GET", f"/v1beta/models?pageSize=7&pageToken={token}")
            self.assertEqual(status, 200)
            page = json.loads(body)
            found += [entry["name"] for entry in page["models"]]
            token = page.get("nextPageToken")
        self.assertGreater(len(found), 12)
        self.assertEqual(len(found), len(set(found)))
        status, body = self.simulator.call("GET", f"/v1beta/models/{MODEL}")
        self.assertEqual(json.loads(body)["name"], "models/" + MODEL)
        self.assertEqual(self.simulator.call("GET", "/v1beta/models/none")[0], 404)

    def test_embeddings_and_counts(self):
        entry = {"model": "models/gemini-embedding-001", "outputDimensionality": 64,
                 "content": {"parts": [{"text": "blue whale"}]}}
        status, reply = self.simulator.generate(
            {"requests": [entry, entry]}, "gemini-embedding-001", "batchEmbedContents")
        self.assertEqual(status, 200, reply)
        self.assertEqual([len(one["values"]) for one in reply["embeddings"]], [64, 64])
        self.assertNotIn("usageMetadata", reply)
        newer = dict(entry, model="models/gemini-embedding-2")
        for wrong, field in ((dict(newer, content={"parts": [{"text": ""}]}), ".content"),
                             (dict(newer, title="t"), ".title"),
                             (dict(newer, model="gemini-embedding-2"), ".model"),
                             (dict(newer, outputDimensionality=4000), ".output_dimensionality")):
            status, reply = self.simulator.generate(
                {"requests": [newer, wrong]}, "gemini-embedding-2", "batchEmbedContents")
            self.assertEqual(status, 400)
            self.assertIn("requests[1]" + field, reply["error"]["message"])
        status, reply = self.simulator.generate(
            {"requests": [newer] * 100}, "gemini-embedding-2", "batchEmbedContents")
        self.assertGreater(reply["usageMetadata"]["promptTokenCount"], 100)
        status, reply = self.simulator.generate(
            {"requests": [newer] * 101}, "gemini-embedding-2", "batchEmbedContents")
        self.assertEqual(status, 400)
        status, reply = self.simulator.generate(
            {"requests": [{"content": entry["content"]}]}, "gemini-embedding-001",
            "batchEmbedContents")
        self.assertEqual(status, 400)
        status, reply = self.simulator.generate(said("one two"), method="countTokens")
        self.assertGreater(reply["totalTokens"], 0)

    def test_credentials(self):
        path = f"/v1beta/models/{MODEL}:generateContent"
        for key, headers, query, wanted in (
                (None, {}, "", (403, "unregistered callers")),
                ("k", {"Authorization": "Bearer x"}, "", (400, "Multiple authentication")),
                ("k", {}, "?key=z", (400, "Multiple authentication")),
                (None, {"Authorization": "Bearer AIzaX"}, "", (401, "invalid authentication")),
                (None, {}, "?key=z", (200, "candidates")),
                (None, {"Authorization": "Bearer ya29.x"}, "", (401, "invalid authentication"))):
            status, body = self.simulator.call("POST", path + query, said("hi"), headers, key)
            self.assertEqual(status, wanted[0])
            self.assertIn(wanted[1].encode(), body)

    def test_faults_answer_as_google_does(self):
        for rule, status, text in (
                ({"do": "rate_limit", "retry": "7s"}, 429, '"retryDelay": "7s"'),
                ("daily", 429, "PerDay"), ("mixed", 429, "PerMinute"),
                ("limit_zero", 429, '"quotaValue": "0"'), ("exhausted_bare", 429, "exhausted"),
                ("invalid", 400, "API_KEY_INVALID"), ("expired", 400, "expired"),
                ("leaked", 403, "leaked"), ("suspended", 403, "CONSUMER_SUSPENDED"),
                ("service_disabled", 403, "SERVICE_DISABLED"), ("unauthenticated", 401, "OAuth"),
                ("location", 400, "FAILED_PRECONDITION"), ("overloaded", 503, "high demand"),
                ("internal", 500, "INTERNAL"), ("bad_gateway", 502, "<!DOCTYPE"),
                ("deadline", 504, "DEADLINE_EXCEEDED"), ("no_model", 404, "NOT_FOUND"),
                ("html", 200, "<!DOCTYPE"), ("blocked", 200, "blockReason"),
                ("malformed_call", 200, "MALFORMED_FUNCTION_CALL"),
                ("max_tokens", 200, "MAX_TOKENS"),
                ({"do": "error", "status": 418, "body": {"a": 1}}, 418, '"a": 1')):
            self.behave("f", rule)
            found, body = self.simulator.call(
                "POST", f"/v1beta/models/{MODEL}:generateContent", said("hi"), key="f")
            self.assertEqual(found, status, rule)
            self.assertIn(text, body.decode(), rule)

    def test_faults_of_the_stream(self):
        self.behave("s", {"do": "error_in_stream", "events": 2, "bare": True})
        _, body, events = self.simulator.stream(said("hi"), key="s")
        self.assertEqual(len(events), 2)
        self.assertIn(b'\r\n\r\n{\n  "error"', body)
        self.behave("s", "error_first")
        _, _, events = self.simulator.stream(said("hi"), key="s")
        self.assertEqual([event["error"]["code"] for event in events], [503])
        self.behave("s", {"do": "cut", "events": 1})
        with self.assertRaises(http.client.IncompleteRead) as cut:
            self.simulator.stream(said("hi"), key="s")
        self.assertEqual(cut.exception.partial.count(b"data: "), 1)
        self.behave("s", {"do": "cut", "bytes": 10})
        with self.assertRaises(http.client.IncompleteRead):
            self.simulator.stream(said("hi"), key="s")
        self.assertEqual(self.simulator.control("GET", "/seen?key=s")[1][-1]["bytes"], 10)
        self.behave("s", {"do": "lie_length", "by": 50})
        with self.assertRaises(http.client.IncompleteRead):
            self.simulator.stream(said("hi"), key="s")
        self.behave("s", {"do": "drip", "size": 3})
        self.assertEqual(self.simulator.stream(said("hi"), key="s")[0], 200)
        self.behave("s", {"do": "cut", "head": True, "rst": True})
        with self.assertRaises(ConnectionError):
            self.simulator.stream(said("hi"), key="s")
        self.behave("s", "empty")
        _, _, events = self.simulator.stream(said("hi"), key="s")
        self.assertEqual(text_of(events), "")

    def test_stalls_notice_that_the_client_left(self):
        self.behave("stalled", {"do": "stall", "at": "event:1"})
        body = json.dumps(said("hi")).encode()
        client = socket.create_connection(("127.0.0.1", self.simulator.port), 10)
        client.sendall(b"POST /v1beta/models/%b:streamGenerateContent?alt=sse HTTP/1.1\r\n"
                       b"Host: x\r\nx-goog-api-key: stalled\r\nContent-Length: %d\r\n\r\n%b"
                       % (MODEL.encode(), len(body), body))
        self.assertIn(b"200 OK", client.recv(4096))
        client.close()
        deadline = time.monotonic() + 5
        record = {}
        while record.get("outcome") != "client_gone" and time.monotonic() < deadline:
            record = self.simulator.control("GET", "/seen?key=stalled")[1][-1]
            time.sleep(0.02)
        self.assertEqual(record.get("outcome"), "client_gone")
        self.assertEqual(record["events"], 1)

    def test_rules_count_and_select(self):
        self.behave("c", {"do": "overloaded", "after": 1, "times": 1, "models": "gemini-3*"})
        found = [self.simulator.generate(said("hi"), model, key="c")[0]
                 for model in ("gemini-2.5-flash", MODEL, MODEL, MODEL)]
        self.assertEqual(found, [200, 200, 503, 200])

    def test_a_request_limit_is_kept_per_model(self):
        self.behave("r", rpm=2)
        found = [self.simulator.generate(said("hi"), model, key="r")
                 for model in (MODEL, MODEL, MODEL, "gemini-2.5-flash")]
        self.assertEqual([status for status, _ in found], [200, 200, 429, 200])
        self.assertIn("RetryInfo", json.dumps(found[2][1]))

    def test_everything_seen_is_recorded(self):
        self.simulator.control("DELETE", "/seen")
        self.simulator.generate(said("hi"), headers={"Cookie": "a=b"}, key="seen")
        self.simulator.generate(said("x" * 70000), key="seen")
        first, second = self.simulator.control("GET", "/seen?key=seen")[1]
        self.assertEqual(first["body"], said("hi"))
        self.assertEqual((first["headers"]["cookie"], first["outcome"], first["status"]),
                         ("a=b", "answered", 200))
        self.assertGreater(second["body"]["length"], 70000)
        self.assertNotEqual(first["connection"], second["connection"])

    def test_a_bad_rule_is_refused(self):
        status, found = self.simulator.control("PUT", "/keys/x", {"behaviours": ["nonsense"]})
        self.assertEqual(status, 400)
        self.assertIn("nonsense", found["error"])

    def test_strict_keys(self):
        strict = Running("--strict-keys", "--keys", '{"good": "ok"}')
        try:
            self.assertEqual(strict.generate(said("hi"), key="good")[0], 200)
            status, reply = strict.generate(said("hi"), key="bad")
            self.assertEqual((status, reply["error"]["details"][0]["reason"]),
                             (400, "API_KEY_INVALID"))
        finally:
            self.assertEqual(strict.stop(), 0)

    def test_bodies_may_be_chunked_and_malformed_ones_are_told(self):
        path = f"/v1beta/models/{MODEL}:generateContent"
        client = http.client.HTTPConnection("127.0.0.1", self.simulator.port, timeout=10)
        data = json.dumps(said("hi")).encode()
        for _ in range(2):
            client.request("POST", path, iter([data[:5], data[5:]]), {"x-goog-api-key": "k"},
                           encode_chunked=True)
            answer = client.getresponse()
            self.assertEqual((answer.status, answer.read()[:1]), (200, b"{"))
        client.close()
        for body in (b"{", b"[]", b'{"contents": NaN}', b'{"contents": "\xff"}',
                     b'{"contents": [{"parts": [{"text": "\\ud800"}]}]}', b"[" * 5000):
            self.assertEqual(self.simulator.call("POST", path, body)[0], 400, body[:40])


if __name__ == "__main__":
    unittest.main()

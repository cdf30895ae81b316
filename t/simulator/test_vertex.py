"""Vertex' form of the API: its paths, its credentials, and where it differs from Gemini's."""

import json
import unittest

from test_api import MODEL, TOOLS, said, text_of
from test_token import EMAIL, Asking

PLACE = "projects/project-one/locations/us-central1/"
GOOGLE = "publishers/google/models"


class VertexTest(Asking, unittest.TestCase):
    def setUp(self):
        self.account()
        self.bearer = self.token()

    def call(self, verb, body, model=MODEL, place=PLACE, version="v1", key=None, headers=None):
        """(status, reply or page)."""
        sent = {"Authorization": f"Bearer {self.bearer}"} if key is None else {}
        status, data = self.simulator.call(
            "POST", f"/{version}/{place}{GOOGLE}/{model}:{verb}", body, {**sent,
            **(headers or {})}, key)
        return status, json.loads(data) if data[:1] in b"[{" else data.decode()

    def get(self, path, key=None):
        headers = {"Authorization": f"Bearer {self.bearer}"} if key is None else {}
        status, data = self.simulator.call("GET", path, None, headers, key)
        return status, json.loads(data) if data[:1] == b"{" else data.decode()

    def test_generates(self):
        for version in ("v1", "v1beta1"):
            status, reply = self.call("generateContent", said("#echo hello"), version=version)
            self.assertEqual((status, text_of([reply])), (200, "hello"))
        self.assertEqual(reply["usageMetadata"]["trafficType"], "ON_DEMAND")
        self.assertGreater(reply["usageMetadata"]["totalTokenCount"], 0)
        self.assertRegex(reply["createTime"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\Z")
        seen = self.simulator.control("GET", "/seen?key=" + EMAIL)[1][-1]
        self.assertEqual((seen["project"], seen["location"], seen["account"]),
                         ("project-one", "us-central1", EMAIL))

    def test_streams_events_and_arrays(self):
        status, body = self.call("streamGenerateContent?alt=sse", said("hello there"))
        self.assertEqual(status, 200)
        events = [json.loads(event[6:]) for event in body.split("\r\n\r\n") if event]
        self.assertGreater(len(events), 2)
        self.assertEqual(events[0]["usageMetadata"], {"trafficType": "ON_DEMAND"})
        self.assertIn("candidatesTokenCount", events[-1]["usageMetadata"])
        status, array = self.call("streamGenerateContent", said("hello there"))
        self.assertEqual((status, text_of(array)), (200, text_of(events)))
        status, array = self.call("streamGenerateContent", said("x"), model="none")
        self.assertEqual((status, array[0]["error"]["code"]), (404, 404))

    def test_credentials(self):
        body = said("hi")
        status, reply = self.call("generateContent", body, key="k")
        self.assertEqual(status, 401)
        self.assertIn("API keys are not supported by this API", reply["error"]["message"])
        self.assertEqual(self.reason(reply), "CREDENTIALS_MISSING")
        status, reply = self.call("generateContent", body, key="k",
                                  headers={"Authorization": f"Bearer {self.bearer}"})
        self.assertEqual(status, 400)
        status, reply = self.call("generateContent", body, headers={"Authorization": "Bearer x"})
        self.assertEqual((status, reply["error"]["status"]), (401, "UNAUTHENTICATED"))
        self.assertEqual(reply["error"]["details"][0]["metadata"]["service"],
                         "aiplatform.googleapis.com")
        status, reply = self.call("generateContent", body, place="", key="k")
        self.assertEqual((status, reply["usageMetadata"]["trafficType"]), (200, "ON_DEMAND"))
        self.assertEqual(self.call("generateContent", body, place="")[0], 403)
        generative = self.token(scope="https://www.googleapis.com/auth/generative-language")
        status, reply = self.call("generateContent", body,
                                  headers={"Authorization": f"Bearer {generative}"})
        self.assertEqual((status, self.reason(reply)), (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"))

    def test_places(self):
        self.account(projects=["project-one", "two"], locations=["us-central1", "global", "moon"])
        for place, model, status in (
                ("projects/two/locations/global/", MODEL, 200),
                ("projects/three/locations/global/", MODEL, 403),
                ("projects/two/locations/europe-west4/", MODEL, 403),
                ("projects/two/locations/moon/", MODEL, 404),
                (PLACE, "gemini-none", 404), (PLACE, "gemini-flash-latest", 404)):
            found, reply = self.call("generateContent", said("hi"), model, place)
            self.assertEqual(found, status, place)
            if status == 403:
                info = reply["error"]["details"][0]
                self.assertEqual(info["reason"], "IAM_PERMISSION_DENIED")
                self.assertEqual(info["metadata"]["permission"], "aiplatform.endpoints.predict")
                self.assertIn(place, info["metadata"]["resource"])
            elif status == 404:
                self.assertIn(f"Publisher Model `{place}{GOOGLE}/{model}` was not found",
                              reply["error"]["message"])

    def test_contents(self):
        call = {"role": "model", "parts": [{"functionCall": {"name": "temp", "args": {},
                                                             "id": "1"}}]}
        result = {"role": "user", "parts": [{"functionResponse": {
            "name": "temp", "response": {"c": 1}, "id": "1"}}]}
        turns = {"contents": said("hi")["contents"] + [call, result], "tools": TOOLS}
        file = {"mimeType": "text/plain", "fileUri": "gs://bucket/a.txt"}

        def with_file(**wrong):
            parts = [{"text": "a"}, {"fileData": {**file, **wrong}}]
            return {"contents": [{"role": "user", "parts": parts}]}

        old = "gemini-2.5-flash"
        for body, text in (
                ({"contents": [{"parts": [{"text": "hi"}]}]}, "valid role: user, model."),
                ({"contents": [{"role": "function", "parts": [{"text": "hi"}]}]}, "valid role"),
                ({**said("hi"), "systemInstruction": {"parts": [{"text": "be brief"}]}}, None),
                ({**said("hi"), "labels": {"a": "b"}}, None),
                ({**said("hi"), "serviceTier": "flex"}, "Unknown name"),
                (turns, None), (with_file(), None),
                (with_file(fileUri="files/abc"), "file uri"),
                (with_file(fileUri="https://generativelanguage.googleapis.com/v1beta/files/a"),
                 "file uri"),
                (with_file(mimeType=""), "mime_type is required"),
                ({**said("hi"), "cachedContent": "cachedContents/a"}, "resource name"),
                ({**said("hi"), "cachedContent": PLACE + "cachedContents/a"}, None)):
            status, reply = self.call("generateContent", body, old)
            self.assertEqual(status, 200 if text is None else 400, reply)
            if text is not None:
                self.assertIn(text, reply["error"]["message"])
        self.behave(call_ids=False)
        status, reply = self.call("generateContent", turns, old)
        self.assertEqual(status, 400)
        self.assertIn('Unknown name "id" at \'contents[1].parts[0].function_call\'',
                      reply["error"]["message"])
        status, reply = self.call("generateContent", {**said("temp in Oslo"), "tools": TOOLS})
        found = [part["functionCall"] for part in reply["candidates"][0]["content"]["parts"]
                 if "functionCall" in part]
        self.assertEqual([sorted(one) for one in found], [["args", "name"]])

    def test_predict_gives_the_vectors_of_embed_content(self):
        options = {"outputDimensionality": 64}
        _, native = self.simulator.generate(
            {"content": {"parts": [{"text": "blue whale"}]}, **options}, "gemini-embedding-001",
            "embedContent")
        status, reply = self.call("predict", {
            "instances": [{"content": "blue whale", "task_type": "RETRIEVAL_DOCUMENT",
                           "title": "t"}], "parameters": {**options, "autoTruncate": True}},
            "gemini-embedding-001")
        self.assertEqual(status, 200, reply)
        found = reply["predictions"][0]["embeddings"]
        self.assertEqual(found["values"], native["embedding"]["values"])
        self.assertEqual(found["statistics"]["truncated"], False)
        entry = {"content": {"parts": [{"text": "blue whale"}], "role": "user"},
                 "embedContentConfig": options}
        for model in ("gemini-embedding-001", "gemini-embedding-2"):
            _, native = self.simulator.generate(
                {"content": entry["content"], **options}, model, "embedContent")
            status, reply = self.call("embedContent", entry, model)
            self.assertEqual((status, reply["embedding"]), (200, native["embedding"]))
            self.assertGreater(reply["usageMetadata"]["promptTokenCount"], 0)
            status, reply = self.call("batchEmbedContents", {"requests": [entry, entry]}, model)
            self.assertEqual(reply["embeddings"], [native["embedding"]] * 2)

    def test_predict_refuses(self):
        one, long = {"content": "a"}, {"content": "word " * 4000}
        for model, body, text in (
                ("gemini-embedding-001", {"instances": [one, one]}, "limit of 1 instance"),
                ("text-embedding-005", {"instances": [one] * 250}, None),
                ("text-embedding-005", {"instances": [one] * 251}, "limit of 250"),
                ("text-embedding-005", {"instances": []}, "Empty"),
                ("text-multilingual-embedding-002", {"instances": [{"content": ""}]}, "empty"),
                ("text-embedding-004", {"instances": [{**one, "task_type": "X"}]}, "task_type"),
                ("text-embedding-004", {"instances": [{**one, "title": "x"}]}, "title"),
                ("text-embedding-004", {"instances": [{**one, "taskType": "x"}]}, "unknown field"),
                ("text-embedding-004", {"instances": [one], "parameters": {
                    "outputDimensionality": 769}}, "outputDimensionality"),
                ("text-embedding-004", {"instances": [one], "input": 1}, "Unknown name"),
                ("text-embedding-004", {"instances": [long]}, None),
                ("text-embedding-004", {"instances": [long], "parameters": {
                    "autoTruncate": False}}, "input token count")):
            status, reply = self.call("predict", body, model)
            self.assertEqual(status, 200 if text is None else 400, str(reply)[:200])
            if text is not None:
                self.assertIn(text, reply["error"]["message"])
        for verb, model in (("predict", "gemini-embedding-2"), ("predict", MODEL),
                            ("embedContent", "text-embedding-005"),
                            ("generateContent", "gemini-embedding-001")):
            status, page = self.call(verb, {"instances": [one]}, model)
            self.assertEqual((status, page[:9]), (404, "<!DOCTYPE"))
        status, reply = self.call("embedContent", {
            "content": {"parts": [{"text": "a"}]}, "outputDimensionality": 64},
            "gemini-embedding-2")
        self.assertIn('Unknown name "outputDimensionality"', reply["error"]["message"])

    def test_counts(self):
        status, reply = self.call("countTokens", {
            **said("one two"), "systemInstruction": {"parts": [{"text": "three"}]},
            "tools": TOOLS, "model": PLACE + GOOGLE + "/" + MODEL})
        self.assertEqual(status, 200, reply)
        self.assertGreater(reply["totalTokens"], 10)
        status, reply = self.call("countTokens", {"generateContentRequest": said("x")})
        self.assertEqual(status, 400)
        status, reply = self.call("computeTokens", said("one two"))
        self.assertEqual(len(reply["tokensInfo"][0]["tokenIds"]), 2)

    def test_models(self):
        found, token = [], ""
        while token is not None:
            status, page = self.get(f"/v1beta1/{GOOGLE}?pageSize=7&pageToken={token}")
            self.assertEqual(status, 200, page)
            found += [entry["name"] for entry in page["publisherModels"]]
            token = page.get("nextPageToken")
        self.assertIn(f"{GOOGLE}/text-embedding-005", found)
        self.assertNotIn(f"{GOOGLE}/gemini-flash-latest", found)
        self.assertEqual(len(found), len(set(found)))
        for path, key, status in ((f"/v1/{GOOGLE}/{MODEL}", None, 200),
                                  (f"/v1beta1/{GOOGLE}/{MODEL}", "k", 200),
                                  (f"/v1/{GOOGLE}/none", None, 404), (f"/v1/{GOOGLE}", None, 404),
                                  (f"/v1/{PLACE}{GOOGLE}/{MODEL}", None, 404),
                                  (f"/v1beta/{GOOGLE}", None, 404)):
            self.assertEqual(self.get(path, key)[0], status, path)

    def test_faults_have_the_words_of_vertex(self):
        for rule, status, text in (
                ("rate_limit", 429, "Resource exhausted. Please try again later."),
                ("daily", 429, "Resource exhausted"), ("no_model", 404, "Publisher Model"),
                ("service_disabled", 403, '"service": "aiplatform.googleapis.com"'),
                ("permission_missing", 403, "aiplatform.endpoints.predict"),
                ({"do": "permission_missing", "permission": "aiplatform.x.y"}, 403, "x.y"),
                ("scope_insufficient", 403, "google.cloud.aiplatform.v1.PredictionService"),
                ("unauthenticated", 401, "UNAUTHENTICATED"), ("overloaded", 503, "demand")):
            self.behave(rule)
            found, reply = self.call("generateContent", said("hi"))
            self.assertEqual(found, status, rule)
            self.assertIn(text, json.dumps(reply))
            self.assertNotIn("QuotaFailure", json.dumps(reply))
            self.assertNotIn("generativelanguage", json.dumps(reply))
        self.behave({"do": "error_in_stream", "error": "rate_limit"})
        _, body = self.call("streamGenerateContent?alt=sse", said("hi"))
        self.assertIn("Resource exhausted", body)

    def test_scripts_stay_as_they_are(self):
        event = {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}
        _, body = self.call("streamGenerateContent?alt=sse",
                            said("#simulate " + json.dumps({"events": [event]})))
        self.assertEqual(json.loads(body[6:]), event)


if __name__ == "__main__":
    unittest.main()

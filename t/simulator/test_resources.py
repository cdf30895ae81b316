"""What projects own, over real sockets: caches, files, uploads, batches, operations.

Run with `python3 -m unittest discover -s t/simulator`.
"""

import base64
import hashlib
import http.client
import json
import socket
import time
import unittest
import urllib.parse

from test_api import MODEL, Running, said, text_of

A, B = "key-a", "key-b"
MEGABYTE = 1024 * 1024


class ResourceCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.simulator = Running()

    @classmethod
    def tearDownClass(cls):
        assert cls.simulator.stop() == 0, "it does not end cleanly"

    def setUp(self):
        self.control("DELETE", "/resources")
        self.control("DELETE", "/seen")

    def control(self, method, path, document=None):
        status, found = self.simulator.control(method, path, document)
        self.assertEqual(status, 200, found)
        return found

    def options(self, **given):
        before = self.control("PUT", "/options", {})
        self.control("PUT", "/options", given)
        self.addCleanup(self.control, "PUT", "/options", before)

    def call(self, method, path, document=None, key=A, **more):
        """(status, the JSON of the answer)."""
        status, body = self.simulator.call(method, path if path[0] == "/" else "/v1beta/" + path,
                                           document, key=key, **more)
        return status, json.loads(body) if body else None

    def refused(self, code, text, *call, **more):
        status, found = self.call(*call, **more)
        self.assertEqual(status, code, found)
        self.assertIn(text, found["error"]["message"])

    def answer(self, *call, **more):
        status, found = self.call(*call, **more)
        self.assertEqual(status, 200, found)
        return found

    def exchange(self, method, target, body=b"", headers=None, key=A):
        """(status, headers, body) with nothing added that was not asked for."""
        client = http.client.HTTPConnection("127.0.0.1", self.simulator.port, timeout=10)
        sent = dict(headers or {})
        if key is not None:
            sent["x-goog-api-key"] = key
        client.request(method, target, body, sent)
        answer = client.getresponse()
        found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, \
            answer.read()
        client.close()
        return found

    def begin(self, size=None, path="/upload/v1beta/files", key=A, file=None):
        """The target of an upload that was started."""
        headers = {"X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start",
                   "X-Goog-Upload-Header-Content-Type": "text/plain"}
        if size is not None:
            headers["X-Goog-Upload-Header-Content-Length"] = str(size)
        status, found, body = self.exchange("POST", path, json.dumps({"file": file or {}}),
                                            headers, key)
        self.assertEqual(status, 200, body)
        self.assertEqual(found["x-goog-upload-status"], "active")
        url = urllib.parse.urlsplit(found["x-goog-upload-url"])
        self.assertEqual(url.netloc, f"127.0.0.1:{self.simulator.port}")
        return f"{url.path}?{url.query}"

    def go_on(self, target, command, data=b"", offset=0, key=None):
        return self.exchange("POST", target, data, {
            "X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}, key)

    def upload(self, data=b"hello", key=A, **file):
        status, headers, body = self.go_on(self.begin(len(data), key=key, file=file),
                                           "upload, finalize", data)
        self.assertEqual((status, headers["x-goog-upload-status"]), (200, "final"), body)
        return json.loads(body)["file"]


class CachesTest(ResourceCase):
    def cache(self, key=A, **more):
        return self.answer("POST", "cachedContents",
                           {"model": "models/" + MODEL, **said("a long text"), **more}, key)

    def test_lives_from_create_to_delete(self):
        made = self.cache(ttl="600s", displayName="x")
        self.assertEqual(made["model"], "models/" + MODEL)
        self.assertGreater(made["usageMetadata"]["totalTokenCount"], 0)
        self.assertNotIn("contents", made)
        self.assertEqual(self.answer("GET", made["name"]), made)
        changed = self.answer("PATCH", made["name"] + "?updateMask=ttl", {"ttl": "900s"})
        self.assertGreater(changed["expireTime"], made["expireTime"])
        changed = self.answer("PATCH", made["name"], {"expireTime": "2100-01-02T03:04:05Z"})
        self.assertEqual(changed["expireTime"], "2100-01-02T03:04:05.000000Z")
        self.refused(400, "Only ttl", "PATCH", made["name"] + "?updateMask=displayName",
                     {"displayName": "y"})
        self.assertEqual(self.answer("DELETE", made["name"]), {})
        self.refused(403, "CachedContent not found (or permission denied)", "GET", made["name"])

    def test_belongs_to_its_project(self):
        name = self.cache()["name"]
        use = {**said("#echo hi"), "cachedContent": name}
        for call in (("GET", name), ("DELETE", name), ("PATCH", name, {"ttl": "1s"}),
                     ("POST", f"models/{MODEL}:generateContent", use)):
            self.refused(403, "CachedContent not found", *call, key=B)
        self.assertEqual(self.answer("GET", "cachedContents", key=B), {})
        self.control("PUT", "/keys/shared", {"project": A})
        self.assertEqual(self.answer("GET", name, key="shared")["name"], name)

    def test_is_used_and_counted(self):
        made = self.cache()
        count = made["usageMetadata"]["totalTokenCount"]
        use = {**said("#echo hi"), "cachedContent": made["name"]}
        found = self.answer("POST", f"models/{MODEL}:generateContent", use)
        self.assertEqual(text_of([found]), "hi")
        self.assertEqual(found["usageMetadata"]["cachedContentTokenCount"], count)
        self.assertGreater(found["usageMetadata"]["promptTokenCount"], count)
        self.refused(400, "has to be the same", "POST",
                     "models/gemini-2.5-flash:generateContent", use)
        self.refused(400, "can not be used with", "POST", f"models/{MODEL}:generateContent",
                     {**use, "systemInstruction": {"parts": [{"text": "x"}]}})

    def test_refuses_what_google_refuses(self):
        for body, text in (
                (said("x"), "model name format"),
                ({"model": "models/none", **said("x")}, "not found"),
                ({"model": "models/" + MODEL}, "empty"),
                ({"model": "models/" + MODEL, **said("x"), "ttl": "1s",
                  "expireTime": "2100-01-02T03:04:05Z"}, "oneof"),
                ({"model": "models/" + MODEL, **said("x"), "ttl": "10 minutes"}, "Duration"),
                ({"model": "models/" + MODEL, **said("x"), "nonsense": 1}, "Unknown name")):
            status, found = self.call("POST", "cachedContents", body)
            self.assertIn(status, (400, 404), found)
            self.assertIn(text, found["error"]["message"])
        self.options(cache_minimum=1024)
        self.refused(400, "min_total_token_count=1024", "POST", "cachedContents",
                     {"model": "models/" + MODEL, **said("x")})

    def test_is_listed_in_pages(self):
        names = [self.cache()["name"] for _ in range(5)]
        found, token = [], ""
        while token is not None:
            page = self.answer("GET", f"cachedContents?pageSize=2&pageToken={token}")
            found += [entry["name"] for entry in page["cachedContents"]]
            last, token = token, page.get("nextPageToken")
        self.assertEqual(found, names)
        self.refused(400, "invalid argument", "GET", f"cachedContents?pageToken={last}", key=B)

    def test_expires(self):
        name = self.cache(ttl="0.05s")["name"]
        deadline = time.monotonic() + 10
        while self.call("GET", name)[0] == 200:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        self.refused(403, "CachedContent not found", "GET", name)


class FilesTest(ResourceCase):
    def test_lives_from_upload_to_delete(self):
        file = self.upload(b"hello", displayName="a.txt")
        self.assertEqual((file["sizeBytes"], file["mimeType"], file["state"], file["source"]),
                         ("5", "text/plain", "ACTIVE", "UPLOADED"))
        self.assertEqual(base64.b64decode(file["sha256Hash"]).decode(),
                         hashlib.sha256(b"hello").hexdigest())
        self.assertEqual(self.answer("GET", file["name"]), file)
        self.assertEqual(self.answer("GET", "files"), {"files": [file]})
        self.assertEqual(self.answer("GET", "files", key=B), {})
        self.refused(400, "generated", "GET", file["name"] + ":download?alt=media")
        self.refused(403, "You do not have permission to access the File", "GET", file["name"],
                     key=B)
        self.refused(403, "may not exist", "DELETE", file["name"], key=B)
        self.assertEqual(self.answer("DELETE", file["name"]), {})
        self.refused(403, "may not exist", "GET", file["name"])

    def test_names_are_taken_once(self):
        self.assertEqual(self.upload(name="files/mine")["name"], "files/mine")
        status, _, body = self.go_on(self.begin(1, file={"name": "files/mine"}),
                                     "upload, finalize", b"x")
        self.assertEqual((status, json.loads(body)["error"]["status"]), (409, "ALREADY_EXISTS"))
        self.refused(400, "Invalid file name", "POST", "files", {"file": {"name": "files/-x"}})

    def test_is_used_once_it_is_active(self):
        self.options(file_gets=2)
        file = self.upload()
        use = {"contents": [{"parts": [{"text": "#echo ok"}, {"fileData": {
            "fileUri": file["uri"], "mimeType": "text/plain"}}]}]}
        path = f"models/{MODEL}:generateContent"
        self.refused(400, "not in an ACTIVE state", "POST", path, use)
        states = [self.answer("GET", file["name"])["state"] for _ in range(3)]
        self.assertEqual(states, ["PROCESSING", "PROCESSING", "ACTIVE"])
        self.assertEqual(text_of([self.answer("POST", path, use)]), "ok")
        self.refused(403, f"the File {file['name'][6:]} or", "POST", path, use, key=B)

    def test_generated_ones_are_downloaded(self):
        self.control("PUT", "/resources", {"name": "files/film", "project": A, "generated": True,
                                           "size": 200001})
        digest = base64.b64decode(self.answer("GET", "files/film")["sha256Hash"]).decode()
        for chunked in (False, True):
            self.options(download_chunked=chunked)
            for path in ("/v1beta/files/film:download?alt=media",
                         "/download/v1beta/files/film:download?alt=media"):
                status, headers, body = self.exchange("GET", path)
                self.assertEqual((status, len(body)), (200, 200001))
                self.assertEqual(hashlib.sha256(body).hexdigest(), digest)
                self.assertEqual("content-length" in headers, not chunked)
        self.assertEqual(self.exchange("GET", path, key=B)[0], 403)


class UploadsTest(ResourceCase):
    def test_comes_in_chunks(self):
        self.options(upload_granularity=1000)
        data = bytes(range(256)) * 10
        target = self.begin(len(data))
        status, headers, _ = self.go_on(target, "upload", data[:1000])
        self.assertEqual((status, headers["x-goog-upload-status"]), (200, "active"))
        status, headers, _ = self.go_on(target, "query")
        self.assertEqual(headers["x-goog-upload-size-received"], "1000")
        for command, offset, size in (("upload", 0, 1000), ("upload", 1000, 999),
                                      ("upload, finalize", 999, 10)):
            status, headers, _ = self.go_on(target, command, data[:size], offset)
            self.assertEqual((status, headers["x-goog-upload-status"]), (400, "active"))
        self.go_on(target, "upload", data[1000:2000], 1000)
        status, headers, body = self.go_on(target, "upload, finalize", data[2000:], 2000)
        self.assertEqual((status, headers["x-goog-upload-status"]), (200, "final"))
        self.assertEqual(base64.b64decode(json.loads(body)["file"]["sha256Hash"]).decode(),
                         hashlib.sha256(data).hexdigest())
        status, headers, _ = self.go_on(target, "upload, finalize", b"", 2560)
        self.assertEqual((status, headers["x-goog-upload-status"]), (400, "final"))

    def test_size_must_be_what_was_announced(self):
        for data in (b"abc", b"abcde"):
            status, _, body = self.go_on(self.begin(4), "upload, finalize", data)
            self.assertEqual(status, 400)
            self.assertIn(b"bytes than were announced", body)

    def test_its_id_is_the_permission(self):
        target = self.begin(5)
        self.assertEqual(self.go_on(target, "query", key=B)[0], 403)
        self.assertEqual(self.go_on(target, "query", key=A)[0], 200)
        self.assertEqual(self.go_on(target.replace("upload_id=", "upload_id=x"), "query")[0], 404)
        self.assertEqual(self.go_on("/upload/v1beta/files", "upload, finalize", b"x")[0], 404)
        self.assertEqual(self.go_on(target, "cancel")[0], 200)
        self.assertEqual(self.go_on(target, "upload, finalize", b"hello")[0], 400)
        self.assertEqual(self.exchange("POST", "/upload/v1beta/files", b"", {
            "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"},
            key=None)[0], 403)

    def test_url_repeats_the_query_and_may_name_google(self):
        target = self.begin(1, "/upload/v1beta/files?key=" + A, key=None)
        self.assertIn("?key=key-a&upload_id=", target)
        self.options(upload_host="google")
        _, headers, _ = self.exchange("POST", "/upload/v1beta/files", b"{}", {
            "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"})
        self.assertTrue(headers["x-goog-upload-url"].startswith(
            "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id="))
        self.assertEqual(headers["x-goog-upload-chunk-granularity"], str(8 * MEGABYTE))

    def test_multipart_is_one_request(self):
        data = b"\r\n--not the end\r\n" * 10000
        body = (b'--b1\r\nContent-Type: application/json\r\n\r\n{"file": {"displayName": "m"}}'
                b"\r\n--b1\r\nContent-Type: image/png\r\n\r\n" + data + b"\r\n--b1--\r\n")
        for path, headers in (
                ("/upload/v1beta/files?uploadType=multipart", {}),
                ("/upload/v1beta/files", {"X-Goog-Upload-Protocol": "multipart"})):
            status, _, answer = self.exchange("POST", path, body, {
                "Content-Type": "multipart/related; boundary=b1", **headers})
            self.assertEqual(status, 200, answer)
            file = json.loads(answer)["file"]
            self.assertEqual((file["displayName"], file["mimeType"], file["sizeBytes"]),
                             ("m", "image/png", str(len(data))))
            self.assertEqual(base64.b64decode(file["sha256Hash"]).decode(),
                             hashlib.sha256(data).hexdigest())

    def test_large_ones_leave_a_hash_and_a_size(self):
        data = b"0123456789abcdef" * (MEGABYTE // 2)
        file = self.upload(data)
        self.assertEqual(file["sizeBytes"], str(len(data)))
        _, seen = self.simulator.control("GET", "/seen")
        self.assertEqual(seen[-1]["body"], {"length": len(data),
                                            "sha256": hashlib.sha256(data).hexdigest()})
        self.assertEqual((seen[-1]["api_method"], seen[-1]["key"], seen[-1]["project"]),
                         ("upload.upload", None, A))
        with open(f"/proc/{self.simulator.process.pid}/status", encoding="ascii") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        self.assertLess(peak, 100 * 1024)

    def test_what_was_cut_can_be_resumed(self):
        target = self.begin(3000)
        with socket.create_connection(("127.0.0.1", self.simulator.port)) as client:
            client.sendall((f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n"
                            "X-Goog-Upload-Command: upload, finalize\r\n"
                            "X-Goog-Upload-Offset: 0\r\n\r\n").encode() + b"x" * 1200)
            self.wait_seen(lambda record: record.get("body", {}).get("length") == 1200)
        self.wait_seen(lambda record: record.get("outcome") == "client_gone")
        self.assertEqual(self.go_on(target, "query")[1]["x-goog-upload-size-received"], "1200")
        self.assertEqual(self.go_on(target, "upload, finalize", b"x" * 1800, 1200)[0], 200)

    def wait_seen(self, condition):
        deadline = time.monotonic() + 10
        while not condition(self.control("GET", "/seen")[-1]):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)


class BatchesTest(ResourceCase):
    def start(self, requests, method="batchGenerateContent", model=MODEL, **more):
        return self.answer("POST", f"models/{model}:{method}", {"batch": {
            "displayName": "b", "inputConfig": {"requests": {"requests": requests}}}}, **more)

    def test_inline_requests_are_answered_inline(self):
        made = self.start([{"request": said("#echo one"), "metadata": {"key": "1"}},
                           {"request": {"contents": []}}])
        self.assertEqual(made["metadata"]["state"], "BATCH_STATE_PENDING")
        self.assertEqual(self.answer("GET", made["name"])["metadata"]["state"],
                         "BATCH_STATE_RUNNING")
        done = self.answer("GET", made["name"])
        self.assertTrue(done["done"])
        lines = done["response"]["inlinedResponses"]["inlinedResponses"]
        self.assertEqual(text_of([lines[0]["response"]]), "one")
        self.assertEqual(lines[0]["metadata"], {"key": "1"})
        self.assertIn("contents is not specified", lines[1]["error"]["message"])

    def test_files_are_answered_by_files(self):
        text = json.dumps({"key": "k1", "request": said("#echo one")}) + "\n"
        file = self.upload(text.encode())
        body = {"batch": {"displayName": "b", "inputConfig": {"fileName": file["name"]}}}
        path = f"models/{MODEL}:batchGenerateContent"
        self.refused(403, "may not exist", "POST", path, body, key=B)
        name = self.answer("POST", path, body)["name"]
        self.answer("GET", name)
        found = self.answer("GET", name)["response"]["responsesFile"]
        self.assertTrue(found.startswith("files/batch-"))
        status, _, data = self.exchange("GET", f"/download/v1beta/{found}:download?alt=media")
        line = json.loads(data)
        self.assertEqual((status, line["key"], text_of([line["response"]])), (200, "k1", "one"))

    def test_embeddings_come_in_batches_too(self):
        made = self.start([{"request": {"content": {"parts": [{"text": "a"}]},
                                        "outputDimensionality": 8}}],
                          "asyncBatchEmbedContent", "gemini-embedding-001")
        self.options(batch_gets=0)
        self.answer("GET", made["name"])
        found = self.answer("GET", made["name"])["response"]["inlinedEmbedContentResponses"]
        self.assertEqual(len(found["inlinedResponses"][0]["response"]["embedding"]["values"]), 8)

    def test_is_listed_cancelled_and_deleted(self):
        names = [self.start([{"request": said("x")}])["name"] for _ in range(2)]
        found = self.answer("GET", "batches")["operations"]
        self.assertEqual([entry["name"] for entry in found], names)
        self.assertEqual(self.answer("GET", "batches", key=B), {})
        for verb, path in (("GET", names[0]), ("POST", names[0] + ":cancel"),
                           ("DELETE", names[0])):
            self.refused(404, "not found", verb, path, {} if verb == "POST" else None, key=B)
        self.answer("POST", names[0] + ":cancel", {})
        self.assertEqual(self.answer("GET", names[0])["metadata"]["state"],
                         "BATCH_STATE_CANCELLED")
        self.answer("DELETE", names[0])
        self.refused(404, "not found", "GET", names[0])

    def test_a_film_takes_its_time(self):
        path = "models/veo-3.1-generate-preview:predictLongRunning"
        made = self.answer("POST", path, {"instances": [{"prompt": "a heron"}]})
        self.assertRegex(made["name"], r"^models/veo-3.1-generate-preview/operations/\w+$")
        self.assertEqual(self.answer("GET", made["name"]), made)
        self.refused(404, "not found", "GET", made["name"], key=B)
        done = self.answer("GET", made["name"])
        uri = done["response"]["generateVideoResponse"]["generatedSamples"][0]["video"]["uri"]
        status, _, data = self.exchange("GET", urllib.parse.urlsplit(uri).path + "?alt=media")
        self.assertEqual((status, len(data)), (200, 100000))
        self.refused(400, "prompt", "POST", path, {"instances": []})


class ControlTest(ResourceCase):
    def test_makes_shows_and_forgets(self):
        made = self.control("PUT", "/resources", [
            {"name": "files/a", "project": "p"},
            {"name": "cachedContents/b", "project": "p", "model": "models/" + MODEL},
            {"name": "batches/c", "project": "p", "model": MODEL},
            {"name": f"models/{MODEL}/operations/d", "project": "p"}])
        self.assertEqual(self.control("GET", "/resources"), made)
        self.assertEqual({entry["project"] for entry in made}, {"p"})
        for entry in made:
            self.assertIn(self.call("GET", entry["name"])[0], (403, 404))
            self.assertEqual(self.call("GET", entry["name"], key="p")[0], 200)
        self.control("DELETE", "/resources/files/a")
        self.assertEqual(self.call("GET", "files/a", key="p")[0], 403)
        for wrong in ({"name": "files/a"}, {"name": "x", "project": "p"},
                      {"name": "files/a", "project": "p", "nonsense": 1}):
            self.assertEqual(self.simulator.control("PUT", "/resources", wrong)[0], 400)
        for wrong in ({"nonsense": 1}, {"batch_gets": "2"}):
            self.assertEqual(self.simulator.control("PUT", "/options", wrong)[0], 400)

    def test_faults_of_a_key_hold_here_too(self):
        self.control("PUT", "/keys/bad", "invalid")
        self.refused(400, "API key not valid", "GET", "files", key="bad")
        # What is of the quota is so only where it is named.
        self.control("PUT", "/keys/full", "rate_limit")
        self.answer("GET", "files", key="full")
        self.control("PUT", "/keys/full", {"do": "rate_limit", "methods": "upload.*"})
        status, _, body = self.exchange("POST", "/upload/v1beta/files", b"{}", {
            "X-Goog-Upload-Protocol": "resumable", "X-Goog-Upload-Command": "start"}, "full")
        self.assertEqual(status, 429, body)
        self.control("PUT", "/keys/full", {"do": "cut", "bytes": 1, "methods": "files.*"})
        with self.assertRaises(http.client.HTTPException):
            self.call("GET", "files", key="full")


if __name__ == "__main__":
    unittest.main()

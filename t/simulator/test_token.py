"""Service accounts: the token endpoint, and what their tokens open on both forms of the API."""

import base64
import email.utils
import http.client
import json
import os
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from test_api import MODEL, Running, said

EMAIL = "robot@project-one.iam.gserviceaccount.com"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def letters(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Key:
    """An RSA key of openssl's, which also signs: what checks has not made."""

    def __init__(self, bits=2048):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "key.pem")
        self.run("genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
                 f"rsa_keygen_bits:{bits}", "-out", self.path)
        self.public = self.run("pkey", "-in", self.path, "-pubout").decode()

    @staticmethod
    def run(*arguments, data=None):
        return subprocess.run(("openssl",) + arguments, input=data, check=True,
                              stdout=subprocess.PIPE).stdout

    def sign(self, data):
        return self.run("dgst", "-sha256", "-sign", self.path, data=data)

    def assertion(self, header, claims):
        signed = ".".join(letters(json.dumps(part).encode()) for part in (header, claims))
        return signed + "." + letters(self.sign(signed.encode()))


class Asking:
    """A simulator with one account, and how to ask it for tokens; for the tests of both files."""

    @classmethod
    def setUpClass(cls):
        cls.simulator = Running()
        cls.key = Key()
        cls.url = f"http://127.0.0.1:{cls.simulator.port}/token"

    @classmethod
    def tearDownClass(cls):
        cls.key.directory.cleanup()
        assert cls.simulator.stop() == 0, "it does not end cleanly"

    def account(self, *rules, name=EMAIL, **more):
        spec = {"public_key": self.key.public, "project": "project-one", "kid": "k1",
                "behaviours": list(rules), **more}
        status, found = self.simulator.control("PUT", "/accounts/" + name, spec)
        self.assertEqual(status, 200, found)
        self.simulator.control("DELETE", "/keys/" + name)
        return found

    def behave(self, *rules, **more):
        status, found = self.simulator.control(
            "PUT", "/keys/" + EMAIL, {"behaviours": list(rules), **more})
        self.assertEqual(status, 200, found)

    def state(self):
        return self.simulator.control("GET", "/accounts/" + EMAIL)[1]

    def exchange(self, header=None, form=None, key=None, kind=None, port=None, **claims):
        """(status, reply, Date) for one assertion; None as a claim leaves it out."""
        now = int(time.time())
        said_so = {"iss": EMAIL, "scope": CLOUD, "aud": self.url, "iat": now, "exp": now + 3600,
                   **claims}
        assertion = (key or self.key).assertion(
            {"alg": "RS256", "typ": "JWT", "kid": "k1", **(header or {})},
            {name: value for name, value in said_so.items() if value is not None})
        fields = {"grant_type": GRANT, "assertion": assertion, **(form or {})}
        client = http.client.HTTPConnection("127.0.0.1", port or self.simulator.port, timeout=10)
        client.request("POST", "/token", urllib.parse.urlencode(
            [pair for pair in fields.items() if pair[1] is not None]),
            {"Content-Type": kind or "application/x-www-form-urlencoded"})
        answer = client.getresponse()
        body = answer.read()
        client.close()
        return answer.status, json.loads(body), answer.headers["Date"]

    def token(self, **claims):
        status, reply, _ = self.exchange(**claims)
        self.assertEqual(status, 200, reply)
        return reply["access_token"]

    def ask(self, token, project="project-one", model=MODEL):
        """Gemini's own form, with a bearer."""
        headers = {"Authorization": f"Bearer {token}"}
        if project is not None:
            headers["x-goog-user-project"] = project
        return self.simulator.generate(said("hi"), model, headers=headers, key=None)

    def reason(self, reply):
        return reply["error"]["details"][0]["reason"]


class TokenTest(Asking, unittest.TestCase):
    def test_an_assertion_gives_a_token(self):
        self.account(expires_in=100)
        status, reply, date = self.exchange()
        self.assertEqual((status, reply["expires_in"], reply["token_type"]), (200, 100, "Bearer"))
        self.assertLess(abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()), 3)
        self.assertNotEqual(reply["access_token"], self.token())
        self.assertEqual(self.ask(reply["access_token"])[0], 200)
        state = self.state()
        self.assertEqual((state["exchanges"], state["issued"]), (2, 2))
        self.assertIn(reply["access_token"], state["tokens"])

    def test_what_is_wrong_is_told_as_google_does(self):
        self.account()
        now, other = int(time.time()), Key()
        self.addCleanup(other.directory.cleanup)
        frame, signature, grant = "reasonable timeframe", "Invalid JWT Signature.", "invalid_grant"
        for wanted, text, wrong in (
                (grant, signature, {"key": other}),
                (grant, signature, {"header": {"kid": "k2"}}),
                (grant, signature, {"header": {"kid": None}}),
                (grant, "algorithm", {"header": {"alg": "HS256"}}),
                (grant, "account not found", {"iss": "nobody@x.iam.gserviceaccount.com"}),
                (grant, "account not found", {"iss": None}),
                (grant, "audience", {"aud": "https://oauth2.googleapis.com/token"}),
                (grant, "audience", {"aud": self.url + "/"}),
                (grant, frame, {"iat": now - 400, "exp": now + 3000}),
                (grant, frame, {"iat": now + 400, "exp": now + 3000}),
                (grant, frame, {"exp": now + 3700}),
                (grant, frame, {"exp": now - 10, "iat": now - 20}),
                (grant, frame, {"iat": str(now)}),
                (grant, frame, {"exp": None}),
                ("invalid_scope", "scope", {"scope": ""}),
                ("invalid_scope", "scope", {"scope": None}),
                ("invalid_scope", "scope", {"scope": CLOUD + ",x"}),
                ("invalid_scope", "scope",
                 {"scope": CLOUD + " https://www.googleapis.com/auth/aiplatform"}),
                ("unauthorized_client", "unauthorized", {"sub": "someone@example.com"}),
                ("unsupported_grant_type", "grant_type", {"form": {"grant_type": "password"}}),
                ("invalid_request", "grant_type", {"form": {"grant_type": None}}),
                ("invalid_request", "assertion", {"form": {"assertion": None}}),
                ("invalid_request", "scope", {"form": {"scope": CLOUD}}),
                ("invalid_request", "content type", {"kind": "application/json"}),
                (grant, "segments", {"form": {"assertion": "a.b"}}),
                (grant, "Invalid JWT", {"form": {"assertion": "a.b.c"}}),
                (grant, "base64url", {"form": {"assertion": "e30=.e30=.AA=="}})):
            with self.subTest(wrong=str(wrong)[:100]):
                status, reply, _ = self.exchange(**wrong)
                self.assertEqual(status, 401 if wanted == "unauthorized_client" else 400)
                self.assertEqual(reply["error"], wanted)
                self.assertIn(text, reply["error_description"])
        self.assertEqual(self.state()["issued"], 0)
        self.assertEqual(self.simulator.call("GET", "/token")[0], 404)

    def test_a_signature_must_be_whole(self):
        self.account()
        now = int(time.time())
        good = self.key.assertion({"alg": "RS256", "typ": "JWT", "kid": "k1"},
                                  {"iss": EMAIL, "scope": CLOUD, "aud": self.url, "iat": now,
                                   "exp": now + 3600})
        head, claims, signature = good.split(".")
        data = bytearray(base64.urlsafe_b64decode(signature + "=="))
        self.assertEqual(self.exchange(form={"assertion": good})[0], 200)
        for made in (data[:-1], data + b"\0", b"\0" * 256, b"\xff" * 256,
                     data[:-1] + bytes([data[-1] ^ 1])):
            _, reply, _ = self.exchange(form={"assertion": f"{head}.{claims}."
                                                           + letters(bytes(made))})
            self.assertEqual(reply.get("error_description"), "Invalid JWT Signature.")

    def test_the_endpoint_misbehaves_as_told(self):
        for rule, status, text in (
                ("disabled", 400, "invalid_grant"), ("deleted", 400, "account not found"),
                ("invalid_scope", 400, "invalid_scope"), ("unauthorized", 401, "unauthorized_"),
                ("invalid_signature", 400, "Invalid JWT Signature."),
                ("error", 503, "Backend"), ("nothing", 200, "{}"),
                ({"do": "error", "status": 500, "body": {"error": "x"}}, 500, '"x"'),
                ({"do": "ok", "expires_in": 7}, 200, '"expires_in": 7'),
                ("empty_token", 200, '"access_token": ""')):
            with self.subTest(rule=rule):
                self.account(rule)
                found, reply, _ = self.exchange()
                self.assertEqual(found, status)
                self.assertIn(text, json.dumps(reply))
        self.account({"do": "huge_token", "size": 5000})
        self.assertGreater(len(self.token()), 5000)
        self.account("garbage")
        with self.assertRaises(ValueError):
            self.exchange()
        self.account({"do": "ok", "expires_in": None})
        self.assertNotIn("expires_in", self.exchange()[1])
        self.account({"do": "disabled", "after": 1, "times": 1})
        self.assertEqual([self.exchange()[0] for _ in range(3)], [200, 400, 200])
        self.assertEqual(self.state()["outcomes"],
                         {"ok 200": 2, "invalid_grant": 1})
        status, found = self.simulator.control("PUT", "/accounts/" + EMAIL, {
            "public_key": self.key.public, "behaviours": ["rate_limit"]})
        self.assertEqual(status, 400, found)
        for wrong in ({}, {"public_key": "x"}, {"public_key": self.key.public, "knd": 1}):
            self.assertEqual(self.simulator.control("PUT", "/accounts/" + EMAIL, wrong)[0], 400)

    def test_a_clock_may_be_off(self):
        self.account({"do": "skew", "seconds": -1000})
        status, reply, date = self.exchange()
        self.assertIn("timeframe", reply["error_description"])
        there = email.utils.parsedate_to_datetime(date).timestamp()
        self.assertLess(abs(there + 1000 - time.time()), 3)
        self.assertEqual(self.exchange(iat=int(there), exp=int(there) + 3600)[0], 200)

    def test_an_exchange_is_held_until_released(self):
        self.account("hold")
        found = []
        thread = threading.Thread(target=lambda: found.append(self.exchange()[0]))
        thread.start()
        deadline = time.monotonic() + 5
        while not self.state()["exchanges"] and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(found, [])
        self.simulator.control("POST", f"/accounts/{EMAIL}/release")
        thread.join(10)
        self.assertEqual(found, [200])

    def test_tokens_end(self):
        self.account()
        first = self.token()
        self.simulator.control("DELETE", f"/accounts/{EMAIL}/tokens")
        second = self.token()
        self.account({"do": "ok", "expires_in": 0.2})
        short = self.token()
        time.sleep(0.3)
        for token, wanted in ((first, "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
                              (short, "ACCESS_TOKEN_EXPIRED"), (second, None),
                              (second[:-2], "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
                              ("ya29.nobody's", "ACCESS_TOKEN_TYPE_UNSUPPORTED")):
            status, reply = self.ask(token)
            self.assertEqual(status, 200 if wanted is None else 401)
            if wanted is not None:
                self.assertEqual((reply["error"]["status"], self.reason(reply)),
                                 ("UNAUTHENTICATED", wanted))
        self.simulator.control("DELETE", "/accounts/" + EMAIL)
        self.assertEqual(self.ask(second)[0], 401)
        self.assertEqual(self.simulator.control("GET", "/accounts/" + EMAIL)[0], 404)

    def test_another_instance_takes_the_token(self):
        self.account()
        other = Running()
        try:
            token = self.token()
            self.assertEqual(other.call("GET", "/v1beta/models", headers={
                "Authorization": f"Bearer {token}"}, key=None)[0], 401)
            other.control("PUT", "/accounts/" + EMAIL, {
                "public_key": self.key.public, "project": "p"})
            status, _ = other.call("GET", "/v1beta/models", headers={
                "Authorization": f"Bearer {token}", "x-goog-user-project": "p"}, key=None)
            self.assertEqual(status, 200)
        finally:
            self.assertEqual(other.stop(), 0)

    def test_geminis_own_api_wants_a_quota_project(self):
        self.account()
        token = self.token()
        for project, reason in ((None, "SERVICE_DISABLED"), ("other", "USER_PROJECT_DENIED")):
            status, reply = self.ask(token, project)
            self.assertEqual((status, self.reason(reply)), (403, reason))
        narrow = self.token(scope=CLOUD + ".read-only")
        status, reply = self.ask(narrow)
        self.assertEqual((status, self.reason(reply)), (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"))
        fitting = self.token(scope="https://www.googleapis.com/auth/generative-language")
        self.assertEqual(self.ask(fitting)[0], 200)
        status, _ = self.simulator.call(
            "POST", f"/v1beta/models/{MODEL}:generateContent", said("hi"),
            {"Authorization": f"Bearer {token}", "x-goog-user-project": "project-one"})
        self.assertEqual(status, 400, "with a key too")

    def test_an_account_behaves_as_a_key_of_its_e_mail(self):
        self.account()
        token = self.token()
        for rule, status, text in (("rate_limit", 429, "QuotaFailure"),
                                   ("service_disabled", 403, '"service": "generativelanguage'),
                                   ("permission_missing", 403, "serviceusage.services.use"),
                                   ("scope_insufficient", 403, "SCOPE_INSUFFICIENT"),
                                   ("unauthenticated", 401, "UNAUTHENTICATED")):
            self.behave({"do": rule, "times": 1})
            found, reply = self.ask(token)
            self.assertEqual(found, status, rule)
            self.assertIn(text, json.dumps(reply))
            self.assertEqual(self.ask(token)[0], 200)
        self.behave(rpm=1)
        self.assertEqual([self.ask(token)[0] for _ in range(2)], [200, 429])
        seen = self.simulator.control("GET", "/seen?key=" + EMAIL)[1]
        self.assertEqual((seen[-1]["account"], seen[-1]["credential"]), (EMAIL, "bearer"))


if __name__ == "__main__":
    unittest.main()

"""The simulated API: routing, credentials, rules of keys, and the framing of answers."""

import asyncio
import collections
import copy
import hashlib
import json
import re
import time

import accounts
import answers
import errors
import faults
import media
import owned
import token_endpoint
import tokens
import uploads
import validate
import vertex
import wire
from errors import Refusal
from families import family_of
from keys import KEY_FAULTS, SERVICE_FAULTS, Keys, Profile

JSON_TYPE = "application/json; charset=UTF-8"
RECORDED_BODY = 64 * 1024
ROUTE = re.compile(r"/(v1beta|v1alpha|v1)/models(?:/([^:]+?)(?::([A-Za-z]+))?)?")
GENERATE = ("generateContent", "streamGenerateContent")
POST_METHODS = ("generateContent", "streamGenerateContent", "countTokens", "embedContent",
                "batchEmbedContents")
ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in "<>&='"}


class Route:
    """What a path asks for; `place` is None where it is Gemini's own API."""

    def __init__(self, version, method, model=None, place=None):
        self.version = version
        self.method = method
        self.model = model
        self.place = place


def route_of(request):
    """The Route of a request; raises the HTML page Google has for other paths."""
    other = vertex.parse_path(request)
    if other is not None:
        version, place, model, method = other
        return Route(version, method, model, place)
    found = ROUTE.fullmatch(request.path)
    if found is None:
        raise errors.not_found_page(request.path)
    version, model, method = found.groups()
    if method is None:
        if request.method != "GET":
            raise errors.not_found_page(request.path)
        return Route(version, "get" if model else "list", model)
    if request.method != "POST" or method not in POST_METHODS:
        raise errors.not_found_page(request.path)
    return Route(version, method, model)


def credential_of(request):
    """(kind, secret) of the one credential; Google refuses none, and refuses two."""
    found = [("header", value) for name, value in request.headers if name == "x-goog-api-key"]
    found += [("query", value) for value in request.query.get("key", [])]
    found += [("bearer", value) for value in request.query.get("access_token", [])]
    for name, value in request.headers:
        if name == "authorization":
            scheme, _, secret = value.partition(" ")
            found.append(("bearer" if scheme.lower() == "bearer" else "unknown", secret.strip()))
    if len(found) > 1:
        raise errors.several_credentials()
    if not found or not found[0][1]:
        raise errors.unregistered()
    kind, secret = found[0]
    if kind == "unknown" or (kind == "bearer" and secret.startswith(("AIza", "AQ."))):
        raise errors.unauthenticated()
    return kind, secret


class Simulator:
    """All state of a run: keys, models, what was seen."""

    def __init__(self, catalogue, strict_keys=False, pace=0.0, seed=None, record=0):
        self.keys = Keys(strict_keys, seed)
        self.catalogue = catalogue
        self.vertex_catalogue = vertex.Catalogue(catalogue)
        self.accounts = accounts.Accounts()
        self.token_endpoint = token_endpoint.TokenEndpoint(self.accounts)
        self.pace = pace
        self.seen = collections.deque(maxlen=record)
        self.tasks = set()
        self.connections = 0
        self.most_open = 0
        self.requests = 0
        self.log = None
        self.owned = owned.Owned(catalogue, self.respond)

    async def serve(self, connection):
        """One connection, until either side has had enough."""
        self.connections += 1
        connection.number = self.connections
        task = asyncio.current_task()
        self.tasks.add(task)
        self.most_open = max(self.most_open, len(self.tasks))
        try:
            while await self.serve_one(connection):
                pass
        except (wire.Gone, ConnectionError):
            pass
        except wire.Cut as cut:
            if cut.rst:
                # What was written should be read before the reset wipes it out.
                await asyncio.sleep(0.02)
            connection.drop(cut.rst)
        finally:
            self.tasks.discard(task)
            connection.writer.close()

    async def serve_one(self, connection):
        """One request. False: the connection ends here."""
        try:
            request = await connection.read_request(is_upload)
        except wire.BadRequest as error:
            broken = wire.Request("", "", "HTTP/1.1", [("connection", "close")])
            output = wire.Output(connection, broken, {})
            await self.refuse(output, Refusal(error.code, str(error)))
            return False
        if request is None:
            return False
        record = self.record(connection, request)
        output = wire.Output(connection, request, record)
        try:
            await self.answer(request, output, record)
            record["outcome"] = record.get("outcome", "answered")
        except Refusal as refusal:
            record["outcome"] = "refused"
            record["error"] = {"status": refusal.status, "message": refusal.message}
            # Who is still sending would not read the answer.
            async for _ in uploads.recorded(connection, request, record):
                pass
            await self.refuse(output, refusal)
        except wire.BadRequest as error:
            record["outcome"] = "refused"
            await self.refuse(output, Refusal(error.code, str(error)))
            return False
        except ValueError as error:
            record["outcome"] = "misconfigured"
            await self.refuse(output, Refusal(500, f"gemini-simulator: {error}"))
        except wire.Gone:
            record["outcome"] = "client_gone"
            raise
        except wire.Cut:
            record["outcome"] = "cut"
            raise
        finally:
            record["took"] = round(time.time() - record["time"], 6)
            record["done"] = True
            self.count(record)
        return output.keep_alive and not request.unread

    def record(self, connection, request):
        """An entry of GET /seen, filled in as the request proceeds."""
        self.requests += 1
        record = {"number": self.requests, "time": time.time(), "connection": connection.number,
                  "method": request.method, "target": request.target, "path": request.path,
                  "query": {name: values[-1] for name, values in request.query.items()},
                  "headers": request.header_map(), "key": None, "credential": None,
                  "status": None, "bytes": 0, "events": 0, "behaviour": None, "done": False}
        if self.seen.maxlen:
            if len(request.body) > RECORDED_BODY:
                record["body"] = {"sha256": hashlib.sha256(request.body).hexdigest(),
                                  "length": len(request.body)}
            self.seen.append(record)
        return record

    def count(self, record):
        profile = self.keys.by_secret.get(record["key"])
        if profile is not None:
            profile.outcomes[f"{record['behaviour']} {record['status']}"] += 1
        if self.log is not None:
            self.log(record)

    async def refuse(self, output, refusal):
        kind, body = refusal.body()
        array = refusal.page is None and getattr(output, "array", False)
        await output.whole(refusal.code, kind, b"[" + body.rstrip() + b"\n]\n" if array else body,
                           refusal.headers)

    async def answer(self, request, output, record):
        """The whole of one exchange; raises Refusal for what is answered by an error."""
        if request.path == token_endpoint.PATH:
            await self.token_endpoint.serve(request, output, record)
            return
        body, malformed = self.parse(request, record)
        route = owned.route_of(request) or route_of(request)
        record["api_method"], record["model"] = route.method, route.model
        output.array = route.method == "streamGenerateContent" and not wants_sse(request)
        if route.place is None:
            await self.serve_route(request, route, body, malformed, output, record)
            return
        record["project"], record["location"] = route.place.project, route.place.location
        try:
            await self.serve_route(request, route, body, malformed, output, record)
        except Refusal as refusal:
            raise vertex.reword(refusal, route) from refusal

    def caller(self, request, route, record):
        """(profile, what it is called by) of who calls; raises Refusal."""
        owner = self.owned.owner(route, request)
        try:
            record["credential"], secret = credential_of(request)
        except Refusal as refusal:
            if owner is None or refusal.code != 403:
                raise
            return Profile("", {"project": owner}), None
        if record["credential"] == "bearer":
            account, token = self.accounts.holder(secret, record)
            accounts.admit(account, token, route, request)
            return self.keys.of_account(account), account.email
        record["key"] = secret
        if route.place is not None:
            vertex.refuse_key(route)
        profile = self.keys.find(secret)
        if profile is None:
            record["behaviour"] = "unknown_key"
            raise errors.key_invalid()
        return profile, secret

    async def serve_route(self, request, route, body, malformed, output, record):
        """What a path asks for, for who calls."""
        profile, secret = self.caller(request, route, record)
        profile.requests += 1
        rule = profile.pick(route.model, route.method, self.keys.random)
        record["behaviour"] = rule.do
        await output.connection.pause(rule.option("delay_ms", 0) / 1000)
        if rule.do == "cut" and rule.option("head"):
            raise wire.Cut(bool(rule.option("rst")))
        faults.set_transport(rule, output)
        if rule.do in KEY_FAULTS:
            if rule.do == "permission_missing" and route.place is not None:
                raise vertex.permission_denied(route, rule.option("permission", vertex.PREDICT))
            raise faults.refusal(rule, secret, route.model, route.version, route.method)
        if await faults.break_wire(rule, output):
            record["outcome"] = rule.do
            return
        try:
            if malformed is not None:
                raise malformed
            checked = self.check(route, body, record, profile.project) if route.place is None else \
                vertex.check(route, self.vertex_catalogue, body, record, profile.call_ids)
        except Refusal:
            profile.give_back(rule)
            record["behaviour"] = "validation"
            raise
        if rule.do in SERVICE_FAULTS or rule.do == "bad_gateway":
            raise faults.refusal(rule, secret, route.model, route.version, route.method)
        if route.method in POST_METHODS + vertex.POST_METHODS:
            wait = profile.over_limit(route.model)
            if wait is not None:
                record["behaviour"] = "rpm"
                raise errors.quota(["minute"], route.model, wait, profile.rpm)
        await self.reply(request, route, checked, profile, rule, output, record)

    def parse(self, request, record):
        """(body, None), or (None, the Refusal it deserves) once the key has been looked at."""
        if request.method not in ("POST", "PATCH", "PUT"):
            return None, None
        if request.header("content-length") is None \
                and request.header("transfer-encoding") is None:
            return None, errors.page(411, "Length Required", "POST requests require a"
                                     " <code>Content-length</code> header.")
        if is_upload(request):
            return None, None
        try:
            body = validate.parse_json(bytes(request.body))
        except Refusal as refusal:
            if len(request.body) <= RECORDED_BODY:
                record["body"] = request.body.decode("utf-8", "replace")
            return None, refusal
        if len(request.body) <= RECORDED_BODY:
            record["body"] = body
        return body, None

    def check(self, route, body, record, project):
        """The request in its own terms, or the Refusal Google has for it."""
        if route.method == "list":
            return None
        if self.owned.has(route.method):
            return body
        model = self.catalogue.find(route.model)
        if model is None or (route.method not in ("get",) + model.methods):
            method = "generateContent" if route.method == "get" else route.method
            raise errors.unknown_model(route.model, route.version, method)
        if route.method == "get":
            return model
        checked = validate.check(route.method, model, body, record)
        record["cached_tokens"] = self.owned.used(checked, model.id, project)
        return checked

    def respond(self, method, model, body, project):
        """The answer to one request of a batch."""
        record = {}
        checked = self.check(Route("v1beta", method, model), body, record, project)
        if method == "embedContent":
            return {"embedding": embedding(checked, model)}
        context = self.context(model, checked, 0, 0, record["cached_tokens"])
        return answers.fold([event for _, event in answers.compose(context)])

    def context(self, model, checked, pace, signature_bytes, cached):
        served = self.catalogue.served(self.catalogue.find(model)).id
        return answers.Context(checked, model, family_of(served), served, pace, signature_bytes,
                               cached)

    async def reply(self, request, route, checked, profile, rule, output, record):
        if route.place is not None and route.method not in GENERATE:
            await self.reply_of_vertex(request, route, checked, output)
        elif self.owned.has(route.method):
            await self.owned.reply(route, request, checked, profile.project, output, record,
                                   send_json)
        elif route.method == "list":
            await self.list_models(request, output, self.catalogue, "models")
        elif route.method == "get":
            await send_json(output, checked.document())
        elif route.method == "countTokens":
            counts = tokens.of_request(checked)
            cached = record["cached_tokens"]
            counts["TEXT"] += cached
            answer = {"totalTokens": sum(counts.values()),
                      "promptTokensDetails": tokens.details(counts)}
            await send_json(output, {**answer, "cachedContentTokenCount": cached} if cached
                            else answer)
        elif route.method == "embedContent":
            await send_json(output, {"embedding": embedding(checked, route.model)})
        elif route.method == "batchEmbedContents":
            await send_json(output, embeddings(checked["requests"], route.model))
        else:
            await self.generate(request, route, checked, profile, rule, output, record)

    async def reply_of_vertex(self, request, route, checked, output):
        def vector(entry):
            return embedding(entry, route.model)

        if route.method == "list":
            await self.list_models(request, output, self.vertex_catalogue, "publisherModels")
            return
        if route.method == "get":
            document = vertex.document(checked)
        elif route.method == "predict":
            document = vertex.predictions(checked, vector)
        elif route.method == "countTokens":
            document = vertex.counted(checked)
        elif route.method == "computeTokens":
            document = vertex.computed(checked)
        else:
            document = vertex.embedded(checked, route.method, vector)
        await send_json(output, document)

    async def list_models(self, request, output, catalogue, name):
        size = request.argument("pageSize", "50")
        if not re.fullmatch(r"-?\d+", size or "x"):
            raise errors.invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{size}\"",
                                 "page_size")
        if int(size) < 0:
            raise Refusal(400, "Invalid page_size.")
        found = catalogue.page(min(int(size) or 50, 1000), request.argument("pageToken"))
        if found is None:
            raise Refusal(400, "Request contains an invalid argument.")
        entries, following = found
        reply = {name: entries}
        if following:
            reply["nextPageToken"] = following
        await send_json(output, reply)

    async def generate(self, request, route, checked, profile, rule, output, record):
        """generateContent and streamGenerateContent."""
        pace = self.pace if profile.pace_ms is None else profile.pace_ms / 1000
        context = self.context(route.model, checked, pace, rule.option("signature_bytes", 0),
                               record.get("cached_tokens", 0))
        try:
            events = answers.compose(context)
            raw = raw_script(context)
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        events = shape(rule, events, context)
        if route.place is not None and not context.text.startswith("#simulate "):
            events = vertex.dress(events, profile.call_ids)
        streamed = route.method == "streamGenerateContent"
        if rule.do in ("error_in_stream", "error_first") and not streamed:
            failure = self.failure(rule, profile, route)
            status = 200 if rule.do == "error_first" else failure["error"].get("code", 500)
            await output.whole(status, JSON_TYPE, pretty(failure))
            return
        if raw is not None:
            kind = "text/event-stream" if streamed and wants_sse(request) else JSON_TYPE
            await output.whole(200, kind, raw)
        elif streamed:
            stream = Stream(output, rule, wants_sse(request), record)
            failure = self.failure(rule, profile, route) \
                if rule.do in ("error_in_stream", "error_first") else None
            await stream.send(events, failure)
        else:
            # A person waits for the whole of it, but not for every word's pause.
            await output.connection.pause(min(sum(delay for delay, _ in events), 3.0))
            await send_json(output, answers.fold([event for _, event in events]))

    @staticmethod
    def failure(rule, profile, route):
        """The error that comes in a stream, or in its place."""
        found = faults.stream_error(rule, profile.secret, route.model)
        if route.place is not None and not isinstance(rule.option("error"), dict):
            found = vertex.reword(Refusal(found["error"]["code"], found["error"]["message"],
                                          found["error"]["status"],
                                          found["error"].get("details")), route).document()
        return found

    def state(self):
        return {"connections": {"accepted": self.connections, "open": len(self.tasks),
                                "most_open": self.most_open},
                "requests": self.requests, "strict_keys": self.keys.strict,
                "pace_ms": self.pace * 1000, "defaults": self.keys.defaults,
                "keys": self.keys.state(),
                "accounts": {each.email: each.state() for each in self.accounts.named.values()}}


def is_upload(request):
    return request.path.startswith(uploads.PATH)


def wants_sse(request):
    return (request.argument("alt") or request.argument("$alt") or "").lower() == "sse"


def pretty(document):
    return (json.dumps(document, ensure_ascii=False, indent=2).translate(ESCAPES)
            + "\n").encode("utf-8", "surrogatepass")


def compact(document):
    return json.dumps(document, ensure_ascii=False, separators=(",", ": ")).translate(
        ESCAPES).encode("utf-8", "surrogatepass")


async def send_json(output, document, headers=()):
    data = compact(document) if output.request.argument("prettyPrint") == "false" \
        else pretty(document)
    await output.whole(200, JSON_TYPE, data, headers)


def embedding(entry, model):
    text = " ".join(part.get("text", "") for part in entry["content"]["parts"])
    size = entry.get("outputDimensionality", 3072)
    return {"values": media.vector(text, size, size == 3072 or model != "gemini-embedding-001")}


def embeddings(entries, model):
    """A batch's answer; older models do not tell their usage."""
    answer = {"embeddings": [embedding(entry, model) for entry in entries]}
    if model != "gemini-embedding-001":
        counts = tokens.of_request({"contents": [entry["content"] for entry in entries]})
        answer["usageMetadata"] = {"promptTokenCount": sum(counts.values()),
                                   "promptTokenDetails": tokens.details(counts)}
    return answer


def raw_script(context):
    """The bytes a test dictated as "raw" in #simulate, else None."""
    if not context.text.startswith("#simulate ") or context.results:
        return None
    raw = answers.parse_script(context.text[len("#simulate "):]).get("raw")
    return None if raw is None else raw.encode("utf-8", "surrogatepass")


def shape(rule, events, context):
    """The events of behaviours that change what is said."""
    base = {"modelVersion": context.served, "responseId": context.response_id}
    counted = {"usageMetadata": answers.usage(context, 0), **base}
    if rule.do == "empty":
        return [(0, {"candidates": [{"content": {"role": "model"}, "finishReason": "STOP",
                                     "index": 0}], **counted})]
    if rule.do == "malformed_call":
        return [(0, {"candidates": [{
            "finishReason": rule.option("reason", "MALFORMED_FUNCTION_CALL"), "index": 0,
            "finishMessage": "Malformed function call: print(default_api.f(x=1)"}], **counted})]
    if rule.do == "blocked":
        return [(0, {"promptFeedback": {"blockReason": rule.option("reason", "SAFETY")},
                     **counted})]
    if rule.do == "max_tokens":
        keep = int(rule.option("events", 0))
        kept = copy.deepcopy(events[:keep]) or [(0, {
            "candidates": [{"content": {"role": "model"}, "index": 0}], **counted})]
        kept[-1][1]["candidates"][0]["finishReason"] = "MAX_TOKENS"
        return kept
    if rule.do == "slow":
        pause = rule.option("ms", 100) / 1000
        return [(pause, event) for _, event in events]
    return events


class Stream:
    """Frames events as SSE, or as the array one gets without alt=sse; breaks it as told."""

    def __init__(self, output, rule, sse, record):
        self.output = output
        self.rule = rule
        self.sse = sse
        self.record = record
        self.kind = "text/event-stream" if sse else JSON_TYPE

    def frame(self, event):
        if self.sse:
            return b"data: " + compact(event) + b"\r\n\r\n"
        lead = b"," if self.record["events"] else b"["
        return lead + (b"\r\n" if lead == b"," else b"") + pretty(event)

    async def send(self, events, failure):
        rule, output = self.rule, self.output
        stop = None
        if rule.do == "cut" and "bytes" not in rule.options:
            stop = int(rule.option("events", 1))
        elif rule.do == "stall":
            stop = faults.at_event(rule.option("at"))
        elif rule.do == "error_in_stream":
            stop = int(rule.option("events", 1))
        elif rule.do == "error_first":
            stop = 0
        if output.extra_length:
            await output.whole(200, self.kind, self.together(events))
            return
        started = False
        for number, (delay, event) in enumerate(events):
            if number == stop:
                break
            await output.connection.pause(delay)
            if not started:
                await self.start()
                started = True
            await output.piece(self.frame(event))
            self.record["events"] += 1
        if not started:
            await self.start()
        if stop is not None:
            await self.break_off(failure)
        await self.finish()

    async def start(self):
        await self.output.head(200, self.kind, headers=[("Content-Disposition", "attachment")])

    async def finish(self):
        if not self.sse:
            await self.output.piece(b"]\n" if self.record["events"] else b"[]\n")
        await self.output.end()

    async def break_off(self, failure):
        """The fault that comes in place of the rest."""
        output = self.output
        if self.rule.do == "cut":
            raise wire.Cut(output.rst)
        if self.rule.do == "stall":
            await output.connection.pause(self.rule.option("seconds"))
            raise wire.Cut()
        if self.sse and self.rule.option("bare"):
            await output.piece(pretty(failure))
            return
        await output.piece(self.frame(failure))
        self.record["events"] += 1
        if self.rule.option("cut"):
            raise wire.Cut()

    def together(self, events):
        data = b""
        for _, event in events:
            data += self.frame(event)
            self.record["events"] += 1
        return data if self.sse else data + b"]\n"

"""Batches of requests and operations that run long: started, looked at until they are done."""

import json
import time

import errors
import schema
import validate
from errors import Refusal
from files import generated_file
from resources import GOOGLE, listing, new_id, stamp

TYPES = "type.googleapis.com/google.ai.generativelanguage.v1main."
VIDEO = "type.googleapis.com/google.ai.generativelanguage.v1beta.PredictLongRunningResponse"
LIFE = 48 * 3600


def absent():
    return Refusal(404, "Requested entity was not found.")


class Batch:
    """A batch in the form of an operation; `kind` is GenerateContentBatch or EmbedContentBatch."""

    def __init__(self, project, kind, model, title="", entries=(), inline=True, gets=1,
                 name=None):
        self.name = name or "batches/" + new_id(36)
        self.project = project
        self.kind = kind
        self.model = model
        self.title = title
        self.entries = list(entries)
        self.inline = inline
        self.gets = gets
        self.state = "PENDING"
        self.created = self.updated = time.time()
        self.ended = None
        self.expires = self.created + LIFE
        self.output = None

    def document(self):
        count = len(self.entries)
        stats = {"requestCount": str(count)}
        if self.state in ("PENDING", "RUNNING"):
            stats["pendingRequestCount"] = str(count)
        elif self.state == "SUCCEEDED":
            stats["successfulRequestCount"] = str(count)
        metadata = {"@type": TYPES + self.kind, "model": "models/" + self.model,
                    "displayName": self.title, "createTime": stamp(self.created),
                    "updateTime": stamp(self.updated), "batchStats": stats,
                    "state": "BATCH_STATE_" + self.state, "name": self.name}
        if self.ended is not None:
            metadata["endTime"] = stamp(self.ended)
        found = {"name": self.name, "metadata": metadata}
        if self.state == "CANCELLED":
            found.update(done=True, error={"code": 1, "message": "The operation was cancelled."})
        elif self.state == "SUCCEEDED":
            output = {"@type": TYPES + self.kind + "Output", **self.output}
            metadata["output"] = self.output
            found.update(done=True, response=output)
        return found

    def end(self, state):
        self.state = state
        self.ended = self.updated = time.time()


class Operation:
    """What predictLongRunning starts; in the end there is a film."""

    def __init__(self, project, model, gets=1, name=None):
        self.name = name or f"models/{model}/operations/{new_id()}"
        self.project = project
        self.model = model
        self.gets = gets
        self.video = None

    def document(self):
        found = {"name": self.name}
        if self.video is None:
            return found
        uri = f"{GOOGLE}/v1beta/{self.video}:download?alt=media"
        return {**found, "done": True, "response": {"@type": VIDEO, "generateVideoResponse": {
            "generatedSamples": [{"video": {"uri": uri}}]}}}


class Batches:
    """The calls that start and follow batches and operations.

    `respond(method, model, request, project)` is the answer to one request, or raises its
    Refusal.
    """

    def __init__(self, store, options, catalogue, files, respond):
        self.store = store
        self.options = options
        self.catalogue = catalogue
        self.files = files
        self.respond = respond

    def generate(self, exchange):
        return self.start(exchange, "BatchGenerateContentRequest", "GenerateContentBatch",
                          "generateContent")

    def embed(self, exchange):
        return self.start(exchange, "AsyncBatchEmbedContentRequest", "EmbedContentBatch",
                          "embedContent")

    def start(self, exchange, message, kind, method):
        model = exchange.route.model
        found = self.catalogue.find(model)
        if found is None or method not in found.methods:
            raise errors.unknown_model(model, exchange.route.version, exchange.route.method)
        given, _ = schema.check(message, exchange.body)
        batch = given.get("batch")
        if batch is None:
            raise errors.argument(message + ".batch", "batch is required")
        if not batch.get("displayName"):
            raise errors.argument(message + ".batch.display_name", "display_name is required")
        source = batch.get("inputConfig", {})
        name = source.get("fileName")
        if name:
            entries = self.read(name, exchange.project)
        else:
            entries = source.get("requests", {}).get("requests", [])
        if not entries:
            raise errors.argument(message + ".batch.input_config", "there are no requests")
        inline = {"file": False, "inline": True}.get(self.options.batch_output, not name)
        return self.store.add(Batch(exchange.project, kind, model, batch["displayName"], entries,
                                    inline, self.options.batch_gets)).document()

    def read(self, name, project):
        """The requests in a file of JSON lines."""
        source = self.files.find(name, project)
        if not source.active():
            raise Refusal(400, f"The File {name[len('files/'):]} is not in an ACTIVE state and"
                          " usage is not allowed.", "FAILED_PRECONDITION")
        if source.content is None:
            raise Refusal(400, "gemini-simulator: it keeps no files as large as this one")
        entries = []
        for line in source.content.splitlines():
            if line.strip():
                entry = validate.parse_json(bytes(line))
                entries.append({"request": entry.get("request", {}), "key": entry.get("key")})
        return entries

    def finish(self, batch):
        """Makes the answers of all its requests."""
        lines = []
        method = "generateContent" if batch.kind == "GenerateContentBatch" else "embedContent"
        for entry in batch.entries:
            line = {}
            if entry.get("key") is not None:
                line["key"] = entry["key"]
            if "metadata" in entry:
                line["metadata"] = entry["metadata"]
            try:
                line["response"] = self.respond(method, batch.model, entry.get("request", {}),
                                                batch.project)
            except Refusal as refusal:
                line["error"] = {"code": 3, "message": refusal.message}
            lines.append(line)
        if batch.inline:
            name = "inlinedResponses" if method == "generateContent" \
                else "inlinedEmbedContentResponses"
            batch.output = {name: {"inlinedResponses": lines}}
        else:
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            made = self.store.add(generated_file(
                batch.project, "application/jsonl", content=text.encode(),
                name="files/batch-" + batch.name.partition("/")[2]))
            batch.output = {"responsesFile": made.name}
        batch.end("SUCCEEDED")

    def find(self, exchange, kind=Batch):
        entry = self.store.find(exchange.route.name, exchange.project)
        if not isinstance(entry, kind):
            raise absent()
        return entry

    def get(self, exchange):
        batch = self.find(exchange)
        if batch.state in ("PENDING", "RUNNING"):
            if batch.gets > 0:
                batch.gets -= 1
                batch.state = "RUNNING"
            else:
                self.finish(batch)
        return batch.document()

    def list(self, exchange):
        found, following = self.store.page(Batch, exchange, 10, 100)
        return listing("operations", [batch.document() for batch in found], following)

    def cancel(self, exchange):
        batch = self.find(exchange)
        if batch.ended is None:
            batch.end("CANCELLED")
        return {}

    def delete(self, exchange):
        self.store.remove(self.find(exchange).name)
        return {}

    def predict(self, exchange):
        model = exchange.route.model
        found = self.catalogue.find(model)
        if found is None or "predictLongRunning" not in found.methods:
            raise errors.unknown_model(model, exchange.route.version, "predictLongRunning")
        given, _ = schema.check("PredictLongRunningRequest", exchange.body)
        if not given.get("instances") or not isinstance(given["instances"][0], dict) \
                or not given["instances"][0].get("prompt"):
            raise Refusal(400, "instances[0].prompt is required.")
        return self.store.add(Operation(exchange.project, model,
                                        self.options.operation_gets)).document()

    def get_operation(self, exchange):
        operation = self.find(exchange, Operation)
        if operation.video is None:
            if operation.gets > 0:
                operation.gets -= 1
            else:
                operation.video = self.store.add(generated_file(
                    operation.project, "video/mp4", self.options.video_bytes)).name
        return operation.document()

    def list_operations(self, exchange):
        found, following = self.store.page(
            Operation, exchange, 10, 100, lambda entry: entry.model == exchange.route.model)
        return listing("operations", [entry.document() for entry in found], following)

"""Uploads: the resumable protocol, piece by piece, and the one of a single multipart body.

Of the bytes that come a hash and a count are kept, and the bytes themselves only while they are
few, for what reads the file later.
"""

import hashlib
import re
import secrets
import time

import schema
import validate
from errors import Refusal
from resources import GOOGLE

KEPT = 1024 * 1024
METADATA_LIMIT = 64 * 1024
LARGEST = 2 * 1024 * 1024 * 1024
LIFE = 3600 * 24
PATH = "/upload/"


def method_of(request):
    """upload.start, .upload, .finalize, .query, .cancel or .multipart, by its headers."""
    protocol = (request.header("x-goog-upload-protocol") or "").lower()
    if protocol == "multipart" or request.argument("uploadType") == "multipart":
        return "upload.multipart"
    words = commands(request)
    if words == ["start"]:
        return "upload.start"
    for word in ("cancel", "query", "upload", "finalize"):
        if word in words:
            return "upload." + word
    return "upload.unknown"


def commands(request):
    return [word.strip().lower()
            for word in (request.header("x-goog-upload-command") or "").split(",") if word.strip()]


async def recorded(connection, request, record):
    """The pieces of a body; GET /seen shows how far it has come, and its hash at the end."""
    if not request.unread:
        return
    whole = "body" not in record
    digest = hashlib.sha256()
    shown = record.setdefault("body", {"length": 0})
    async for piece in connection.pieces(request):
        digest.update(piece)
        shown["length"] += len(piece)
        yield piece
    if whole:
        shown["sha256"] = digest.hexdigest()


class Received:
    """What is kept of the bytes of a file."""

    def __init__(self):
        self.digest = hashlib.sha256()
        self.size = 0
        self.kept = bytearray()

    def feed(self, piece):
        self.digest.update(piece)
        self.size += len(piece)
        if self.size <= KEPT:
            self.kept += piece
        else:
            self.kept.clear()

    def facts(self):
        return {"size": self.size, "digest": self.digest.hexdigest(),
                "content": bytes(self.kept) if self.size <= KEPT else None}


class Upload:
    """A resumable upload under way; its id is all that is needed to go on with it."""

    def __init__(self, project, metadata, declared):
        self.id = secrets.token_urlsafe(48)
        self.name = "uploads/" + self.id
        self.project = project
        self.metadata = metadata
        self.declared = declared
        self.received = Received()
        self.status = "active"
        self.expires = time.time() + LIFE

    def document(self):
        return {"name": self.name, "status": self.status, "received": self.received.size}


class Multipart:
    """Takes multipart/related apart as it comes: metadata first, then the media."""

    def __init__(self, boundary):
        self.start = re.compile(
            rb"(?:\r\n)?--" + re.escape(boundary) + rb"[ \t]*\r\n(.*?)\r\n\r\n(.*?)\r\n--"
            + re.escape(boundary) + rb"[ \t]*\r\n(.*?)\r\n\r\n", re.S)
        self.end = b"\r\n--" + boundary + b"--"
        self.held = b""
        self.metadata = None
        self.media_type = ""
        self.received = Received()

    def feed(self, piece):
        self.held += piece
        if self.metadata is None:
            found = self.start.match(self.held)
            if found is None:
                if len(self.held) > METADATA_LIMIT:
                    raise Refusal(400, "Malformed multipart body.")
                return
            self.metadata = found.group(2)
            self.media_type = header_of(found.group(3), "content-type")
            self.held = self.held[found.end():]
        # The end may be cut anywhere, and a line break or two may follow it.
        sure = len(self.held) - len(self.end) - 4
        if sure > 0:
            self.received.feed(self.held[:sure])
            self.held = self.held[sure:]

    def finish(self):
        at = self.held.find(self.end)
        if self.metadata is None or at < 0:
            raise Refusal(400, "Malformed multipart body.")
        self.received.feed(self.held[:at])


def header_of(lines, wanted):
    for line in lines.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == wanted:
            return value.strip()
    return ""


class Uploads:
    """The calls of /upload/v1beta/files."""

    def __init__(self, store, options, files):
        self.store = store
        self.options = options
        self.files = files

    def owner(self, request):
        """The project whose upload a request goes on with, else None."""
        upload = self.store.by_name.get("uploads/" + request.argument("upload_id", ""))
        return upload and upload.project

    async def start(self, exchange):
        request = exchange.request
        if (request.header("x-goog-upload-protocol") or "").lower() != "resumable":
            raise Refusal(400, "Unknown upload protocol.")
        body = b""
        async for piece in recorded(exchange.output.connection, request, exchange.record):
            body += piece
            if len(body) > METADATA_LIMIT:
                raise Refusal(400, "The metadata is too large.")
        exchange.record["body"] = given = validate.parse_json(body)
        metadata = self.metadata(given, request.header("x-goog-upload-header-content-type"))
        length = request.header("x-goog-upload-header-content-length")
        if length is not None and not length.isdigit():
            raise Refusal(400, "Invalid X-Goog-Upload-Header-Content-Length.")
        declared = None if length is None else int(length)
        if declared is not None and declared > LARGEST:
            raise Refusal(400, f"File size exceeds the limit of {LARGEST} bytes.")
        upload = self.store.add(Upload(exchange.project, metadata, declared))
        url = self.url(exchange, upload)
        await exchange.output.whole(200, "text/plain; charset=utf-8", b"", [
            ("X-Goog-Upload-Status", "active"), ("X-Goog-Upload-URL", url),
            ("X-Goog-Upload-Control-URL", url), self.granularity(),
            ("X-GUploader-UploadID", upload.id)])

    @staticmethod
    def metadata(given, mime):
        """What a body says of the file; the header's type counts where it says none."""
        metadata = schema.check("CreateFileRequest", given)[0].get("file", {})
        metadata.setdefault("mimeType", mime or "application/octet-stream")
        return metadata

    def granularity(self):
        return "X-Goog-Upload-Chunk-Granularity", str(self.options.upload_granularity)

    def url(self, exchange, upload):
        """Where to go on; as Google's it repeats the query of the start."""
        request = exchange.request
        tls = exchange.output.connection.writer.get_extra_info("ssl_object")
        own = f"{'https' if tls else 'http'}://{request.header('host')}"
        origin = {"own": own, "google": GOOGLE}.get(self.options.upload_host,
                                                    self.options.upload_host)
        lead = request.raw_query + "&" if request.raw_query else ""
        return f"{origin}{request.path}?{lead}upload_id={upload.id}&upload_protocol=resumable"

    def find(self, exchange):
        upload = self.store.find("uploads/" + exchange.request.argument("upload_id", ""),
                                 exchange.project)
        if upload is None and self.owner(exchange.request) is not None:
            raise Refusal(403, "The caller does not have permission")
        if upload is None:
            raise Refusal(404, "Upload not found or expired.")
        return upload

    def refusal(self, upload, message):
        return Refusal(400, message, headers=self.headers(upload))

    def headers(self, upload):
        return [("X-Goog-Upload-Status", upload.status),
                ("X-Goog-Upload-Size-Received", str(upload.received.size)), self.granularity()]

    async def upload(self, exchange):
        """The commands "upload", "upload, finalize" and "finalize"."""
        request = exchange.request
        upload = self.find(exchange)
        if upload.status != "active":
            raise self.refusal(upload, "Upload has already been terminated.")
        words = commands(request)
        if set(words) - {"upload", "finalize"}:
            raise self.refusal(upload, "Unknown upload command.")
        offset = request.header("x-goog-upload-offset")
        if "upload" in words and offset != str(upload.received.size):
            raise self.refusal(upload, f"The offset {offset} is not the {upload.received.size}"
                               " bytes that were received.")
        length = request.header("content-length")
        if "finalize" not in words and length is not None:
            self.check_granularity(upload, int(length))
        before = upload.received.size
        async for piece in recorded(exchange.output.connection, request, exchange.record):
            if "upload" not in words:
                raise self.refusal(upload, "A request that only finalizes has no body.")
            if upload.received.size + len(piece) > (upload.declared or LARGEST):
                raise self.refusal(upload, "More bytes than were announced.")
            upload.received.feed(piece)
        if "finalize" in words:
            await self.finalize(exchange, upload)
            return
        self.check_granularity(upload, upload.received.size - before)
        await exchange.output.whole(200, "text/plain; charset=utf-8", b"", self.headers(upload))

    def check_granularity(self, upload, size):
        if size % self.options.upload_granularity:
            raise self.refusal(upload, "A chunk that is not the last must be a multiple of"
                               f" {self.options.upload_granularity} bytes.")

    async def finalize(self, exchange, upload):
        if upload.declared is not None and upload.received.size != upload.declared:
            raise self.refusal(upload, "Fewer bytes than were announced.")
        entry = self.files.add(upload.project, upload.metadata, **upload.received.facts())
        upload.status = "final"
        await exchange.send({"file": entry.document()}, self.headers(upload)[:1])

    async def query(self, exchange):
        await exchange.output.whole(200, "text/plain; charset=utf-8", b"",
                                    self.headers(self.find(exchange)))

    async def cancel(self, exchange):
        upload = self.find(exchange)
        if upload.status == "final":
            raise self.refusal(upload, "Upload has already been terminated.")
        upload.status = "cancelled"
        await exchange.output.whole(200, "text/plain; charset=utf-8", b"", self.headers(upload))

    async def multipart(self, exchange):
        request = exchange.request
        kind = request.header("content-type") or ""
        found = re.search(r'boundary=(?:"([^"]+)"|([^\s;]+))', kind)
        if not kind.lower().startswith("multipart/related") or found is None:
            raise Refusal(400, "A multipart upload is multipart/related with a boundary.")
        parts = Multipart((found.group(1) or found.group(2)).encode("latin-1"))
        async for piece in recorded(exchange.output.connection, request, exchange.record):
            parts.feed(piece)
        parts.finish()
        metadata = self.metadata(validate.parse_json(parts.metadata), parts.media_type)
        entry = self.files.add(exchange.project, metadata, **parts.received.facts())
        await exchange.send({"file": entry.document()}, [("X-Goog-Upload-Status", "final")])

    async def unknown(self, exchange):
        raise Refusal(400, "Unknown upload command.")

"""Files: those that were uploaded, and those that a model or a batch has made."""

import base64
import hashlib
import re
import time

import schema
from errors import Refusal
from resources import GOOGLE, listing, new_id, stamp

LIFE = 48 * 3600
PIECE = 64 * 1024
USED = re.compile(r"(?:https://generativelanguage\.googleapis\.com/v1(?:beta|alpha)/)?"
                  r"(files/[A-Za-z0-9_-]+)(?::download)?(?:\?.*)?")
OWN_NAME = re.compile(r"files/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")


def absent(name):
    return Refusal(403, f"You do not have permission to access the File"
                   f" {name[len('files/'):]} or it may not exist.")


class File:
    """One file: of what was uploaded a hash and a size, and the bytes of a small one."""

    def __init__(self, project, name=None, mime="application/octet-stream", title=None, size=None,
                 digest=None, content=None, gets=0, generated=False):
        self.name = name or "files/" + new_id()
        self.project = project
        self.mime = mime
        self.title = title
        self.size = size
        self.digest = digest
        self.content = content
        self.gets = gets
        self.generated = generated
        self.created = time.time()
        self.expires = self.created + LIFE

    def active(self):
        return self.gets <= 0

    def document(self):
        found = {"name": self.name, "mimeType": self.mime}
        if self.title:
            found["displayName"] = self.title
        if self.size is not None:
            found["sizeBytes"] = str(self.size)
        found.update(createTime=stamp(self.created), updateTime=stamp(self.created),
                     expirationTime=stamp(self.expires))
        if self.digest is not None:
            found["sha256Hash"] = base64.b64encode(self.digest.encode()).decode()
        found["uri"] = f"{GOOGLE}/v1beta/{self.name}"
        if self.generated:
            found["downloadUri"] = f"{GOOGLE}/download/v1beta/{self.name}:download?alt=media"
        return {**found, "state": "ACTIVE" if self.active() else "PROCESSING",
                "source": "GENERATED" if self.generated else "UPLOADED"}

    def pieces(self):
        """Its bytes; those of a made-up one follow from its name."""
        if self.content is not None:
            for start in range(0, len(self.content), PIECE):
                yield self.content[start:start + PIECE]
            return
        block = (hashlib.sha256(self.name.encode()).digest() * (PIECE // 32))[:PIECE]
        for start in range(0, self.size or 0, PIECE):
            yield block[:min(PIECE, self.size - start)]


def generated_file(project, mime, size=None, content=None, name=None):
    """A file that can be downloaded, of so many bytes or with this content."""
    made = File(project, name, mime, size=len(content) if size is None else size,
                content=content, generated=True)
    digest = hashlib.sha256()
    for piece in made.pieces():
        digest.update(piece)
    made.digest = digest.hexdigest()
    return made


class Files:
    """The calls of files, but for uploads."""

    def __init__(self, store, options):
        self.store = store
        self.options = options

    def create(self, exchange):
        """The metadata alone."""
        given, _ = schema.check("CreateFileRequest", exchange.body)
        return {"file": self.add(exchange.project, given.get("file", {})).document()}

    def add(self, project, metadata, **more):
        name = metadata.get("name")
        check_name(name)
        return self.store.add(File(
            project, name or None, metadata.get("mimeType") or "application/octet-stream",
            metadata.get("displayName"), gets=self.options.file_gets, **more))

    def find(self, name, project):
        entry = self.store.find(name, project)
        if entry is None:
            raise absent(name)
        return entry

    def get(self, exchange):
        entry = self.find(exchange.route.name, exchange.project)
        answer = entry.document()
        entry.gets -= 1
        return answer

    def list(self, exchange):
        found, following = self.store.page(File, exchange, 10, 100)
        return listing("files", [entry.document() for entry in found], following)

    def delete(self, exchange):
        self.store.remove(self.find(exchange.route.name, exchange.project).name)
        return {}

    async def download(self, exchange):
        entry = self.find(exchange.route.name, exchange.project)
        if not entry.generated:
            raise Refusal(400, "File download is only supported for generated files.")
        if exchange.request.argument("alt") != "media":
            return {}
        length = None if self.options.download_chunked else entry.size
        await exchange.output.head(200, entry.mime, length)
        for piece in entry.pieces():
            await exchange.output.piece(piece)
        await exchange.output.end()
        return None

    def check_used(self, request, project):
        """Refuses a generate request with a file that is not there, or not ready."""
        for content in request.get("contents", []):
            for part in content.get("parts", []):
                found = USED.fullmatch(part.get("fileData", {}).get("fileUri", ""))
                if found is None:
                    continue
                if not self.find(found.group(1), project).active():
                    raise Refusal(400, f"The File {found.group(1)[len('files/'):]} is not in an"
                                  " ACTIVE state and usage is not allowed.",
                                  "FAILED_PRECONDITION")


def check_name(name):
    if name and not OWN_NAME.fullmatch(name):
        raise Refusal(400, "Invalid file name: lowercase letters, digits and dashes after"
                      " \"files/\", at most 40, and no dash at either end.")

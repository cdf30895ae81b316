"""Where the server meets what projects own: the paths, and who answers them."""

import inspect
import re

import uploads
from batches import Batch, Batches, Operation
from caches import Cache, Caches
from files import File, Files, generated_file
from resources import Exchange, Options, Store

VERSION = r"(?P<version>v1beta|v1alpha|v1)"
NAME = r"[A-Za-z0-9_-]{1,64}"
ROUTES = [(verb, re.compile(pattern.format(version=VERSION, name=NAME)), method)
          for verb, pattern, method in (
    ("POST", "/{version}/cachedContents", "cachedContents.create"),
    ("GET", "/{version}/cachedContents", "cachedContents.list"),
    ("GET", "/{version}/(?P<name>cachedContents/{name})", "cachedContents.get"),
    ("PATCH", "/{version}/(?P<name>cachedContents/{name})", "cachedContents.patch"),
    ("DELETE", "/{version}/(?P<name>cachedContents/{name})", "cachedContents.delete"),
    ("POST", "/{version}/files", "files.create"),
    ("GET", "/{version}/files", "files.list"),
    ("GET", "/{version}/(?P<name>files/{name})", "files.get"),
    ("DELETE", "/{version}/(?P<name>files/{name})", "files.delete"),
    ("GET", "(?:/download)?/{version}/(?P<name>files/{name}):download", "files.download"),
    ("POST", "/upload/{version}/files", "upload"),
    ("PUT", "/upload/{version}/files", "upload"),
    ("POST", "/{version}/models/(?P<model>[^/:]+):batchGenerateContent", "batchGenerateContent"),
    ("POST", "/{version}/models/(?P<model>[^/:]+):asyncBatchEmbedContent",
     "asyncBatchEmbedContent"),
    ("POST", "/{version}/models/(?P<model>[^/:]+):predictLongRunning", "predictLongRunning"),
    ("GET", "/{version}/batches", "batches.list"),
    ("GET", "/{version}/(?P<name>batches/{name})", "batches.get"),
    ("POST", "/{version}/(?P<name>batches/{name}):cancel", "batches.cancel"),
    ("DELETE", "/{version}/(?P<name>batches/{name})", "batches.delete"),
    ("GET", "/{version}/models/(?P<model>[^/:]+)/operations", "operations.list"),
    ("GET", "/{version}/(?P<name>(?:models/[^/:]+/)?operations/{name})", "operations.get"),
)]
# The upload_id is what these are allowed by.
WITHOUT_KEY = ("upload.upload", "upload.finalize", "upload.query", "upload.cancel")


class Route:
    """What a path asks for; as the server's own, with the name of what it is about."""

    def __init__(self, version, method, model=None, name=None):
        self.version = version
        self.method = method
        self.model = model
        self.name = name
        self.place = None


def route_of(request):
    """The Route of a request for a resource, else None."""
    for verb, pattern, method in ROUTES:
        found = pattern.fullmatch(request.path) if verb == request.method else None
        if found is not None:
            groups = found.groupdict()
            if method == "upload":
                method = uploads.method_of(request)
            return Route(groups["version"], method, groups.get("model"), groups.get("name"))
    return None


class Owned:
    """All that the projects of one simulator own."""

    def __init__(self, catalogue, respond):
        self.options = Options()
        self.store = Store()
        self.caches = Caches(self.store, self.options, catalogue)
        self.files = Files(self.store, self.options)
        self.uploads = uploads.Uploads(self.store, self.options, self.files)
        batches = Batches(self.store, self.options, catalogue, self.files, respond)
        self.calls = {
            **{f"cachedContents.{name}": getattr(self.caches, name)
               for name in ("create", "list", "get", "patch", "delete")},
            **{f"files.{name}": getattr(self.files, name)
               for name in ("create", "list", "get", "delete", "download")},
            **{f"upload.{name}": getattr(self.uploads, name)
               for name in ("start", "upload", "query", "cancel", "multipart", "unknown")},
            "upload.finalize": self.uploads.upload,
            "batchGenerateContent": batches.generate, "asyncBatchEmbedContent": batches.embed,
            **{f"batches.{name}": getattr(batches, name)
               for name in ("list", "get", "cancel", "delete")},
            "predictLongRunning": batches.predict, "operations.list": batches.list_operations,
            "operations.get": batches.get_operation,
        }

    def has(self, method):
        return method in self.calls

    def owner(self, route, request):
        """The project that an upload_id speaks for where no key is needed, else None."""
        if route.method in WITHOUT_KEY:
            return self.uploads.owner(request) or ""
        return None

    async def reply(self, route, request, body, project, output, record, send):
        """Answers a call; raises Refusal."""
        record["project"] = project
        exchange = Exchange(route, request, body, project, output, record, send)
        found = self.calls[route.method](exchange)
        if inspect.isawaitable(found):
            found = await found
        if found is not None:
            await exchange.send(found)

    def used(self, request, model, project):
        """Checks what a generate request names; the tokens its cache adds."""
        self.files.check_used(request, project)
        return self.caches.used(request, model, project)

    # What the control port asks for.

    def state(self):
        return [{"project": entry.project, **entry.document()}
                for entry in self.store.by_name.values()]

    def put(self, given):
        """Makes something as if elsewhere: {"name", "project", ...}; replaces what was there."""
        entry = self.make(dict(given))
        self.store.remove(entry.name)
        self.store.add(entry)
        return {"project": entry.project, **entry.document()}

    @staticmethod
    def make(given):
        name, project = given.pop("name"), given.pop("project")
        kind = name.rpartition("/")[0].rpartition("/")[2]
        if kind == "cachedContents":
            made = Cache(project, {"model": given.pop("model"),
                                   "displayName": given.pop("displayName", "")},
                         given.pop("tokens", 1000), name)
        elif kind == "files" and given.pop("generated", False):
            made = generated_file(project, given.pop("mimeType", "video/mp4"),
                                  given.pop("size", 1000), name=name)
        elif kind == "files":
            made = File(project, name, given.pop("mimeType", "text/plain"),
                        given.pop("displayName", None), given.pop("size", 1000),
                        gets=given.pop("gets", 0))
        elif kind == "batches":
            made = Batch(project, "GenerateContentBatch", given.pop("model"),
                         given.pop("displayName", "made elsewhere"), name=name,
                         gets=given.pop("gets", 0))
        elif kind == "operations":
            made = Operation(project, given.pop("model", ""), given.pop("gets", 0), name)
        else:
            raise ValueError(f"nothing is called {name!r}")
        if given:
            raise ValueError(f"unknown of {kind}: {', '.join(given)}")
        return made

"""What projects own, and their own projects alone can see: how it is kept, paged and named.

The kinds are in `caches`, `files`, `uploads` and `batches`; `owned` brings them together.
"""

import base64
import dataclasses
import datetime
import re
import secrets
import string
import time

import errors
from errors import Refusal

GOOGLE = "https://generativelanguage.googleapis.com"


@dataclasses.dataclass
class Options:
    """What a test may change: on the command line, or by PUT /options."""

    cache_minimum: int = 0              # tokens a cache must hold; Google: 1024 and more
    upload_host: str = "own"            # of X-Goog-Upload-URL: own, google, or an origin
    upload_granularity: int = 8 * 1024 * 1024
    file_gets: int = 0                  # so often a new file is PROCESSING when looked at
    batch_gets: int = 1                 # so often a batch is not done yet
    batch_output: str = "as_input"      # or file, inline
    operation_gets: int = 1
    video_bytes: int = 100000
    download_chunked: bool = False

    def change(self, given):
        for name, value in given.items():
            if not hasattr(self, name) or type(value) is not type(getattr(self, name)):
                raise ValueError(f"no option {name} with the value {value!r}")
        for name, value in given.items():
            setattr(self, name, value)


class Exchange:
    """One call: what it asks for, and for whom."""

    def __init__(self, route, request, body, project, output, record, send):
        self.route = route
        self.request = request
        self.body = body
        self.project = project
        self.output = output
        self.record = record
        self._send = send

    async def send(self, document, headers=()):
        await self._send(self.output, document, headers)


class Store:
    """Everything there is, by name, oldest first."""

    def __init__(self):
        self.by_name = {}

    def add(self, entry):
        if entry.name in self.by_name:
            raise Refusal(409, "Requested entity already exists", "ALREADY_EXISTS")
        self.by_name[entry.name] = entry
        return entry

    def find(self, name, project):
        """What the project has under a name, else None."""
        entry = self.by_name.get(name)
        if entry is not None and expired(entry):
            del self.by_name[name]
            return None
        return entry if entry is not None and entry.project == project else None

    def remove(self, name):
        return self.by_name.pop(name, None)

    def page(self, kind, exchange, usual, most, wanted=None):
        """(entries of a project, the token of the next page or None)."""
        size = exchange.request.argument("pageSize", "0")
        if not re.fullmatch(r"-?\d{1,9}", size):
            raise errors.invalid(f"Invalid value at 'page_size' (TYPE_INT32), \"{size}\"",
                                 "page_size")
        if int(size) < 0:
            raise Refusal(400, "Invalid page_size.")
        owned = [entry for entry in self.by_name.values()
                 if isinstance(entry, kind) and entry.project == exchange.project
                 and not expired(entry) and (wanted is None or wanted(entry))]
        start = 0
        token = exchange.request.argument("pageToken")
        if token:
            start = position_of(token, exchange.project)
        end = start + min(int(size) or usual, most)
        following = token_for(end, exchange.project) if end < len(owned) else None
        return owned[start:end], following


def token_for(position, project):
    """A page's token: like Google's it is of use to its own project alone."""
    return base64.urlsafe_b64encode(f"{position}/{project}".encode()).decode().rstrip("=")


def position_of(token, project):
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except ValueError as error:
        raise Refusal(400, "Request contains an invalid argument.") from error
    position, _, owner = text.partition("/")
    if not position.isdigit() or owner != project:
        raise Refusal(400, "Request contains an invalid argument.")
    return int(position)


def expired(entry):
    moment = getattr(entry, "expires", None)
    return moment is not None and moment <= time.time()


def new_id(length=12):
    return "".join(secrets.choice(string.ascii_lowercase + string.digits)
                   for _ in range(length))


def stamp(moment):
    """A Timestamp in JSON."""
    return datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text):
    """The time of a Timestamp that the schema has let through."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", text)
    try:
        moment = datetime.datetime.fromisoformat(
            found.group(1) + found.group(3).replace("Z", "+00:00"))
    except (AttributeError, ValueError) as error:
        raise Refusal(400, f"Invalid time: {text}") from error
    return moment.timestamp() + float(found.group(2) or 0)


def listing(name, documents, following):
    """A page of a list; Google leaves out what is empty."""
    answer = {name: documents} if documents else {}
    if following:
        answer["nextPageToken"] = following
    return answer

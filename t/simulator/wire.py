"""HTTP/1.1 on asyncio: requests in, answers out, and the ways an answer can go wrong.

Everything above works with `Request` and `Output`; only this file knows bytes of HTTP.
"""

import asyncio
import email.utils
import gzip
import http
import socket
import struct
import urllib.parse

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 140 * 1024 * 1024      # 100 MB of media as base64, and the JSON around it


class Gone(Exception):
    """The client closed its side."""


class Cut(Exception):
    """The connection is to be dropped now, as the fault asked."""

    def __init__(self, rst=False):
        super().__init__("cut")
        self.rst = rst


class BadRequest(Exception):
    """What came is no HTTP/1.1 request, or too large; the connection ends with `code`."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Protocol(asyncio.StreamReaderProtocol):
    """A stream protocol that tells when the peer has closed, also while nobody reads."""

    def __init__(self, reader, connected, loop):
        super().__init__(reader, connected, loop=loop)
        self.gone = asyncio.Event()

    def eof_received(self):
        self.gone.set()
        return super().eof_received()

    def connection_lost(self, exc):
        self.gone.set()
        super().connection_lost(exc)


async def listen(serve, host, port, tls=None):
    """Starts a server that runs `serve(Connection)` for each connection."""
    loop = asyncio.get_running_loop()

    def factory():
        reader = asyncio.StreamReader(limit=HEAD_LIMIT, loop=loop)
        protocol = None

        async def connected(reader, writer):
            try:
                await serve(Connection(reader, writer, protocol.gone))
            except asyncio.CancelledError:
                writer.transport.abort()

        protocol = Protocol(reader, connected, loop)
        return protocol

    return await loop.create_server(factory, host, port, backlog=4096, ssl=tls)


class Request:
    """One request, body included."""

    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        raw_path, _, raw_query = target.partition("?")
        self.path = urllib.parse.unquote(raw_path)
        self.raw_query = raw_query
        self.query = urllib.parse.parse_qs(raw_query, keep_blank_values=True)
        self.body = b""
        self.unread = False             # there is body still to be taken by Connection.pieces
        self.source = None

    def header(self, name):
        """The value; several of one name are joined by ", "; None when absent."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    def header_map(self):
        joined = {}
        for key, value in self.headers:
            joined[key] = f"{joined[key]}, {value}" if key in joined else value
        return joined

    def argument(self, name, default=None):
        return self.query.get(name, [default])[-1]

    def keeps_alive(self):
        tokens = (self.header("connection") or "").lower()
        if self.version == "HTTP/1.0":
            return "keep-alive" in tokens
        return "close" not in tokens


class Connection:
    """One accepted connection."""

    def __init__(self, reader, writer, gone):
        self.reader = reader
        self.writer = writer
        self.gone = gone
        self.number = 0

    async def write(self, data):
        if self.writer.is_closing():
            raise Gone()
        self.writer.write(data)
        try:
            await self.writer.drain()
        except (ConnectionError, OSError) as error:
            raise Gone() from error

    async def pause(self, seconds):
        """Sleeps, or raises Gone as soon as the client leaves. None: sleeps until then."""
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self.gone.wait(), seconds)
        except asyncio.TimeoutError:
            return
        raise Gone()

    def drop(self, rst=False):
        """Closes at once; with `rst` by a reset in place of a FIN."""
        sock = self.writer.get_extra_info("socket")
        if rst and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.transport.abort()
            return
        self.writer.close()

    async def read_request(self, streamed=None):
        """The next request, or None when the client has closed in between.

        The body of one for which `streamed(request)` holds is left to pieces().
        """
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as error:
            raise BadRequest(431, "request header too large") from error
        except (ConnectionError, OSError):
            return None
        request = parse_head(head)
        request.unread = has_body(request)
        if request.unread and not (streamed is not None and streamed(request)):
            check_size(int(request.header("content-length") or 0))
            request.body = bytearray()
            async for piece in self.pieces(request):
                request.body += piece
                check_size(len(request.body))
        return request

    async def pieces(self, request):
        """The body as it comes, or the rest of one that was left; `unread` ends with it."""
        if not request.unread:
            return
        length = request.header("content-length")
        if request.source is None:
            request.source = self._read_chunks() if length is None \
                else self._read_exactly(int(length))
            if (request.header("expect") or "").lower() == "100-continue":
                await self.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            async for piece in request.source:
                yield piece
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Gone() from error
        request.unread = False

    async def _read_exactly(self, length):
        while length > 0:
            data = await self.reader.read(length)
            if not data:
                raise Gone()
            length -= len(data)
            yield data

    async def _read_chunks(self):
        while True:
            line = await self.reader.readuntil(b"\r\n")
            try:
                size = int(line.split(b";")[0].strip(), 16)
            except ValueError as error:
                raise BadRequest(400, "bad chunk size") from error
            if size == 0:
                break
            async for piece in self._read_exactly(size):
                yield piece
            if await self.reader.readexactly(2) != b"\r\n":
                raise BadRequest(400, "bad chunk end")
        while await self.reader.readuntil(b"\r\n") != b"\r\n":
            pass


def has_body(request):
    """Whether the head announces a body; raises BadRequest when it does so wrongly."""
    coding = request.header("transfer-encoding")
    length = request.header("content-length")
    if coding is not None and length is not None:
        raise BadRequest(400, "both Content-Length and Transfer-Encoding")
    if length is not None and not length.isdigit():
        raise BadRequest(400, "bad Content-Length")
    if coding is not None and coding.lower() != "chunked":
        raise BadRequest(501, "unknown Transfer-Encoding")
    return coding is not None or length is not None


def check_size(size):
    """Refuses a body of which all has to be kept."""
    if size > BODY_LIMIT:
        raise BadRequest(400, f"Request payload size exceeds the limit: {BODY_LIMIT} bytes.")


def parse_head(head):
    """Request line and headers; names in lower case."""
    lines = head[:-4].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise BadRequest(400, "bad request line")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400, "bad header line")
        headers.append((name.lower(), value.strip(" \t")))
    request = Request(*words, headers)
    if request.version == "HTTP/1.1" and request.header("host") is None:
        raise BadRequest(400, "no Host header")
    return request


class Output:
    """Writes one answer. The faults of the transport are its attributes:

    drip: bytes per write, None for as they come; drip_pause: seconds between these;
    cut_bytes: drop the connection after so many bytes of body; rst: by a reset;
    extra_length: added to the Content-Length that is announced, whoever is wronged by it;
    date: what the Date header says, None for the truth.
    """

    def __init__(self, connection, request, record):
        self.connection = connection
        self.request = request
        self.record = record
        self.keep_alive = request.keeps_alive()
        self.drip = None
        self.drip_pause = 0
        self.cut_bytes = None
        self.rst = False
        self.extra_length = 0
        self.force_chunked = False
        self.until_close = False
        self.date = None
        self.started = False
        self.sent = 0
        self._chunked = False

    async def raw(self, data):
        """Bytes as they are, past all HTTP."""
        if self.drip is None:
            await self.connection.write(data)
            return
        for start in range(0, len(data), self.drip):
            await self.connection.write(data[start:start + self.drip])
            await self.connection.pause(self.drip_pause)

    async def head(self, status, content_type, length=None, headers=()):
        """The head; without a length the body is chunked, or ends with the connection."""
        self.started = True
        self.record["status"] = status
        self._chunked = False
        reason = http.HTTPStatus(status).phrase if status in STATUS_CODES else "Unknown"
        lines = [f"HTTP/1.1 {status} {reason}"]
        if content_type:
            lines.append(f"Content-Type: {content_type}")
        lines += [f"{name}: {value}" for name, value in COMMON_HEADERS]
        lines += [f"{name}: {value}" for name, value in headers]
        lines.append("Date: " + (self.date or email.utils.formatdate(usegmt=True)))
        if self.until_close or (length is None and self.request.version == "HTTP/1.0"):
            self.keep_alive = False
        elif length is not None:
            lines.append(f"Content-Length: {max(0, length + self.extra_length)}")
        else:
            self._chunked = True
            lines.append("Transfer-Encoding: chunked")
        if self.extra_length:
            self.keep_alive = False
        else:
            if not self.keep_alive:
                lines.append("Connection: close")
            elif self.request.version == "HTTP/1.0":
                lines.append("Connection: keep-alive")
        await self.raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    async def piece(self, data):
        """Some of the body."""
        if not data:
            return
        if self._chunked:
            framed = b"%x\r\n%b\r\n" % (len(data), data)
            lead = framed.index(b"\n") + 1
        else:
            framed, lead = data, 0
        if self.cut_bytes is not None and self.sent + len(data) >= self.cut_bytes:
            allowed = self.cut_bytes - self.sent
            self.sent += allowed
            self.record["bytes"] = self.sent
            await self.raw(framed[:lead + allowed])
            raise Cut(self.rst)
        await self.raw(framed)
        self.sent += len(data)
        self.record["bytes"] = self.sent

    async def end(self):
        if self._chunked:
            await self.raw(b"0\r\n\r\n")

    async def whole(self, status, content_type, body, headers=()):
        """A complete answer in one go."""
        headers = list(headers)
        if self._wants_gzip() and len(body) > 256:
            body = gzip.compress(body, 1)
            headers.append(("Content-Encoding", "gzip"))
        length = None if self.force_chunked or self.until_close else len(body)
        await self.head(status, content_type, length, headers)
        if self.cut_bytes == 0:
            raise Cut(self.rst)
        await self.piece(body)
        await self.end()

    def _wants_gzip(self):
        """Google compresses for those who accept it and name gzip in User-Agent too."""
        return ("gzip" in (self.request.header("accept-encoding") or "")
                and "gzip" in (self.request.header("user-agent") or ""))


STATUS_CODES = {status.value for status in http.HTTPStatus}
COMMON_HEADERS = (
    ("Vary", "Origin"), ("Vary", "X-Origin"), ("Vary", "Referer"),
    ("Server", "scaffolding on HTTPServer2"), ("X-XSS-Protection", "0"),
    ("X-Frame-Options", "SAMEORIGIN"), ("X-Content-Type-Options", "nosniff"),
)

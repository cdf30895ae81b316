"""The parts of answers that are not words: a picture, a sound, sources, probabilities, vectors."""

import base64
import hashlib
import math
import struct
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(
        ">I", zlib.crc32(kind + data))


def picture(text, side=32):
    """A small PNG, coloured by the text."""
    red, green, blue = hashlib.sha256(text.encode("utf-8", "replace")).digest()[:3]
    rows = b"".join(
        b"\0" + b"".join(bytes(((red + x * 4) % 256, (green + y * 4) % 256, blue))
                         for x in range(side)) for y in range(side))
    data = (b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))
    return {"mimeType": "image/png", "data": base64.b64encode(data).decode()}


def speech(text, rate=24000):
    """A hum whose length goes with the text; 16 bit little-endian PCM."""
    count = min(rate, 1200 + 200 * len(text))
    samples = [int(8000 * math.sin(2 * math.pi * 220 * i / rate)) for i in range(count)]
    data = struct.pack(f"<{count}h", *samples)
    return {"mimeType": f"audio/L16;codec=pcm;rate={rate}",
            "data": base64.b64encode(data).decode()}


def grounding(said, asked):
    """groundingMetadata for the whole answer; offsets are bytes, as Google's are."""
    length = len(said.encode("utf-8", "replace"))
    first = said.split("\n")[0]
    end = len(first.encode("utf-8", "replace"))
    redirect = "https://vertexaisearch.cloud.google.com/grounding-api-redirect/"
    supports = [{"segment": {"endIndex": end, "text": first}, "groundingChunkIndices": [0]}]
    if length > end:
        rest = said[len(first):].lstrip("\n")
        start = length - len(rest.encode("utf-8", "replace"))
        supports.append({"segment": {"startIndex": start, "endIndex": length, "text": rest},
                         "groundingChunkIndices": [0, 1]})
    return {"searchEntryPoint": {"renderedContent": "<style>.chip{}</style><div>search</div>"},
            "groundingChunks": [{"web": {"uri": redirect + "one", "title": "example.com"}},
                                {"web": {"uri": redirect + "two", "title": "example.org"}}],
            "groundingSupports": supports, "webSearchQueries": [asked[:100]]}


def logprobs(said, top):
    """logprobsResult, a token a word."""
    words = said.split(" ")[:64]
    chosen, others = [], []
    for i, word in enumerate(words):
        entry = {"token": word if i == 0 else " " + word, "tokenId": 1000 + i,
                 "logProbability": round(-0.05 * (1 + i % 5), 4)}
        chosen.append(entry)
        others.append({"candidates": [entry] + [
            {"token": f" alt{n}", "tokenId": 9000 + n, "logProbability": -2.5 - n}
            for n in range(max(0, top - 1))]} if top else {})
    found = {"chosenCandidates": chosen}
    if top:
        found["topCandidates"] = others
    return found


def vector(text, size, unit):
    """An embedding: texts with common words are near; unit: scaled to length one."""
    values = [0.0] * size
    for word in text.lower().split() or [""]:
        digest = hashlib.sha256(word.encode("utf-8", "replace")).digest()
        for i in range(0, 32, 4):
            place = int.from_bytes(digest[i:i + 3], "big")
            values[place % size] += 1.0 if digest[i + 3] & 1 else -1.0
        values[digest[0] % size] += 0.01
    scale = math.sqrt(sum(value * value for value in values)) if unit else 8.0
    return [round(value / (scale or 1.0), 8) for value in values]

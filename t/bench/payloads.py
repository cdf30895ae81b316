"""What goes over the wire: requests of both APIs, and the mock's answers."""

import base64
import json
import random

MODEL = "gemini-2.5-flash"
TOKEN = "bench-client-token"
EVENTS = 60

USAGE = {"promptTokenCount": 150, "candidatesTokenCount": 300,
         "totalTokenCount": 450}


def words(count):
    return "".join(f"lorem ipsum {i} " for i in range(count))


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def reply(text, finish):
    """Gemini's answer, whole or one event of a stream."""
    candidate = {"content": {"parts": [{"text": text}], "role": "model"}}

    if finish:
        candidate["finishReason"] = finish

    candidate["index"] = 0

    return compact({"candidates": [candidate], "usageMetadata": USAGE,
                    "modelVersion": MODEL, "responseId": "bench"})


WHOLE_TEXT = words(98)
EVENT_TEXT = words(8)
WHOLE = reply(WHOLE_TEXT, "STOP")
STREAM = "".join(
    f"data: {reply(EVENT_TEXT, 'STOP' if i == EVENTS - 1 else None)}\r\n\r\n"
    for i in range(EVENTS))


def chat(stream, **more):
    request = {"model": MODEL, "stream": stream, "messages": [
        {"role": "system", "content": words(10)},
        {"role": "user", "content": words(34)}]}
    request.update(more)

    return compact(request)


def conversation(size):
    """A chat of turns of 2 KB, about size bytes of them."""
    turn = words(120)
    messages = [{"role": ("user", "assistant")[i % 2], "content": turn}
                for i in range(size // len(turn) | 1)]

    return chat(False, messages=messages)


def image(size):
    """A chat with an image of size bytes as a data URL."""
    png = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(size - 8)
    url = "data:image/png;base64," + base64.b64encode(png).decode()

    return chat(False, messages=[{"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}}]}])


def tool(i):
    return {"type": "function", "function": {
        "name": f"search_orders_{i}",
        "description": "Finds a customer's orders. " + words(8),
        "parameters": {
            "type": "object",
            "properties": {
                "customer": {"type": "string", "description": "Whose orders"},
                "status": {"type": "string",
                           "enum": ["open", "paid", "sent", "returned"]},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100},
                "filters": {"type": "array", "items": {
                    "type": "object",
                    "properties": {"field": {"type": "string"},
                                   "value": {"type": "string"}},
                    "required": ["field", "value"]}}},
            "required": ["customer"]}}}


def native():
    return compact({
        "systemInstruction": {"parts": [{"text": words(10)}]},
        "contents": [{"role": "user", "parts": [{"text": words(34)}]}]})


MEGABYTE = 1000 * 1000

# By name: what makes it, as the large ones are not always needed.
BODIES = {
    "whole": lambda: chat(False),
    "stream": lambda: chat(True),
    "native": native,
    "tools": lambda: chat(False, tools=[tool(i) for i in range(50)]),
    "conversation": lambda: conversation(MEGABYTE),
    "conversation4": lambda: conversation(4 * MEGABYTE),
    "image": lambda: image(12 * MEGABYTE),
}

HEADERS = {"Content-Type": "application/json",
           "Authorization": f"Bearer {TOKEN}"}


def wire(path, body):
    """A whole request, for those who send bytes as they are."""
    head = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())

    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

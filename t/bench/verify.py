"""Are the answers right?  To measure others would be worth nothing."""

import http.client
import json

import payloads
from processes import Failure


def post(server, path, body):
    connection = http.client.HTTPConnection("127.0.0.1", server.port,
                                            timeout=60)
    connection.request("POST", path, body, payloads.HEADERS)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    server.requests += 1

    if response.status != 200:
        raise Failure(f"{path}: {response.status}, {data[:500]!r}\n"
                      f"{server.log()}")

    return data.decode()


def expect(right, path):
    if not right:
        raise Failure(f"{path}: the answer is not whole")


def whole(server, path, body):
    """OpenAI's form."""
    choice = json.loads(post(server, path, body))["choices"][0]

    expect(choice["message"]["content"] == payloads.WHOLE_TEXT
           and choice["finish_reason"] == "stop", path)


def streamed(server, path, body):
    """OpenAI's events."""
    events = post(server, path, body).split("\n\n")
    text = ""
    finish = []

    expect(events[-2:] == ["data: [DONE]", ""], path)

    for event in events[:-2]:
        expect(event.startswith("data: {"), path)

        for choice in json.loads(event[6:])["choices"]:
            text += choice["delta"].get("content") or ""
            finish.append(choice["finish_reason"])

    expect(text == payloads.EVENT_TEXT * payloads.EVENTS
           and len(events) - 2 >= payloads.EVENTS
           and finish[-1] == "stop", path)


def same(server, path, body, answer):
    """The mock's bytes."""
    expect(post(server, path, body) == answer, path)


def all_of(setup, plain, module):
    for pace in setup.mock.ports:
        if pace in ("slow", "many"):
            continue                    # the load counts their events

        model = f"/{pace}/v1beta/models/{payloads.MODEL}"
        chat = f"/{pace}/v1/chat/completions"

        same(plain, f"/{pace}/whole", setup.body("whole"), payloads.WHOLE)
        same(plain, f"/{pace}/stream", setup.body("stream"), payloads.STREAM)
        whole(module, chat, setup.body("whole"))
        streamed(module, chat, setup.body("stream"))

        for server in plain, module:
            same(server, f"{model}:generateContent", setup.body("native"),
                 payloads.WHOLE)
            same(server, f"{model}:streamGenerateContent?alt=sse",
                 setup.body("native"), payloads.STREAM)


def large(setup, module, body):
    """Nothing of a large request may get lost on its way."""
    path = "/once/v1/chat/completions"
    text = setup.body(body)
    whole(module, path, text)
    sent = setup.mock.last_body()

    if sent < 0.9 * len(text):
        raise Failure(f"of {len(text)} bytes of {body} only {sent} arrived")

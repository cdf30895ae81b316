"""What a program that uses OpenAI's Python client sees of embeddings."""

import base64
import json
import os
import struct
import urllib.request

import openai

from client import TEXT, check

MODEL = "gemini-embedding-2"
client = openai.OpenAI(max_retries=0, timeout=20)


def native(texts, model=MODEL, **options):
    """The vectors that upstream itself gives, as 32-bit floats."""
    request = urllib.request.Request(
        f"{os.environ['SIMULATOR_URL']}/v1beta/models/{model}"
        ":batchEmbedContents",
        json.dumps({"requests": [
            {"model": f"models/{model}", "content": {"parts": [{"text": text}]},
             **options} for text in texts]}).encode(),
        {"content-type": "application/json",
         "x-goog-api-key": os.environ["SIMULATOR_KEY"]})
    with urllib.request.urlopen(request) as answer:
        vectors = json.load(answer)["embeddings"]
    return [floats(vector["values"]) for vector in vectors]


def floats(values):
    return list(struct.unpack(f"<{len(values)}f",
                              struct.pack(f"<{len(values)}f", *values)))


@check("embeddings are those of a native call")
def _():
    texts = ["blue whale", TEXT]
    reply = client.embeddings.create(model=MODEL, input=texts)
    assert reply.object == "list" and reply.model == MODEL
    assert [one.index for one in reply.data] == [0, 1]
    assert [floats(one.embedding) for one in reply.data] == native(texts)
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 0


@check("also when numbers are asked for")
def _():
    reply = client.embeddings.create(
        model=MODEL, input="blue whale", encoding_format="float")
    assert [floats(reply.data[0].embedding)] == native(["blue whale"])


@check("base64 that is asked for comes as it is")
def _():
    reply = client.embeddings.create(
        model=MODEL, input="a", dimensions=7, encoding_format="base64")
    assert len(base64.b64decode(reply.data[0].embedding)) == 28


@check("dimensions and a task")
def _():
    reply = client.embeddings.create(
        model=MODEL, input="a b c", dimensions=256,
        extra_body={"google": {"task_type": "CLUSTERING"}})
    assert [floats(reply.data[0].embedding)] == native(
        ["a b c"], taskType="CLUSTERING", outputDimensionality=256)


@check("more than a batch")
def _():
    texts = [f"text number {i}" for i in range(230)]
    reply = client.embeddings.create(model=MODEL, input=texts, dimensions=64)
    wanted = [vector for start in range(0, 230, 100) for vector in native(
        texts[start:start + 100], outputDimensionality=64)]
    assert [floats(one.embedding) for one in reply.data] == wanted


@check("tokens are a BadRequestError that says what to do")
def _():
    try:
        client.embeddings.create(model=MODEL, input=[[1, 2], [3]])
    except openai.BadRequestError as error:
        assert error.param == "input", error.param
        assert "check_embedding_ctx_length" in error.message
    else:
        raise AssertionError("it was not refused")


client.close()
print("end")

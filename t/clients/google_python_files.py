"""What a program that uses google-genai sees of caches, files and batches."""

import base64
import hashlib
import io
import json
import os
import tempfile
import warnings

from google import genai
from google.genai import errors, types

from client import MODELS, check

warnings.simplefilter("ignore")


def connect(version=None):
    return genai.Client(
        api_key=os.environ["OPENAI_API_KEY"], http_options=types.HttpOptions(
            base_url=os.environ["OPENAI_BASE_URL"].removesuffix("/v1"),
            api_version=version))


# Its own choice of a version is another one than most others make.
ai = connect()
MODEL = MODELS[1]
LOOKS = 50


def refused(status, call):
    try:
        call()
    except errors.APIError as error:
        assert error.code == status, error
        return
    raise AssertionError(f"no {status}")


def finished(job):
    for _ in range(LOOKS):
        found = ai.batches.get(name=job.name)
        if found.done:
            return found
    raise AssertionError("it was never done")


def request(text):
    return {"contents": [{"role": "user", "parts": [
        {"text": f"#echo {text}"}]}]}


def caches():
    made = ai.caches.create(model=MODEL, config=types.CreateCachedContentConfig(
        contents="what is to be kept", ttl="600s", display_name="kept"))
    assert ai.caches.get(name=made.name).display_name == "kept"
    config = types.GenerateContentConfig(cached_content=made.name)
    for _ in range(4):
        answer = ai.models.generate_content(
            model=MODEL, contents="#echo hello", config=config)
        assert answer.text == "hello", answer
        assert answer.usage_metadata.cached_content_token_count > 0
    chunks = ai.models.generate_content_stream(
        model=MODEL, contents="#echo hello", config=config)
    assert "".join(chunk.text or "" for chunk in chunks) == "hello"
    names = [cache.name for cache in ai.caches.list(config={"page_size": 2})]
    assert made.name in names, names
    later = ai.caches.update(name=made.name, config=types
                             .UpdateCachedContentConfig(ttl="9000s"))
    assert later.expire_time > made.expire_time
    ai.caches.delete(name=made.name)
    refused(403, lambda: ai.caches.get(name=made.name))


def uploads(source, data):
    file = ai.files.upload(file=source, config=types.UploadFileConfig(
        mime_type="text/plain", display_name="data"))
    assert file.size_bytes == len(data), file
    assert file.display_name == "data"
    assert base64.b64decode(file.sha256_hash).decode() == \
        hashlib.sha256(data).hexdigest()
    assert ai.files.get(name=file.name).uri == file.uri
    for _ in range(4):
        answer = ai.models.generate_content(
            model=MODEL, contents=["#echo seen", file])
        assert answer.text == "seen", answer
    names = [one.name for one in ai.files.list(config={"page_size": 1})]
    assert file.name in names, names
    ai.files.delete(name=file.name)
    refused(403, lambda: ai.files.get(name=file.name))


def names_its_file(version):
    ai = connect(version)
    file = ai.files.upload(file=io.BytesIO(b"x"), config=types.UploadFileConfig(
        mime_type="text/plain", name="mine"))
    assert file.name == "files/mine", file
    ai.files.delete(name=file.name)


def batch_of_requests():
    job = ai.batches.create(model=MODEL, src=[request("one"), request("two")],
                            config={"display_name": "inline"})
    done = finished(job)
    assert [line.response.text for line in done.dest.inlined_responses] == \
        ["one", "two"], done
    names = [one.name for one in ai.batches.list(config={"page_size": 1})]
    assert job.name in names, names
    ai.batches.delete(name=job.name)
    refused(404, lambda: ai.batches.get(name=job.name))


def batch_of_a_file():
    lines = "\n".join(json.dumps({"key": text, "request": request(text)})
                      for text in ("one", "two"))
    file = ai.files.upload(file=io.BytesIO(lines.encode()), config=types
                           .UploadFileConfig(mime_type="application/jsonl"))
    done = finished(ai.batches.create(model=MODEL, src=file.name,
                                      config={"display_name": "file"}))
    answers = ai.files.download(file=done.dest.file_name)
    assert [json.loads(line)["key"] for line in answers.splitlines()] == \
        ["one", "two"], answers


def batch_of_embeddings():
    done = finished(ai.batches.create_embeddings(
        model="gemini-embedding-001", config={"display_name": "embeddings"},
        src={"inlined_requests": {"contents": ["a", "b"], "config": {
            "output_dimensionality": 8}}}))
    assert len(done.dest.inlined_embed_content_responses) == 2, done


def cancels():
    job = ai.batches.create(model=MODEL, src=[request("one")],
                            config={"display_name": "cancelled"})
    ai.batches.cancel(name=job.name)
    found = ai.batches.get(name=job.name)
    assert found.state == types.JobState.JOB_STATE_CANCELLED, found


check("keeps caches")(caches)

with tempfile.TemporaryDirectory() as folder:
    for what, size in (("one chunk", 1000), ("chunks", 20000000)):
        content = (bytes(range(251)) * (size // 251 + 1))[:size]
        path = os.path.join(folder, "data.txt")
        with open(path, "wb") as output:
            output.write(content)
        check(f"uploads {what} from a buffer", io.BytesIO(content),
              content)(uploads)
        check(f"uploads {what} from a path", path, content)(uploads)

for each in ("v1", "v1beta", "v1alpha"):
    check(f"speaks {each}", each)(names_its_file)

check("runs a batch of requests")(batch_of_requests)
check("runs a batch of a file")(batch_of_a_file)
check("runs a batch of embeddings")(batch_of_embeddings)
check("cancels a batch")(cancels)

print("end")

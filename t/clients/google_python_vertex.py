"""What a program that uses google-genai with vertexai=True sees of the module.

In express mode, and with a project, a location and credentials of its own.
"""

import os

from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from client import MODELS, QUESTION, TEXT, Functions, check

URL = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
TOKEN = os.environ["OPENAI_API_KEY"]
GOOGLE = "publishers/google/models/"


def options(version=None):
    return types.HttpOptions(base_url=URL, api_version=version)


def express(key=TOKEN):
    return genai.Client(vertexai=True, api_key=key, http_options=options())


def project(bearer=TOKEN, version=None):
    return genai.Client(
        vertexai=True, project="a-client-s-own", location="us-central1",
        credentials=Credentials(token=bearer), http_options=options(version))


TOOLS = [types.Tool(function_declarations=[types.FunctionDeclaration(
    name=name, description=f"The {name} of a place",
    parameters_json_schema={
        "type": "object", "required": ["place", "days"], "properties": {
            "place": {"type": "string", "description": "A city"},
            "days": {"type": "integer", "minimum": 10, "maximum": 90}}})
    for name in ("weather", "clock")])]


def generates(ai, model):
    answer = ai.models.generate_content(model=model, contents=f"#echo {TEXT}")
    assert answer.text == TEXT, answer.text
    assert answer.usage_metadata.total_token_count > 0
    assert answer.usage_metadata.traffic_type == "ON_DEMAND"


def streams(ai, model):
    # Its reader of lines takes U+2028, which Google sends as it is, for an
    # end.
    text = TEXT.replace("\u2028", "")
    chunks = list(ai.models.generate_content_stream(
        model=model, contents=f"#echo {text}"))
    assert len(chunks) > 1
    assert "".join(chunk.text or "" for chunk in chunks) == text


def chats(ai, model):
    own = Functions()
    chat = ai.chats.create(model=model, config=types.GenerateContentConfig(
        tools=TOOLS))
    for times in (1, 2):
        asked = chat.send_message(QUESTION)
        assert len(asked.function_calls) == 4, asked
        told = chat.send_message([types.Part(
            function_response=types.FunctionResponse(
                id=call.id, name=call.name,
                response=own.call(call.name, call.args)))
            for call in asked.function_calls])
        own.verify(told.text, times)


def counts(ai, model):
    assert ai.models.count_tokens(model=model, contents="x y").total_tokens
    answer = ai.models.compute_tokens(model=model, contents="x y")
    assert len(answer.tokens_info[0].token_ids) == 2, answer


def embeds(ai, model, contents):
    """By embedContent, batchEmbedContents or predict, as the package likes."""
    answer = ai.models.embed_content(
        model=model, contents=contents,
        config=types.EmbedContentConfig(output_dimensionality=64))
    assert [len(one.values) for one in answer.embeddings] == \
        [64] * len(contents)


def lists(ai):
    names = [model.name for model in ai.models.list(config={"page_size": 5})]
    assert len(names) > 5 and GOOGLE + MODELS[0] in names, names
    assert ai.models.get(model=MODELS[0]).name == GOOGLE + MODELS[0]


def speaks_v1():
    ai = project(version="v1")
    answer = ai.models.generate_content(
        model=MODELS[0], contents="#echo hello")
    assert answer.text == "hello", answer


def refused(ai, status, name, model):
    try:
        ai.models.generate_content(model=model, contents="x")
    except errors.APIError as error:
        assert (error.code, error.status) == (status, name), error
        return
    raise AssertionError(f"no {name}")


def fails():
    refused(project(), 404, "NOT_FOUND", "gemini-none")
    for stranger in (express("wrong"), project("wrong")):
        refused(stranger, 401, "UNAUTHENTICATED", MODELS[0])


for way, client in (("express", express()), ("project", project())):
    for each in MODELS:
        check(f"{way}: {each} generates", client, each)(generates)
        check(f"{way}: {each} streams", client, each)(streams)
        check(f"{way}: {each} chats with functions", client, each)(chats)
        check(f"{way}: {each} counts tokens", client, each)(counts)
    for each in ("gemini-embedding-001", "gemini-embedding-2",
                 "text-embedding-005"):
        check(f"{way}: {each} embeds one", client, each, ["a"])(embeds)
    for each in ("gemini-embedding-001", "text-embedding-005"):
        check(f"{way}: {each} embeds many", client, each, ["a", "b"])(embeds)
    check(f"{way}: lists models and gets one", client)(lists)

check("speaks v1")(speaks_v1)
check("sees errors as Google's")(fails)

print("end")

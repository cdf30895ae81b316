"""What a program that uses google-genai sees of the module."""

import os

from google import genai
from google.genai import errors, types

from client import MODELS, QUESTION, TEXT, Functions, check


def connect(key, version="v1beta"):
    url = os.environ["OPENAI_BASE_URL"].removesuffix("/v1")
    return genai.Client(api_key=key, http_options=types.HttpOptions(
        base_url=url, api_version=version))


ai = connect(os.environ["OPENAI_API_KEY"])
TOOLS = [types.Tool(function_declarations=[types.FunctionDeclaration(
    name=name, description=f"The {name} of a place",
    parameters_json_schema={
        "type": "object", "required": ["place", "days"], "properties": {
            "place": {"type": "string", "description": "A city"},
            "days": {"type": "integer", "minimum": 10, "maximum": 90}}})
    for name in ("weather", "clock")])]


def generates(model):
    answer = ai.models.generate_content(model=model, contents=f"#echo {TEXT}")
    assert answer.text == TEXT, answer.text
    assert answer.usage_metadata.total_token_count > 0


def streams(model):
    # Its reader of lines takes U+2028, which Google sends as it is, for an
    # end.
    text = TEXT.replace("\u2028", "")
    chunks = list(ai.models.generate_content_stream(
        model=model, contents=f"#echo {text}"))
    assert len(chunks) > 1
    assert "".join(chunk.text or "" for chunk in chunks) == text


def chats(model):
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


def counts(model):
    assert ai.models.count_tokens(model=model, contents="x y").total_tokens


def embeds():
    answer = ai.models.embed_content(
        model="gemini-embedding-001", contents=["a", "b", "c"],
        config=types.EmbedContentConfig(output_dimensionality=768))
    assert [len(one.values) for one in answer.embeddings] == [768] * 3


def lists():
    names = [model.name for model in ai.models.list(config={"page_size": 2})]
    assert len(names) > 2 and f"models/{MODELS[0]}" in names, names
    assert ai.models.get(model=MODELS[0]).name == f"models/{MODELS[0]}"


def refused(status, name, call):
    try:
        call()
    except errors.APIError as error:
        assert (error.code, error.status) == (status, name), error
        return
    raise AssertionError(f"no {name}")


def fails():
    refused(404, "NOT_FOUND", lambda: ai.models.generate_content(
        model="gemini-none", contents="x"))
    stranger = connect("wrong")
    refused(401, "UNAUTHENTICATED", lambda: stranger.models.generate_content(
        model=MODELS[0], contents="x"))
    refused(404, "NOT_FOUND", lambda: list(ai.file_search_stores.list()))


for each in MODELS:
    check(f"{each} generates", each)(generates)
    check(f"{each} streams", each)(streams)
    check(f"{each} chats with functions", each)(chats)
    check(f"{each} counts tokens", each)(counts)

check("embeds many")(embeds)
check("lists models and gets one")(lists)
check("sees errors as Google's")(fails)

print("end")

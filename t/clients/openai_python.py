"""What a program that uses OpenAI's Python client sees of the module."""

import asyncio

import openai

from client import TEXT, check, user

MODEL = "gemini-2.5-flash"
client = openai.OpenAI(max_retries=0, timeout=20)


def chat(text, **options):
    return client.chat.completions.create(
        model=MODEL, messages=user(text), **options)


def refused(kind, status, call):
    """The error that the call ends with, checked."""
    try:
        call()
    except openai.APIStatusError as error:
        assert isinstance(error, kind), f"{type(error).__name__}: {error}"
        assert error.status_code == status, error.status_code
        assert error.message and error.type, error.body
        return error
    raise AssertionError("it was not refused")


@check("a chat completion is typed and whole")
def _():
    reply = chat("Hello")
    assert reply.object == "chat.completion", reply.object
    assert reply.id and reply.created > 0 and reply.model
    assert len(reply.choices) == 1 and reply.choices[0].index == 0
    assert reply.choices[0].message.role == "assistant"
    assert "simulator" in reply.choices[0].message.content
    assert reply.choices[0].finish_reason == "stop"


@check("usage adds up")
def _():
    usage = chat("Hello").usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


@check("every alphabet and emoji comes back exactly")
def _():
    assert chat("#echo " + TEXT).choices[0].message.content == TEXT


@check("a stream gives the same text exactly")
def _():
    chunks = list(chat("#echo " + TEXT, stream=True))
    text = "".join(chunk.choices[0].delta.content or ""
                   for chunk in chunks if chunk.choices)
    assert text == TEXT, text
    assert len(chunks) > 2, len(chunks)


@check("a stream has one id, one role and one finish reason")
def _():
    chunks = list(chat("Hello", stream=True))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert len({chunk.id for chunk in chunks}) == 1
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert [c.delta.role for c in choices if c.delta.role] == ["assistant"]
    assert choices[0].delta.role == "assistant"
    assert [c.finish_reason for c in choices if c.finish_reason] == ["stop"]
    assert choices[-1].finish_reason == "stop"


@check("a stream tells its usage when asked, in a last chunk of its own")
def _():
    chunks = list(chat("Hello", stream=True,
                       stream_options={"include_usage": True}))
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0
    assert all(chunk.usage is None for chunk in chunks[:-1])


@check("and not when not asked")
def _():
    assert all(chunk.usage is None and chunk.choices
               for chunk in chat("Hello", stream=True))


@check("a stream that is left early does no harm")
def _():
    stream = chat("Write a long story", stream=True)
    next(iter(stream))
    stream.close()
    assert chat("#echo still here").choices[0].message.content == "still here"


@check("max_tokens ends it with length")
def _():
    choice = chat("Write a long story", max_tokens=20).choices[0]
    assert choice.finish_reason == "length", choice.finish_reason


@check("many requests at once, asynchronously")
def _():
    async def all_of_them():
        async with openai.AsyncOpenAI(max_retries=0, timeout=30) as many:
            return await asyncio.gather(*(
                many.chat.completions.create(
                    model=MODEL, messages=user(f"#echo number {i}"))
                for i in range(20)))
    replies = asyncio.run(all_of_them())
    assert [reply.choices[0].message.content for reply in replies] == \
        [f"number {i}" for i in range(20)]


@check("a text completion is typed and whole")
def _():
    reply = client.completions.create(
        model=MODEL, prompt="#echo " + TEXT, echo=True, logprobs=1)
    assert reply.object == "text_completion", reply.object
    assert reply.id.startswith("cmpl-") and reply.created > 0 and reply.model
    choice, = reply.choices
    assert choice.text == "#echo " + TEXT + TEXT, choice.text
    assert choice.index == 0 and choice.finish_reason == "stop"
    logprobs = choice.logprobs
    assert "".join(logprobs.tokens) == TEXT, logprobs.tokens
    assert len(logprobs.token_logprobs) == len(logprobs.tokens)
    assert logprobs.text_offset[0] == len("#echo " + TEXT)
    assert all(choice.text[at:].startswith(token) for at, token
               in zip(logprobs.text_offset, logprobs.tokens))
    assert reply.usage.total_tokens > 0


@check("several prompts are answered in their order")
def _():
    reply = client.completions.create(
        model=MODEL, prompt=["#echo one", "#echo two"], n=2)
    assert [(choice.index, choice.text) for choice in reply.choices] == \
        [(0, "one"), (1, "one"), (2, "two"), (3, "two")], reply.choices


@check("a text completion as a stream gives the same text exactly")
def _():
    chunks = list(client.completions.create(
        model=MODEL, prompt="#echo " + TEXT, stream=True,
        stream_options={"include_usage": True}))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.text for choice in choices) == TEXT
    assert {chunk.object for chunk in chunks} == {"text_completion"}
    assert len({chunk.id for chunk in chunks}) == 1
    assert [c.finish_reason for c in choices if c.finish_reason] == ["stop"]
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens > 0


@check("tokens as a prompt are a BadRequestError that names it")
def _():
    error = refused(openai.BadRequestError, 400, lambda:
                    client.completions.create(model=MODEL, prompt=[1, 2]))
    assert error.param == "prompt", error.param


@check("the models are listed, and one by one")
def _():
    models = list(client.models.list())
    assert MODEL in [model.id for model in models], models[:5]
    assert all(model.object == "model" and model.owned_by for model in models)
    assert client.models.retrieve(MODEL).id == MODEL


@check("no messages are a BadRequestError that names them")
def _():
    error = refused(openai.BadRequestError, 400, lambda:
                    client.chat.completions.create(model=MODEL, messages=[]))
    assert error.type == "invalid_request_error", error.type
    assert error.param == "messages", error.param


@check("a wrong type is a BadRequestError that names it")
def _():
    error = refused(openai.BadRequestError, 400,
                    lambda: chat("Hello", temperature="hot"))
    assert error.param == "temperature", error.param


@check("a wrong token is an AuthenticationError")
def _():
    other = openai.OpenAI(api_key="wrong-token", max_retries=0)
    error = refused(openai.AuthenticationError, 401, lambda:
                    other.chat.completions.create(
                        model=MODEL, messages=user("Hello")))
    assert error.code == "invalid_api_key", error.code


@check("an unknown model is a NotFoundError")
def _():
    refused(openai.NotFoundError, 404, lambda:
            client.chat.completions.create(
                model="no-such-model", messages=user("Hello")))


@check("an unknown path is a NotFoundError")
def _():
    refused(openai.NotFoundError, 404,
            lambda: client.post("/no/such/path", cast_to=object, body={}))


client.close()
print("end")

"""What a program that calls models through litellm sees of the module."""

import asyncio
import json
import os

# It asks for nothing from the network then.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import pydantic

from client import MODELS, QUESTION, TEXT, Functions, check, user

litellm.telemetry = False
litellm.suppress_debug_info = True
BASE = os.environ["OPENAI_BASE_URL"]

TOOLS = [{"type": "function", "function": {
    "name": name, "description": f"The {name} of a place",
    "parameters": {
        "type": "object", "additionalProperties": False,
        "properties": {
            "place": {"type": "string", "description": "A city"},
            "days": {"type": "integer", "minimum": 10, "maximum": 90}},
        "required": ["place", "days"]}}} for name in ("weather", "clock")]


class Person(pydantic.BaseModel):
    name: str
    age: int
    email: str | None
    tags: list[str]


def options(model, messages, **more):
    return dict(model=f"openai/{model}", api_base=BASE, messages=messages,
                num_retries=0, timeout=20, **more)


def chat(model, messages, **more):
    return litellm.completion(**options(model, messages, **more))


def streamed(model, messages, **more):
    chunks = list(chat(model, messages, stream=True,
                       stream_options={"include_usage": True}, **more))
    assert len(chunks) > 1
    reply = litellm.stream_chunk_builder(chunks, messages=messages)
    # Of a stream with usage the builder says "stop" whatever was sent: it
    # reads the chunk that litellm made of the usage.
    reply.choices[0].finish_reason, = [
        choice.finish_reason for chunk in chunks for choice in chunk.choices
        if choice.finish_reason]
    return reply


def echoed(message):
    """The message as litellm gave it."""
    return message


def bare(message):
    """What a program keeps that stores only OpenAI's fields."""
    return {"role": "assistant", "content": message.content,
            "tool_calls": [{"id": call.id, "type": "function", "function": {
                "name": call.function.name,
                "arguments": call.function.arguments}}
                for call in message.tool_calls or []] or None}


def converse(ask, keep, model):
    """Asks twice, and runs the functions until an answer comes in words."""
    own = Functions()
    messages = [{"role": "system", "content": "Be brief."}]
    for times in (1, 2):
        messages += user(QUESTION)
        for reason, count in (("tool_calls", 4), ("stop", 0)):
            reply = ask(model, messages, tools=TOOLS)
            choice = reply.choices[0]
            assert choice.finish_reason == reason, choice.finish_reason
            assert reply.usage.total_tokens > 0
            calls = choice.message.tool_calls or []
            assert len({call.id for call in calls}) == count, calls
            messages.append(keep(choice.message))
            messages += [{
                "role": "tool", "tool_call_id": call.id,
                "name": call.function.name,
                "content": json.dumps(own.call(
                    call.function.name, json.loads(call.function.arguments)))}
                for call in calls]
        own.verify(choice.message.content, times)


def structured(ask, model):
    reply = ask(model, user("A person named Ada"), response_format=Person)
    person = Person.model_validate_json(reply.choices[0].message.content)
    assert person.name and isinstance(person.tags, list), person


def forced(model):
    message = chat(model, user("Oslo"), tools=TOOLS, tool_choice={
        "type": "function", "function": {"name": "clock"}}).choices[0].message
    assert [call.function.name for call in message.tool_calls] == ["clock"]


def thoughts(ask, model):
    message = ask(model, user("Think"), extra_body={
        "reasoning": {"effort": "low", "exclude": False}}).choices[0].message
    assert "**Reading the request**" in message.reasoning_content, message
    assert message.content and "Reading" not in message.content, message


for name in MODELS:
    check(f"{name}, a loop with tools", chat, echoed, name)(converse)
    check(f"{name}, a loop streamed", streamed, echoed, name)(converse)
    check(f"{name}, a loop with plain messages", chat, bare, name)(converse)
    check(f"{name}, an answer of a pydantic model", chat, name)(structured)
    check(f"{name}, and streamed", streamed, name)(structured)
    check(f"{name}, a tool that it must call", name)(forced)
    check(f"{name}, its thoughts", chat, name)(thoughts)
    check(f"{name}, its thoughts streamed", streamed, name)(thoughts)


@check("every alphabet and emoji comes back exactly")
def _():
    message = chat(MODELS[0], user("#echo " + TEXT)).choices[0].message
    assert message.content == TEXT, message.content


@check("also from a stream")
def _():
    message = streamed(MODELS[0], user("#echo " + TEXT)).choices[0].message
    assert message.content == TEXT, message.content


@check("many at once, asynchronously")
def _():
    async def all_of_them():
        return await asyncio.gather(*(litellm.acompletion(**options(
            MODELS[0], user(f"#echo number {i}"))) for i in range(10)))
    replies = asyncio.run(all_of_them())
    assert [reply.choices[0].message.content for reply in replies] == \
        [f"number {i}" for i in range(10)]


@check("a refusal is a BadRequestError")
def _():
    try:
        chat(MODELS[0], user("Hello"), temperature=9)
    except litellm.BadRequestError as error:
        assert "temperature" in str(error), error
        return
    raise AssertionError("it was answered")


@check("a wrong token is an AuthenticationError")
def _():
    try:
        chat(MODELS[0], user("Hello"), api_key="wrong-token")
    except litellm.AuthenticationError:
        return
    raise AssertionError("it was answered")


print("end")

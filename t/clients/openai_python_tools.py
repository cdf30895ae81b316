"""The helpers of OpenAI's Python client: .parse() and .stream(), with tools.

Tools and answers are declared as pydantic models, as its users do.
"""

import asyncio
import enum
import json
import typing

import openai
import pydantic

from client import MODELS, QUESTION, TEXT, Functions, check, user

client = openai.OpenAI(max_retries=0, timeout=20)
completions = client.chat.completions


class weather(pydantic.BaseModel):
    """The weather of a place."""

    place: str = pydantic.Field(description="A city")
    days: int = pydantic.Field(ge=10, le=90)


class clock(weather):
    """The clock of a place."""


class Kind(enum.Enum):
    CAT = "cat"
    DOG = "dog"


class Tag(pydantic.BaseModel):
    label: str
    inner: typing.Union[str, "Tag"]


class Person(pydantic.BaseModel):
    name: str
    age: int
    kind: Kind
    email: typing.Optional[str]
    tags: list[Tag]
    pet: typing.Union[int, str]


TOOLS = [openai.pydantic_function_tool(each) for each in (weather, clock)]


def whole(model, messages):
    """An answer by .parse()."""
    return completions.parse(model=model, messages=messages, tools=TOOLS)


def streamed(model, messages):
    """An answer by .stream(), its events checked against the sum."""
    arguments, ended, content = {}, [], ""
    with completions.stream(model=model, messages=messages,
                            tools=TOOLS) as stream:
        for event in stream:
            if event.type == "tool_calls.function.arguments.delta":
                arguments[event.index] = \
                    arguments.get(event.index, "") + event.arguments_delta
            elif event.type == "tool_calls.function.arguments.done":
                assert event.arguments == arguments[event.index]
                ended.append((event.index, event.name))
            elif event.type == "content.delta":
                content += event.delta
                assert event.snapshot == content
        completion = stream.get_final_completion()
    message = completion.choices[0].message
    calls = message.tool_calls or []
    assert ended == [(i, call.function.name)
                     for i, call in enumerate(calls)], ended
    assert (message.content or "") == content, (message.content, content)
    return completion


def converse(ask, model):
    """Asks twice, and runs the functions until an answer comes in words."""
    own = Functions()
    messages = [{"role": "system", "content": "Be brief."}]
    for times in (1, 2):
        messages += user(QUESTION)
        for reason, count in (("tool_calls", 4), ("stop", 0)):
            choice = ask(model, messages).choices[0]
            assert choice.finish_reason == reason, choice.finish_reason
            calls = choice.message.tool_calls or []
            assert len({call.id for call in calls}) == count, calls
            messages.append(choice.message)
            for call in calls:
                parsed = call.function.parsed_arguments
                assert type(parsed).__name__ == call.function.name, parsed
                messages.append({
                    "role": "tool", "tool_call_id": call.id,
                    "content": json.dumps(own.call(
                        call.function.name, parsed.model_dump()))})
        own.verify(messages[-1].content, times)


def parsed(model):
    completion = completions.parse(
        model=model, messages=user("A dog named Rex"),
        response_format=Person)
    person = completion.choices[0].message.parsed
    assert isinstance(person, Person), person
    assert person.kind is Kind.DOG, person
    assert completion.choices[0].message.refusal is None


def parsed_stream(model):
    with completions.stream(model=model, messages=user("A cat named Tom"),
                            response_format=Person) as stream:
        ends = [event for event in stream if event.type == "content.done"]
        person = stream.get_final_completion().choices[0].message.parsed
    assert isinstance(person, Person) and person.kind is Kind.CAT, person
    assert [end.parsed for end in ends] == [person], ends


def forced(model):
    message = completions.parse(
        model=model, messages=user("Oslo"), tools=TOOLS,
        tool_choice={"type": "function", "function": {"name": "clock"}},
        parallel_tool_calls=False).choices[0].message
    assert [type(call.function.parsed_arguments)
            for call in message.tool_calls] == [clock], message


def reasoned(model):
    with completions.stream(
            model=model, messages=user("Think"), reasoning_effort="low",
            stream_options={"include_usage": True}) as stream:
        usage = stream.until_done().get_final_completion().usage
    assert usage.completion_tokens_details.reasoning_tokens > 0, usage
    assert usage.total_tokens == \
        usage.prompt_tokens + usage.completion_tokens, usage


for name in MODELS:
    check(f"{name}, a conversation with tools", whole, name)(converse)
    check(f"{name}, a conversation streamed", streamed, name)(converse)
    check(f"{name}, an answer of a pydantic model", name)(parsed)
    check(f"{name}, and streamed", name)(parsed_stream)
    check(f"{name}, one tool that it must call", name)(forced)
    check(f"{name}, an effort of reasoning, streamed", name)(reasoned)


@check("the events of a stream add up to the text")
def _():
    with completions.stream(model=MODELS[0],
                            messages=user("#echo " + TEXT)) as stream:
        events = list(stream)
    deltas = [event.delta for event in events
              if event.type == "content.delta"]
    assert len(deltas) > 1 and "".join(deltas) == TEXT, deltas
    assert [event.content for event in events
            if event.type == "content.done"] == [TEXT]


@check("an answer cut short is a LengthFinishReasonError")
def _():
    try:
        completions.parse(model=MODELS[0], messages=user("A dog named Rex"),
                          max_tokens=16, response_format=Person)
    except openai.LengthFinishReasonError as error:
        assert error.completion.usage.completion_tokens > 0
        return
    raise AssertionError("it was parsed")


@check("conversations at once do not mix")
def _():
    async def ask(many, i):
        async with many.chat.completions.stream(
                model=MODELS[1], messages=user(f"#calls {i + 1} Oslo"),
                tools=TOOLS) as stream:
            return (await stream.get_final_completion()).choices[0].message

    async def all_of_them():
        async with openai.AsyncOpenAI(max_retries=0, timeout=30) as many:
            return await asyncio.gather(*(ask(many, i) for i in range(8)))

    messages = asyncio.run(all_of_them())
    assert [len(message.tool_calls) for message in messages] == \
        list(range(1, 9)), messages
    ids = [call.id for message in messages for call in message.tool_calls]
    assert len(set(ids)) == len(ids), ids


client.close()
print("end")

// The helpers of OpenAI's JavaScript client: streams that add up, tools that
// it runs itself, and answers parsed by zod.

import assert from 'node:assert/strict';
import { check, functions, load, models, question, tellsResults, text, user,
  wereCalled } from './client.mjs';

const { default: OpenAI } = await load('openai');
const { zodFunction, zodResponseFormat } = await load('openai/helpers/zod');
const { z } = await load('zod');

const client = new OpenAI({ maxRetries: 0, timeout: 20000 });
const completions = client.chat.completions;

const Input = z.object({
  place: z.string().describe('A city'),
  days: z.number().int().min(10).max(90),
});
const Person = z.object({
  name: z.string(),
  age: z.number().int(),
  kind: z.enum(['cat', 'dog']),
  email: z.string().nullable(),
  tags: z.array(z.object({ label: z.string() })),
  pet: z.union([z.object({ legs: z.number() }), z.string()]),
});

const tools = (own) => ['weather', 'clock'].map((name) => zodFunction({
  name, parameters: Input, function: own[name],
  description: `The ${name} of a place`,
}));

const plainTools = ['weather', 'clock'].map((name) =>
  zodFunction({ name, parameters: Input }));

for (const model of models) {
  await check(`${model}, a turn of tools runs to an answer`, async () => {
    const own = functions();
    const runner = completions.runTools(
      { model, messages: user(question), tools: tools(own) });
    const answer = await runner.finalContent();
    wereCalled(own.called);
    tellsResults(answer, own.called);
    assert.equal(runner.allChatCompletions().length, 2);
    assert.ok((await runner.totalUsage()).total_tokens > 0);
  });

  await check(`${model}, and streamed, over two questions`, async () => {
    const own = functions();
    const first = completions.runTools(
      { model, stream: true, messages: user(question), tools: tools(own) });
    tellsResults(await first.finalContent(), own.called);
    wereCalled(own.called);
    const second = completions.runTools({ model, stream: true,
      messages: [...first.messages, ...user(question)], tools: tools(own) });
    const answer = await second.finalContent();
    wereCalled(own.called, 2);
    tellsResults(answer, own.called.slice(4));
    assert.deepEqual(second.messages.map((message) => message.role),
      Array.from({ length: 2 }, () => ['user', 'assistant', 'tool', 'tool',
        'tool', 'tool', 'assistant']).flat());
  });

  await check(`${model}, the stream helper adds calls up`, async () => {
    const deltas = {};
    const done = [];
    const stream = completions.stream(
      { model, messages: user(question), tools: plainTools });
    stream.on('tool_calls.function.arguments.delta', (event) => {
      deltas[event.index] = (deltas[event.index] ?? '')
        + event.arguments_delta;
    });
    stream.on('tool_calls.function.arguments.done',
      (event) => done.push(event));
    const { choices: [choice] } = await stream.finalChatCompletion();
    const calls = choice.message.tool_calls;
    assert.equal(choice.finish_reason, 'tool_calls');
    wereCalled(calls.map((call) => call.function));
    assert.equal(new Set(calls.map((call) => call.id)).size, 4);
    for (const [i, call] of calls.entries()) {
      assert.equal(call.type, 'function');
      assert.equal(deltas[i], call.function.arguments);
      assert.deepEqual(Object.keys(call.function.parsed_arguments).sort(),
        ['days', 'place']);
    }
    assert.deepEqual(done.map((event) => [event.index, event.name]),
      calls.map((call, i) => [i, call.function.name]));
  });

  await check(`${model}, an answer is parsed by zod`, async () => {
    const completion = await completions.parse({ model,
      messages: user('A dog named Rex'),
      response_format: zodResponseFormat(Person, 'person') });
    const { parsed, refusal } = completion.choices[0].message;
    assert.equal(parsed.kind, 'dog');
    assert.ok(Number.isInteger(parsed.age) && !refusal);
    assert.deepEqual(Person.parse(parsed), parsed);
  });

  await check(`${model}, and from a stream`, async () => {
    const snapshots = [];
    const stream = completions.stream({ model,
      messages: user('A cat named Tom'),
      response_format: zodResponseFormat(Person, 'person') });
    stream.on('content.delta', (event) => snapshots.push(event.parsed));
    const { choices: [choice] } = await stream.finalChatCompletion();
    assert.equal(choice.message.parsed.kind, 'cat');
    assert.deepEqual(Person.parse(choice.message.parsed),
      choice.message.parsed);
    assert.deepEqual(snapshots.at(-1), choice.message.parsed);
  });

  await check(`${model}, parsed calls by zod, of one forced tool`,
    async () => {
      const completion = await completions.parse({ model,
        messages: user('Oslo'), tools: plainTools,
        tool_choice: { type: 'function', function: { name: 'clock' } } });
      const [call, ...others] = completion.choices[0].message.tool_calls;
      assert.equal(others.length, 0);
      assert.equal(call.function.name, 'clock');
      assert.deepEqual(Input.parse(call.function.parsed_arguments),
        call.function.parsed_arguments);
    });
}

await check('events of a stream come in order', async () => {
  const events = [];
  let joined = '';
  const stream = completions.stream({ model: models[0],
    messages: user(`#echo ${text}`),
    stream_options: { include_usage: true } });
  stream.on('content.delta', ({ delta, snapshot }) => {
    joined += delta;
    assert.equal(snapshot, joined);
    events.push('delta');
  }).on('content.done', ({ content }) => {
    assert.equal(content, text);
    events.push('done');
  });
  const completion = await stream.finalChatCompletion();
  assert.equal(joined, text);
  assert.ok(events.length > 2);
  assert.deepEqual(events.slice(-1), ['done']);
  assert.ok(completion.usage.total_tokens > 0);
});

await check('an answer cut short is a LengthFinishReasonError', async () => {
  await assert.rejects(completions.parse({ model: models[0],
    messages: user('A dog named Rex'), max_tokens: 16,
    response_format: zodResponseFormat(Person, 'person') }),
  OpenAI.LengthFinishReasonError);
});

console.log('end');

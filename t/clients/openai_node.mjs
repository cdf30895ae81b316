// What a program that uses OpenAI's JavaScript client sees of the module.

import assert from 'node:assert/strict';
import { check, collect, load, text, user } from './client.mjs';

const { default: OpenAI } = await load('openai');

const model = 'gemini-2.5-flash';
const client = new OpenAI({ maxRetries: 0, timeout: 20000 });

const chat = (content, options = {}) => client.chat.completions.create(
  { model, messages: user(content), ...options });

async function refused(kind, status, call) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof kind, `${error.constructor.name} ${error}`);
    assert.equal(error.status, status);
    assert.ok(error.type && error.message);
    return error;
  }
  assert.fail('it was not refused');
}

await check('a chat completion is whole', async () => {
  const reply = await chat('Hello');
  assert.equal(reply.object, 'chat.completion');
  assert.equal(reply.choices.length, 1);
  assert.equal(reply.choices[0].message.role, 'assistant');
  assert.match(reply.choices[0].message.content, /simulator/);
  assert.equal(reply.choices[0].finish_reason, 'stop');
  assert.ok(reply.usage.total_tokens > 0);
});

await check('every alphabet and emoji comes back exactly', async () => {
  const reply = await chat(`#echo ${text}`);
  assert.equal(reply.choices[0].message.content, text);
});

await check('a stream gives the same text exactly', async () => {
  const chunks = await collect(chat(`#echo ${text}`, { stream: true }));
  assert.equal(chunks.flatMap((chunk) => chunk.choices)
    .map((choice) => choice.delta.content ?? '').join(''), text);
});

await check('a stream has one id, one role, and usage last', async () => {
  const chunks = await collect(chat('Hello',
    { stream: true, stream_options: { include_usage: true } }));
  const choices = chunks.flatMap((chunk) => chunk.choices);
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  assert.deepEqual(choices.map((choice) => choice.delta.role)
    .filter(Boolean), ['assistant']);
  assert.deepEqual(choices.map((choice) => choice.finish_reason)
    .filter(Boolean), ['stop']);
  assert.deepEqual(chunks.at(-1).choices, []);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
});

await check('the stream helper adds up', async () => {
  const stream = client.chat.completions.stream(
    { model, messages: user(`#echo ${text}`) });
  assert.equal(await stream.finalContent(), text);
});

await check('a stream that is aborted does no harm', async () => {
  const stream = await chat('Write a long story', { stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  const reply = await chat('#echo still here');
  assert.equal(reply.choices[0].message.content, 'still here');
});

await check('a text completion is whole', async () => {
  const reply = await client.completions.create(
    { model, prompt: `#echo ${text}`, echo: true });
  assert.equal(reply.object, 'text_completion');
  assert.match(reply.id, /^cmpl-/);
  assert.equal(reply.choices.length, 1);
  assert.equal(reply.choices[0].text, `#echo ${text}${text}`);
  assert.equal(reply.choices[0].finish_reason, 'stop');
  assert.ok(reply.usage.total_tokens > 0);
});

await check('several prompts are answered in their order', async () => {
  const reply = await client.completions.create(
    { model, prompt: ['#echo one', '#echo two'], n: 2 });
  assert.deepEqual(reply.choices.map((choice) => choice.text),
    ['one', 'one', 'two', 'two']);
  assert.deepEqual(reply.choices.map((choice) => choice.index),
    [0, 1, 2, 3]);
});

await check('a text completion as a stream gives the same', async () => {
  const chunks = await collect(client.completions.create(
    { model, prompt: `#echo ${text}`, stream: true,
      stream_options: { include_usage: true } }));
  const choices = chunks.flatMap((chunk) => chunk.choices);
  assert.equal(choices.map((choice) => choice.text).join(''), text);
  assert.deepEqual(choices.map((choice) => choice.finish_reason)
    .filter(Boolean), ['stop']);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
});

await check('tokens as a prompt are a BadRequestError', async () => {
  const error = await refused(OpenAI.BadRequestError, 400,
    () => client.completions.create({ model, prompt: [1, 2] }));
  assert.equal(error.param, 'prompt');
});

await check('the models are listed, and one by one', async () => {
  const ids = [];
  for await (const each of client.models.list()) {
    ids.push(each.id);
  }
  assert.ok(ids.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

await check('bad input is a BadRequestError that names it', async () => {
  const error = await refused(OpenAI.BadRequestError, 400,
    () => chat('Hello', { temperature: 'hot' }));
  assert.equal(error.param, 'temperature');
  assert.equal(error.type, 'invalid_request_error');
});

await check('a wrong token is an AuthenticationError', async () => {
  const other = new OpenAI({ apiKey: 'wrong-token', maxRetries: 0 });
  const error = await refused(OpenAI.AuthenticationError, 401,
    () => other.chat.completions.create({ model, messages: user('Hello') }));
  assert.equal(error.code, 'invalid_api_key');
});

await check('an unknown model is a NotFoundError', async () => {
  await refused(OpenAI.NotFoundError, 404, () =>
    client.chat.completions.create(
      { model: 'no-such-model', messages: user('Hello') }));
});

console.log('end');

// What a program that uses OpenAI's JavaScript client sees of embeddings.

import assert from 'node:assert/strict';
import { check, load, native, text } from './client.mjs';

const { default: OpenAI } = await load('openai');

const model = 'gemini-embedding-2';
const client = new OpenAI({ maxRetries: 0, timeout: 20000 });

const ask = async (input, options = {}) => {
  const reply = await client.embeddings.create({ model, input, ...options });
  assert.equal(reply.object, 'list');
  assert.ok(reply.usage.prompt_tokens > 0);
  return reply.data.map((one, i) => {
    assert.equal(one.index, i);
    return Array.from(one.embedding, Math.fround);
  });
};

await check('embeddings are those of a native call', async () => {
  const texts = ['blue whale', text];
  assert.deepEqual(await ask(texts), await native(model, texts));
});

await check('also when numbers are asked for', async () => {
  assert.deepEqual(await ask('blue whale', { encoding_format: 'float' }),
    await native(model, ['blue whale']));
});

await check('dimensions', async () => {
  assert.deepEqual(await ask('a b', { dimensions: 256 }),
    await native(model, ['a b'], { outputDimensionality: 256 }));
});

await check('more than a batch', async () => {
  const texts = Array.from({ length: 130 }, (_, i) => `text number ${i}`);
  const options = { outputDimensionality: 32 };
  assert.deepEqual(await ask(texts, { dimensions: 32 }), [
    ...await native(model, texts.slice(0, 100), options),
    ...await native(model, texts.slice(100), options)]);
});

await check('tokens are a BadRequestError', async () => {
  await assert.rejects(ask([[1, 2]]), (error) =>
    error instanceof OpenAI.BadRequestError && error.param === 'input');
});

console.log('end');

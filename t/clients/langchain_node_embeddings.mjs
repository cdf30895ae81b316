// What a program that uses LangChain's OpenAIEmbeddings sees of the module.

import assert from 'node:assert/strict';
import { check, load, native } from './client.mjs';

const { OpenAIEmbeddings } = await load('@langchain/openai');

const model = 'gemini-embedding-2';
const embeddings = (options = {}) => new OpenAIEmbeddings(
  { model, maxRetries: 0, timeout: 20000, ...options });
const rounded = (vectors) => vectors.map(
  (vector) => Array.from(vector, Math.fround));

await check('documents have the vectors of a native call', async () => {
  const texts = ['blue whale', 'red fox'];
  assert.deepEqual(rounded(await embeddings().embedDocuments(texts)),
    await native(model, texts));
});

await check('so has a query, with dimensions', async () => {
  assert.deepEqual(
    rounded([await embeddings({ dimensions: 128 }).embedQuery('fox')]),
    await native(model, ['fox'], { outputDimensionality: 128 }));
});

await check('in batches of its own, larger than Google takes', async () => {
  const texts = Array.from({ length: 300 }, (_, i) => `number ${i}`);
  const vectors = await embeddings({ dimensions: 16, batchSize: 150 })
    .embedDocuments(texts);
  const wanted = await native(model, texts.slice(200, 300),
    { outputDimensionality: 16 });
  assert.equal(vectors.length, 300);
  assert.deepEqual(rounded(vectors).slice(200), wanted);
});

console.log('end');

// What a program that uses @google/genai sees of the module: Gemini's own API.

import assert from 'node:assert/strict';
import { check, collect, functions, load, models, question, text,
  wereCalled } from './client.mjs';

const { GoogleGenAI, ApiError } = await load('@google/genai');

const client = (apiVersion, apiKey = process.env.OPENAI_API_KEY) =>
  new GoogleGenAI({ apiKey, httpOptions: { apiVersion,
    baseUrl: process.env.OPENAI_BASE_URL.replace(/\/v1$/, '') } });
const ai = client('v1beta');

const names = ['weather', 'clock'];
const config = { tools: [{ functionDeclarations: names.map((name) => ({
  name, description: `The ${name} of a place`, parametersJsonSchema: {
    type: 'object', required: ['place', 'days'], properties: {
      place: { type: 'string', description: 'A city' },
      days: { type: 'integer', minimum: 10, maximum: 90 },
    } } })) }] };

for (const model of models) {
  await check(`${model} generates`, async () => {
    const answer = await ai.models.generateContent({ model,
      contents: `#echo ${text}` });
    assert.equal(answer.text, text);
    assert.ok(answer.usageMetadata.totalTokenCount > 0);
  });

  await check(`${model} streams`, async () => {
    const chunks = await collect(ai.models.generateContentStream({ model,
      contents: `#echo ${text}` }));
    assert.ok(chunks.length > 1);
    assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), text);
  });

  await check(`${model} chats with functions`, async () => {
    const own = functions();
    const chat = ai.chats.create({ model, config });
    for (const times of [1, 2]) {
      const asked = await chat.sendMessage({ message: question });
      assert.equal(asked.functionCalls.length, 4);
      const told = await chat.sendMessage({ message: asked.functionCalls.map(
        (call) => ({ functionResponse: { id: call.id, name: call.name,
          response: own[call.name](call.args) } })) });
      assert.ok(told.text.length > 0);
      wereCalled(own.called, times);
    }
  });

  await check(`${model} counts tokens`, async () => {
    const { totalTokens } = await ai.models.countTokens({ model,
      contents: 'How many are these?' });
    assert.ok(totalTokens > 0);
  });
}

await check('embeds one and many', async () => {
  const model = 'gemini-embedding-001';
  const one = await ai.models.embedContent({ model, contents: 'a',
    config: { outputDimensionality: 768 } });
  assert.equal(one.embeddings[0].values.length, 768);
  const many = await ai.models.embedContent({ model,
    contents: ['a', 'b', 'c'] });
  assert.equal(many.embeddings.length, 3);
});

await check('lists models, page after page', async () => {
  const pager = await ai.models.list({ config: { pageSize: 2 } });
  const all = await collect(pager);
  assert.ok(all.length > 2);
  assert.ok(all.some((model) => model.name === `models/${models[0]}`));
});

await check('gets a model', async () => {
  const model = await ai.models.get({ model: models[0] });
  assert.equal(model.name, `models/${models[0]}`);
});

for (const version of ['v1', 'v1alpha']) {
  await check(`speaks ${version}`, async () => {
    const answer = await client(version).models.generateContent({
      model: models[0], contents: '#echo hello' });
    assert.equal(answer.text, 'hello');
  });
}

const refused = (status, name, promise) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof ApiError);
  assert.equal(error.status, status);
  assert.equal(JSON.parse(error.message).error.status, name);
  return true;
});

await check('sees errors as Google\'s', async () => {
  await refused(404, 'NOT_FOUND', ai.models.generateContent({
    model: 'gemini-none', contents: 'x' }));
  await refused(401, 'UNAUTHENTICATED', client('v1beta', 'wrong')
    .models.generateContent({ model: models[0], contents: 'x' }));
  await refused(404, 'NOT_FOUND', ai.fileSearchStores.list());
});

console.log('end');

// What a program that uses @google/genai with `vertexai: true` sees: in express
// mode, and with a project, a location and credentials of its own.

import assert from 'node:assert/strict';
import { check, collect, functions, load, models, native, question, text,
  wereCalled } from './client.mjs';

const { GoogleGenAI, ApiError } = await load('@google/genai');
const { OAuth2Client } = await load('google-auth-library');

const token = process.env.OPENAI_API_KEY;
const httpOptions = {
  baseUrl: process.env.OPENAI_BASE_URL.replace(/\/v1$/, '') };

const express = (apiKey = token) => new GoogleGenAI({ vertexai: true, apiKey,
  httpOptions: { ...httpOptions } });

function project(bearer = token, apiVersion = undefined) {
  const authClient = new OAuth2Client();
  authClient.setCredentials({ access_token: bearer,
    expiry_date: Date.now() + 3600 * 1000 });
  return new GoogleGenAI({ vertexai: true, project: 'a-client-s-own',
    location: 'us-central1', googleAuthOptions: { authClient },
    apiVersion, httpOptions: { ...httpOptions } });
}

const names = ['weather', 'clock'];
const config = { tools: [{ functionDeclarations: names.map((name) => ({
  name, description: `The ${name} of a place`, parametersJsonSchema: {
    type: 'object', required: ['place', 'days'], properties: {
      place: { type: 'string', description: 'A city' },
      days: { type: 'integer', minimum: 10, maximum: 90 },
    } } })) }] };

for (const [way, ai] of [['express', express()], ['project', project()]]) {
  for (const model of models) {
    await check(`${way}: ${model} generates`, async () => {
      const answer = await ai.models.generateContent({ model,
        contents: `#echo ${text}` });
      assert.equal(answer.text, text);
      assert.ok(answer.usageMetadata.totalTokenCount > 0);
      assert.equal(answer.usageMetadata.trafficType, 'ON_DEMAND');
    });

    await check(`${way}: ${model} streams`, async () => {
      const chunks = await collect(ai.models.generateContentStream({ model,
        contents: `#echo ${text}` }));
      assert.ok(chunks.length > 1);
      assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), text);
    });

    await check(`${way}: ${model} chats with functions`, async () => {
      const own = functions();
      const chat = ai.chats.create({ model, config });
      for (const times of [1, 2]) {
        const asked = await chat.sendMessage({ message: question });
        assert.equal(asked.functionCalls.length, 4);
        const told = await chat.sendMessage({ message:
          asked.functionCalls.map((call) => ({ functionResponse: {
            id: call.id, name: call.name,
            response: own[call.name](call.args) } })) });
        assert.ok(told.text.length > 0);
        wereCalled(own.called, times);
      }
    });

    await check(`${way}: ${model} counts tokens`, async () => {
      const contents = 'How many are these?';
      const { totalTokens } = await ai.models.countTokens({ model, contents });
      assert.ok(totalTokens > 0);
      const { tokensInfo } = await ai.models.computeTokens({ model,
        contents });
      assert.equal(tokensInfo[0].tokenIds.length, 4);
    });
  }

  // One by :predict, many by :predict, one by :embedContent.
  for (const [model, contents] of [['gemini-embedding-001', ['whale']],
    ['text-embedding-005', ['a', 'b', 'c']],
    ['gemini-embedding-2', ['whale']]]) {
    await check(`${way}: ${model} embeds`, async () => {
      const { embeddings } = await ai.models.embedContent({ model, contents,
        config: { outputDimensionality: 64 } });
      assert.equal(embeddings.length, contents.length);
      assert.ok(embeddings.every(({ values }) => values.length === 64));
      if (!model.startsWith('text')) {
        const [expected] = await native(model, contents,
          { outputDimensionality: 64 });
        assert.deepEqual(embeddings[0].values.map(Math.fround),
          [...expected]);
      }
    });
  }

  await check(`${way}: lists models and gets one`, async () => {
    const all = await collect(await ai.models.list({ config: {
      pageSize: 5 } }));
    assert.ok(all.length > 5);
    const name = `publishers/google/models/${models[0]}`;
    assert.ok(all.some((model) => model.name === name));
    assert.equal((await ai.models.get({ model: models[0] })).name, name);
  });
}

await check('speaks v1', async () => {
  const answer = await project(token, 'v1').models.generateContent({
    model: models[0], contents: '#echo hello' });
  assert.equal(answer.text, 'hello');
});

const refused = (status, name, promise) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof ApiError);
  assert.equal(error.status, status);
  assert.equal(JSON.parse(error.message).error.status, name);
  return true;
});

await check('sees errors as Google\'s', async () => {
  await refused(404, 'NOT_FOUND', project().models.generateContent({
    model: 'gemini-none', contents: 'x' }));
  for (const stranger of [express('wrong'), project('wrong')]) {
    await refused(401, 'UNAUTHENTICATED', stranger.models.generateContent({
      model: models[0], contents: 'x' }));
  }
});

console.log('end');

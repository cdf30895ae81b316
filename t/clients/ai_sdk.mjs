// What a program that uses Vercel's AI SDK sees of the module.

import assert from 'node:assert/strict';
import { check, collect, functions, load, models, question, tellsResults,
  text, user, wereCalled } from './client.mjs';

const ai = await load('ai');
const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible');
const { z } = await load('zod');

const { generateText, streamText, stepCountIs, isStepCount, tool } = ai;
const steps = (isStepCount ?? stepCountIs)(4);

const provider = (name) => createOpenAICompatible({
  name,
  baseURL: process.env.OPENAI_BASE_URL,
  apiKey: process.env.OPENAI_API_KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});

// Under the first name it sends signatures back, under the other it does not.
const providers = [provider('google'), provider('gemini')];

const inputSchema = z.object({
  place: z.string().describe('A city'),
  days: z.number().int().min(10).max(90),
});
const person = z.object({
  name: z.string(),
  age: z.number().int(),
  kind: z.enum(['cat', 'dog']),
  email: z.string().nullable(),
  tags: z.array(z.object({ label: z.string() })),
  pet: z.union([z.object({ legs: z.number() }), z.string()]),
});

const tools = (own) => Object.fromEntries(['weather', 'clock'].map((name) =>
  [name, tool({ description: `The ${name} of a place`, inputSchema,
    execute: (input) => own[name](input) })]));

function unerring(parts) {
  const errors = parts.filter((part) => /error/.test(part.type));
  assert.deepEqual(errors.map((part) => String(part.error)), []);
}

for (const id of models) {
  for (const each of providers) {
    const model = each(id);
    const settings = { model, maxRetries: 0, stopWhen: steps };
    const name = `${id} of a provider named ${model.provider}`;

    await check(`${name}, several steps with tools`, async () => {
      const own = functions();
      const first = await generateText({ ...settings,
        messages: user(question), tools: tools(own) });
      wereCalled(own.called);
      tellsResults(first.text, own.called);
      assert.deepEqual(first.steps.map((step) => step.finishReason),
        ['tool-calls', 'stop']);
      assert.equal(new Set(first.steps[0].toolCalls.map(
        (call) => call.toolCallId)).size, 4);
      const second = await generateText({ ...settings, tools: tools(own),
        messages: [...user(question), ...first.response.messages,
          ...user(question)] });
      wereCalled(own.called, 2);
      tellsResults(second.text, own.called.slice(4));
    });

    await check(`${name}, several steps streamed`, async () => {
      const own = functions();
      const ask = async (messages) => {
        const result = streamText({ ...settings, messages,
          tools: tools(own) });
        const parts = await collect(result.stream ?? result.fullStream);
        unerring(parts);
        assert.equal(parts.filter((part) => part.type === 'tool-call')
          .length, 4);
        assert.equal(await result.finishReason, 'stop');
        return result;
      };
      const first = await ask(user(question));
      wereCalled(own.called);
      tellsResults(await first.text, own.called);
      const second = await ask([...user(question),
        ...(await first.response).messages, ...user(question)]);
      wereCalled(own.called, 2);
      tellsResults(await second.text, own.called.slice(4));
    });
  }

  const model = providers[0](id);
  const output = ai.Output.object({ schema: person });

  await check(`${id}, an object by a schema`, async () => {
    const result = await generateText({ model, maxRetries: 0, output,
      prompt: 'A dog named Rex' });
    assert.equal(result.output.kind, 'dog');
    assert.deepEqual(person.parse(result.output), result.output);
  });

  await check(`${id}, an object streamed`, async () => {
    const result = streamText({ model, maxRetries: 0, output,
      prompt: 'A cat named Tom' });
    const partial = await collect(result.partialOutputStream);
    assert.ok(partial.length > 1);
    assert.equal((await result.output).kind, 'cat');
    assert.deepEqual(partial.at(-1), await result.output);
  });

  await check(`${id}, an object by generateObject`, async () => {
    const { object } = await ai.generateObject({ model, maxRetries: 0,
      schema: person, prompt: 'A dog named Rex' });
    assert.deepEqual(person.parse(object), object);
  });

  await check(`${id}, a tool that it must call`, async () => {
    const own = functions();
    const result = await generateText({ model, maxRetries: 0,
      prompt: 'Oslo', tools: tools(own),
      toolChoice: { type: 'tool', toolName: 'clock' } });
    assert.deepEqual(own.called.map((call) => call.name), ['clock']);
    assert.equal(result.finishReason, 'tool-calls');
  });

  await check(`${id}, its thoughts`, async () => {
    const own = createOpenAICompatible({ name: 'google',
      baseURL: process.env.OPENAI_BASE_URL,
      apiKey: process.env.OPENAI_API_KEY,
      transformRequestBody: (body) => ({ ...body,
        reasoning: { effort: 'low', exclude: false } }) });
    const result = await generateText({ model: own(id), maxRetries: 0,
      prompt: 'Think' });
    assert.match(result.reasoningText, /\*\*Reading the request\*\*/);
    assert.ok(result.text && !result.text.includes('Reading the request'));
    const streamed = streamText({ model: own(id), maxRetries: 0,
      prompt: 'Think' });
    assert.equal(await streamed.reasoningText, result.reasoningText);
  });
}

await check('every alphabet and emoji comes back exactly', async () => {
  const result = await generateText({ model: providers[0](models[0]),
    maxRetries: 0, prompt: `#echo ${text}` });
  assert.equal(result.text, text);
  assert.equal(result.finishReason, 'stop');
  assert.ok(result.usage.totalTokens > 0);
});

await check('also from a stream, with its usage', async () => {
  const result = streamText({ model: providers[0](models[0]),
    maxRetries: 0, prompt: `#echo ${text}` });
  const pieces = await collect(result.textStream);
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(''), text);
  assert.ok((await result.usage).outputTokens > 0);
});

await check('a refusal is an APICallError with its message', async () => {
  await assert.rejects(generateText({ model: providers[0](models[0]),
    maxRetries: 0, prompt: 'Hello', temperature: 9 }), (error) =>
    ai.APICallError.isInstance(error) && error.statusCode === 400
      && !error.isRetryable && /temperature/.test(error.message));
});

console.log('end');

// What a program that uses LangChain's ChatOpenAI sees of the module.

import assert from 'node:assert/strict';
import { check, collect, functions, load, models, question, tellsResults,
  text, wereCalled } from './client.mjs';

const { ChatOpenAI } = await load('@langchain/openai');
const { AIMessage, HumanMessage, SystemMessage, ToolMessage } =
  await load('@langchain/core/messages');
const { tool } = await load('@langchain/core/tools');
const { z } = await load('zod');

const chat = (model, options = {}) => new ChatOpenAI({ model, maxRetries: 0,
  timeout: 20000, useResponsesApi: false, ...options });

const schema = z.object({
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

const tools = (own) => ['weather', 'clock'].map((name) => tool(
  async (input) => JSON.stringify(own[name](input)),
  { name, schema, description: `The ${name} of a place` }));

async function streamed(model, messages) {
  const chunks = await collect(model.stream(messages));
  return chunks.reduce((sum, chunk) => sum.concat(chunk));
}

const invoked = (model, messages) => model.invoke(messages);

// Asks twice, and runs the functions until an answer comes in words.
async function converse(model, ask, keep = (message) => message) {
  const own = functions();
  const offered = tools(own);
  const bound = model.bindTools(offered);
  const messages = [new SystemMessage('Be brief.')];
  for (const times of [1, 2]) {
    messages.push(new HumanMessage(question));
    for (let turn = 0; turn < 2; turn++) {
      const answer = await ask(bound, messages);
      messages.push(keep(answer));
      assert.deepEqual(answer.invalid_tool_calls ?? [], []);
      assert.equal(new Set(answer.tool_calls.map((call) => call.id)).size,
        turn === 0 ? 4 : 0);
      for (const call of answer.tool_calls) {
        const one = offered.find((each) => each.name === call.name);
        messages.push(await one.invoke({ ...call, type: 'tool_call' }));
      }
    }
    wereCalled(own.called, times);
    assert.ok(messages.some((message) => ToolMessage.isInstance(message)));
    tellsResults(messages.at(-1).content, own.called.slice(-4));
  }
}

for (const model of models) {
  await check(`${model}, a loop with tools`,
    () => converse(chat(model), invoked));

  await check(`${model}, a loop with tools, streamed`,
    () => converse(chat(model), streamed));

  await check(`${model}, a loop whose messages were stored in between`,
    () => converse(chat(model), invoked, (message) => new AIMessage({
      content: message.content, tool_calls: message.tool_calls })));

  for (const method of ['jsonSchema', 'functionCalling', 'jsonMode']) {
    await check(`${model}, structured output by ${method}`, async () => {
      const shape = method === 'jsonMode'
        ? z.object({ answer: z.string(), about: z.string() }) : person;
      const result = await chat(model).withStructuredOutput(shape,
        { method, name: 'person' }).invoke('A dog named Rex, as JSON');
      assert.deepEqual(shape.parse(result), result);
      assert.ok(method === 'jsonMode' || result.kind === 'dog');
    });
  }

  await check(`${model}, structured output streamed`, async () => {
    const values = await collect(chat(model).withStructuredOutput(person,
      { method: 'jsonSchema' }).stream('A cat named Tom'));
    assert.deepEqual(person.parse(values.at(-1)), values.at(-1));
  });

  await check(`${model}, a tool that it must call`, async () => {
    const answer = await chat(model).bindTools(tools(functions()),
      { tool_choice: 'clock' }).invoke('Oslo');
    assert.deepEqual(answer.tool_calls.map((call) => call.name), ['clock']);
    assert.equal(answer.response_metadata.finish_reason, 'tool_calls');
  });

  await check(`${model}, an effort of reasoning`, async () => {
    const answer = await chat(model, { modelKwargs: {
      reasoning_effort: 'low' } }).invoke('Think');
    assert.ok(answer.usage_metadata.output_token_details.reasoning > 0);
  });
}

await check('every alphabet and emoji comes back exactly', async () => {
  const answer = await chat(models[0]).invoke(`#echo ${text}`);
  assert.equal(answer.content, text);
  assert.equal(answer.response_metadata.finish_reason, 'stop');
  assert.ok(answer.usage_metadata.total_tokens > 0);
});

await check('also from a stream, with its usage', async () => {
  const answer = await streamed(chat(models[0]), `#echo ${text}`);
  assert.equal(answer.content, text);
  assert.ok(answer.usage_metadata.total_tokens > 0);
});

await check('many at once', async () => {
  const answers = await chat(models[0]).batch(
    Array.from({ length: 10 }, (_, i) => `#echo number ${i}`));
  assert.deepEqual(answers.map((answer) => answer.content),
    Array.from({ length: 10 }, (_, i) => `number ${i}`));
});

await check('a refusal tells its status', async () => {
  await assert.rejects(chat(models[0], { temperature: 9 }).invoke('Hello'),
    (error) => error.status === 400 && error.param === 'temperature');
});

console.log('end');

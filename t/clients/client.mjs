// What the scripts of the JavaScript clients share.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

// They are installed under build/, out of the way of node's own search.
const require = createRequire(fileURLToPath(
  new URL('../../build/clients/package.json', import.meta.url)));

export const load = (name) => import(pathToFileURL(require.resolve(name)));

export const models = ['gemini-2.5-flash', 'gemini-3.8-flash',
  'gemini-4-argon'];

export const text = 'Zażółć gęślą jaźń · 日本語 · עברית · e\u0301 · \u2028 · 𝄞 · '
  + '👩‍👩‍👧‍👦 🇳🇴 <&\'"> \\ \t tab\nline';

export const user = (content) => [{ role: 'user', content }];

export async function collect(stream) {
  const items = [];
  for await (const item of await stream) {
    items.push(item);
  }
  return items;
}

export async function check(name, run) {
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(error.stack);
    console.log(`not ok ${name}: ${error.message.replaceAll('\n', ' ')}`);
  }
}

// The vectors that upstream itself gives, as 32-bit floats.
export async function native(model, texts, options = {}) {
  const url = `${process.env.SIMULATOR_URL}/v1beta/models/${model}`;
  const answer = await fetch(`${url}:batchEmbedContents`, {
    method: 'POST',
    headers: { 'content-type': 'application/json',
      'x-goog-api-key': process.env.SIMULATOR_KEY },
    body: JSON.stringify({ requests: texts.map((each) => ({
      model: `models/${model}`, content: { parts: [{ text: each }] },
      ...options })) }),
  });
  return (await answer.json()).embeddings.map(
    (vector) => Array.from(vector.values, Math.fround));
}

// ---- a conversation with tools, the same for every client

// With "#calls 4" the simulator calls weather, clock, weather, clock.
export const question = '#calls 4 How is it in Oslo, Rome, Lima and Cairo?';

// Two functions that note what they were called with. Results repeat an
// argument, so that a test sees at the upstream which call each belongs to.
export function functions() {
  const called = [];
  const record = (name, input) => {
    assert.equal(typeof input.place, 'string');
    assert.ok(Number.isInteger(input.days), JSON.stringify(input));
    called.push({ name, ...input });
    return { days: input.days, [name]: `${name} of ${input.place}` };
  };
  return {
    called,
    weather: (input) => record('weather', input),
    clock: (input) => record('clock', input),
  };
}

export function wereCalled(called, times = 1) {
  const turn = ['weather', 'clock', 'weather', 'clock'];
  assert.deepEqual(called.map((call) => call.name),
    Array.from({ length: times }, () => turn).flat());
}

// The simulator puts every result into its answer.
export function tellsResults(answer, called) {
  assert.ok(called.length > 0);
  for (const { name, place } of called) {
    assert.ok(answer.includes(`${name} of ${place}`), answer);
  }
}

// What a program that uses @google/genai sees of caches, files and batches.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, collect, load, models } from './client.mjs';

const { GoogleGenAI, ApiError, createPartFromUri, createUserContent }
  = await load('@google/genai');

const ai = new GoogleGenAI({ apiKey: process.env.OPENAI_API_KEY,
  httpOptions: { baseUrl: process.env.OPENAI_BASE_URL.replace(/\/v1$/, '') } });
const folder = await mkdtemp(join(tmpdir(), 'gemini-files-'));
const model = models[1];

const bytes = (size) => Uint8Array.from({ length: size }, (_, i) => i % 251);
const hash = (data) => createHash('sha256').update(data).digest('hex');
const hashOf = (file) => Buffer.from(file.sha256Hash, 'base64').toString();

const refused = (status, promise) => assert.rejects(promise, (error) => {
  assert.ok(error instanceof ApiError, error.stack);
  assert.equal(error.status, status);
  return true;
});

async function until(done, look) {
  for (let times = 0; times < 50; times++) {
    const found = await look();
    if (done(found)) {
      return found;
    }
  }
  throw new Error('it was never done');
}

const finished = (job) => until((found) => /SUCCEEDED|FAILED/.test(found.state),
  () => ai.batches.get({ name: job.name }));

await check('keeps caches', async () => {
  const made = await ai.caches.create({ model, config: {
    contents: createUserContent('what is to be kept'), ttl: '600s',
    displayName: 'kept' } });
  assert.equal(made.displayName, 'kept');
  assert.equal((await ai.caches.get({ name: made.name })).name, made.name);

  for (let times = 0; times < 4; times++) {
    const answer = await ai.models.generateContent({ model,
      contents: '#echo hello', config: { cachedContent: made.name } });
    assert.equal(answer.text, 'hello');
    assert.ok(answer.usageMetadata.cachedContentTokenCount > 0);
  }
  const chunks = await collect(ai.models.generateContentStream({ model,
    contents: '#echo hello', config: { cachedContent: made.name } }));
  assert.equal(chunks.map((chunk) => chunk.text ?? '').join(''), 'hello');

  const all = await collect(await ai.caches.list({ config: { pageSize: 2 } }));
  assert.ok(all.some((cache) => cache.name === made.name));
  const later = await ai.caches.update({ name: made.name,
    config: { ttl: '9000s' } });
  assert.ok(later.expireTime > made.expireTime);
  await ai.caches.delete({ name: made.name });
  await refused(403, ai.caches.get({ name: made.name }));
});

for (const [what, size] of [['one chunk', 1000], ['chunks', 20000000]]) {
  const data = bytes(size);
  const path = join(folder, 'data.txt');
  await writeFile(path, data);

  for (const [from, source] of [['a buffer', new Blob([data])],
    ['a path', path]]) {
    await check(`uploads ${what} from ${from}`, async () => {
      const file = await ai.files.upload({ file: source,
        config: { mimeType: 'text/plain', displayName: what } });
      assert.equal(file.sizeBytes, String(size));
      assert.equal(file.displayName, what);
      assert.equal(hashOf(file), hash(data));
      assert.equal((await ai.files.get({ name: file.name })).uri, file.uri);

      for (let times = 0; times < 4; times++) {
        const answer = await ai.models.generateContent({ model,
          contents: createUserContent(['#echo seen',
            createPartFromUri(file.uri, file.mimeType)]) });
        assert.equal(answer.text, 'seen');
      }
      const all = await collect(await ai.files.list({
        config: { pageSize: 1 } }));
      assert.ok(all.some((one) => one.name === file.name));
      await ai.files.delete({ name: file.name });
      await refused(403, ai.files.get({ name: file.name }));
    });
  }
}

const request = (text) => ({ contents: [{ role: 'user',
  parts: [{ text: `#echo ${text}` }] }] });

await check('runs a batch of requests', async () => {
  const job = await ai.batches.create({ model,
    src: [request('one'), request('two')], config: { displayName: 'inline' } });
  const done = await finished(job);
  assert.deepEqual(done.dest.inlinedResponses.map((line) =>
    line.response.candidates[0].content.parts[0].text), ['one', 'two']);
  const all = await collect(await ai.batches.list({ config: { pageSize: 1 } }));
  assert.ok(all.some((one) => one.name === job.name));
  await ai.batches.delete({ name: job.name });
  await refused(404, ai.batches.get({ name: job.name }));
});

await check('runs a batch of a file', async () => {
  const lines = ['one', 'two'].map((text) => JSON.stringify({ key: text,
    request: request(text) })).join('\n');
  const file = await ai.files.upload({ file: new Blob([lines]),
    config: { mimeType: 'application/jsonl' } });
  const done = await finished(await ai.batches.create({ model,
    src: { fileName: file.name }, config: { displayName: 'file' } }));
  const path = join(folder, 'answers.jsonl');
  await ai.files.download({ file: done.dest.fileName, downloadPath: path });
  const answers = (await readFile(path, 'utf8')).trim().split('\n');
  assert.deepEqual(answers.map((line) => JSON.parse(line).key),
    ['one', 'two']);
});

await check('runs a batch of embeddings', async () => {
  const done = await finished(await ai.batches.createEmbeddings({
    model: 'gemini-embedding-001', config: { displayName: 'embeddings' },
    src: { inlinedRequests: { contents: ['a', 'b'],
      config: { outputDimensionality: 8 } } } }));
  assert.equal(done.dest.inlinedEmbedContentResponses.length, 2);
});

await check('cancels a batch', async () => {
  const job = await ai.batches.create({ model, src: [request('one')],
    config: { displayName: 'cancelled' } });
  await ai.batches.cancel({ name: job.name });
  const found = await ai.batches.get({ name: job.name });
  assert.equal(found.state, 'JOB_STATE_CANCELLED');
});

await check('makes and downloads a film', async () => {
  let operation = await ai.models.generateVideos({
    model: 'veo-3.1-generate-preview', prompt: 'a heron' });
  operation = await until((found) => found.done,
    () => ai.operations.getVideosOperation({ operation }));
  const path = join(folder, 'film.mp4');
  await ai.files.download({ downloadPath: path,
    file: operation.response.generatedVideos[0] });
  assert.equal((await readFile(path)).length, 100000);
});

await rm(folder, { recursive: true });
console.log('end');

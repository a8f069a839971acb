// What the tests of all client packages share: the asking, the comparing and
// the counting. Each package's file hands `run` a table of cases.
//
//	node PACKAGE.mjs direct MODEL
//	node PACKAGE.mjs cached MODEL REPRISE
//	node PACKAGE.mjs reshaped MODEL REPRISE
//
// direct: the package understands what the simulated model says. cached:
// through Reprise it hears the same, first as a miss, then as a hit.
// reshaped, with cross_mode on: a stream is made of a stored JSON answer, and
// the reverse. MODEL and REPRISE are base URLs without /v1. The model says
// the same to the same, so every answer is also compared with what it says
// when it is asked without Reprise.
import assert from 'node:assert/strict';
import { File } from 'node:buffer';

// Node.js 18 has it, but not as a global; uploads want it there.
globalThis.File ??= File;

const [mode, modelUrl, repriseUrl] = process.argv.slice(2);
const seed = `${Date.now()}-${process.pid}`; // makes questions new ones
let cache = null; // X-Cache of the last answer
let asked = 0;
let passed = 0;
let failed = 0;

// The fetch the packages use.
export const fetchAndSee = async (url, init) => {
  const response = await fetch(url, init);
  cache = response.headers.get('x-cache');
  return response;
};

// Collect what an async iterable yields.
export const collect = async (iterable) => {
  const list = [];
  for await (const item of iterable) list.push(item);
  return list;
};

// Whether a text is one of the model's: it says two dozen words.
export const isSaid = (text) => assert.ok(text.split(' ').length >= 24, text);

// Bytes that begin like a WAV file, then look like the border of a form.
export const sound = (text, bytes = 40000) => {
  const data = Buffer.alloc(bytes, `${text}\r\n--\0`);
  data.write('RIFF\0\0\0\0WAVEfmt ');
  return data;
};

const attempt = async (name, test) => {
  try {
    await test();
    passed++;
    console.log(`ok  ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${error.stack}`);
  }
};

// Members that are undefined count as absent: an assembled stream has some.
const plain = (answer) => JSON.parse(JSON.stringify(answer));

const question = (name) => `${name}, ${seed}, ${++asked}`;

// Ask through Reprise; the answer as it must be.
const expect = async (client, way, request, result, answer, same = (a) => a) => {
  cache = null;
  const told = await way(client, ...request);
  assert.equal(cache, result);
  assert.deepEqual(same(told), same(answer));
};

const direct = async (client, way, request, check) => {
  const answer = await way(client, ...request);
  if (Array.isArray(answer)) assert.ok(answer.length > 2, 'hardly any events');
  else check(answer);
  return answer;
};

// First what one way of asking stores, then the other way served from it.
const reshape = async ({ model, reprise }, test, from, to, request) => {
  const answer = await direct(model, from, request, test.check);
  await expect(reprise, from, request, 'MISS', answer);
  const same = (told) => plain(test.same ? test.same(told) : told);
  await expect(reprise, to, request, 'HIT (reshaped)', answer, same);
  await expect(reprise, from, request, 'HIT (exact)', answer);
};

const runWays = async ({ model, reprise }, test) => {
  for (const [way, ask] of Object.entries(test.ways)) {
    const name = `${test.name}, ${way}`;
    await attempt(name, async () => {
      const request = test.request(question(name));
      const answer = await direct(model, ask, request, test.check);
      if (mode === 'direct') return;
      await expect(reprise, ask, request, 'MISS', answer);
      await expect(reprise, ask, request, 'HIT (exact)', answer);
    });
  }
};

const runTwins = async (clients, test) => {
  const [whole, streamed] = test.twins ?? [];
  if (!whole) return;
  const { name } = test;
  await attempt(`${name}, stream of JSON`, () =>
    reshape(clients, test, whole, streamed, test.request(question(name))));
  await attempt(`${name}, JSON of stream`, () =>
    reshape(clients, test, streamed, whole, test.request(question(name))));
};

// Several requests in a row, each with the result it must have.
const runSteps = async ({ model, reprise }, test) => {
  if (mode === 'reshaped') return;
  await attempt(test.name, async () => {
    for (const [request, result] of test.steps(question(test.name))) {
      const answer = await test.ask(model, ...request);
      test.check(answer);
      if (mode === 'cached')
        await expect(reprise, test.ask, request, result, answer);
    }
  });
};

// connect: a base URL -> whatever the ways ask with. A case is either
//
//	name
//	request(text)	the arguments of a way; text makes them new
//	ways		{how: async (client, ...request) => answer}
//	check(answer)	throws when it is not what was asked for; a list
//			of events is only counted
//	twins		[whole, assembled stream]: ways whose answers are
//			equal but for what `same` takes out
//	same(answer)
//
// or one with steps(text), [[request, X-Cache], ...], all asked by `ask`.
export const run = async (connect, cases) => {
  const clients = {
    model: connect(modelUrl),
    reprise: repriseUrl && connect(repriseUrl),
  };
  for (const test of cases) {
    if (test.steps) await runSteps(clients, test);
    else if (mode === 'reshaped') await runTwins(clients, test);
    else await runWays(clients, test);
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed || !passed ? 1 : 0;
};

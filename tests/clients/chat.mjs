// The official openai package against a running Reprise: every case first as
// a miss, then as a hit; the objects the package builds must be equal.
//
//	node chat.mjs BASE-URL
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const base = process.argv[2];
const seed = `${Date.now()}-${process.pid}`; // a question nobody has asked yet
let seen = null; // X-Cache of the last answer

const client = new OpenAI({
  baseURL: `${base}/v1`,
  apiKey: 'sk-test-client',
  maxRetries: 0,
  fetch: async (url, init) => {
    const response = await fetch(url, init);
    seen = response.headers.get('x-cache');
    return response;
  },
});

const tools = [{
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather of a town',
    parameters: {
      type: 'object',
      properties: { town: { type: 'string' } },
      required: ['town'],
    },
  },
}];

const question = (text, more = {}) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: `${text} ${seed}` }],
  ...more,
});

// A conversation of about 200 KB: turns of prose in several alphabets.
const conversation = () => {
  const messages = [{ role: 'system', content: `You help. ${seed}` }];
  for (let i = 0; JSON.stringify(messages).length < 200 * 1024; i++) {
    messages.push({
      role: i % 2 ? 'assistant' : 'user',
      content: `Turn ${i}: naïve façade, Ελλάδα, 你好, 😀 "quoted"\n`.repeat(20),
    });
  }
  messages.push({ role: 'user', content: 'And so?' });
  return messages;
};

const whole = async (request) => client.chat.completions.create(request);

const chunks = async (request) => {
  const list = [];
  const stream = await client.chat.completions.create({ ...request, stream: true });
  for await (const chunk of stream) list.push(chunk);
  return list;
};

// The package's own assembly of a stream: text, tool calls, usage.
const assembled = async (request) => {
  const runner = client.chat.completions.stream(request);
  return runner.finalChatCompletion();
};

const usage = { stream_options: { include_usage: true } };
const cases = {
  'JSON': [whole, question('Tell me')],
  'JSON, tool call': [whole, question('use a tool', { tools })],
  'stream': [chunks, question('Stream it')],
  'stream with usage': [chunks, question('Stream it', usage)],
  'stream, tool call': [chunks, question('use a tool', { tools })],
  'stream, tool call with usage': [chunks, question('use a tool', { tools, ...usage })],
  'assembled stream': [assembled, question('Assemble it', usage)],
  'assembled tool call': [assembled, question('Assemble the tool call', { tools })],
  '200 KB conversation, JSON': [whole, question('', { messages: conversation() })],
  '200 KB conversation, stream': [chunks, question('', { messages: conversation() })],
};

let failed = 0;
for (const [name, [ask, request]] of Object.entries(cases)) {
  try {
    const first = await ask(request);
    assert.equal(seen, 'MISS');
    const second = await ask(request);
    assert.equal(seen, 'HIT (exact)');
    assert.deepEqual(second, first);
    const last = Array.isArray(first) ? first.at(-1) : first;
    if (name.includes('usage')) assert.ok(last.usage.total_tokens > 0);
    if (name.includes('tool')) assert.match(JSON.stringify(first), /get_weather/);
    console.log(`ok  ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${name}: ${error.message}`);
  }
}
console.log(`${Object.keys(cases).length - failed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

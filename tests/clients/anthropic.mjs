// The official @anthropic-ai/sdk package. How to run it: suite.mjs.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import { collect, fetchAndSee, isSaid, run } from './suite.mjs';

const connect = (base) => new Anthropic({
  baseURL: base,
  apiKey: 'sk-ant-test-client',
  maxRetries: 0,
  fetch: fetchAndSee,
});

const create = (client, request, options) =>
  client.messages.create(request, options);

const events = async (client, request, options) =>
  collect(await client.messages.create({ ...request, stream: true }, options));

// The package's own assembly of a stream.
const assembled = (client, request, options) =>
  client.messages.stream(request, options).finalMessage();

// The assembly adds what it parsed.
const asCreated = ({ parsed_output, content, ...rest }) => ({
  ...rest,
  content: content.map(({ parsed_output, ...block }) => block),
});

const question = (content, more = {}) => ({
  model: 'claude-demo',
  max_tokens: 2048,
  messages: [{ role: 'user', content }],
  ...more,
});

const tools = [{
  name: 'get_weather',
  description: 'The weather of a town',
  input_schema: {
    type: 'object',
    properties: { town: { type: 'string' } },
    required: ['town'],
  },
}];

const thinking = { type: 'enabled', budget_tokens: 1024 };
const demo = (knobs) => ({ headers: { 'X-Demo': knobs } });

const messages = (name, request, reason, check) => ({
  name: `messages${name}`,
  ways: { JSON: create, stream: events, 'assembled stream': assembled },
  twins: [create, assembled],
  same: asCreated,
  request,
  check: ({ content, stop_reason, usage }) => {
    assert.equal(stop_reason, reason);
    assert.ok(usage.input_tokens > 0 && usage.output_tokens > 0);
    check(content);
  },
});

const calls = (block) => {
  assert.equal(block.type, 'tool_use');
  assert.equal(block.name, 'get_weather');
  assert.ok(Object.keys(block.input).length > 0);
};

const thinks = ([thought, text]) => {
  assert.equal(thought.type, 'thinking');
  assert.ok(thought.thinking.length > 0 && thought.signature.length > 0);
  isSaid(text.text);
};

await run(connect, [
  messages('', (text) => [question(text)], 'end_turn',
    ([block]) => isSaid(block.text)),
  messages(' with several blocks', (text) => [question(text), demo('choices=2')],
    'end_turn', (content) => content.forEach((block) => isSaid(block.text))),
  messages(' cut at the limit',
    (text) => [question(text, { max_tokens: 24 }), demo('words=100')],
    'max_tokens', ([block]) => isSaid(block.text)),
  messages(' with a tool call',
    (text) => [question(`use a tool ${text}`, { tools })],
    'tool_use', ([block]) => calls(block)),
  messages(' with two tool calls',
    (text) => [question(`use a tool ${text}`, { tools }), demo('choices=2')],
    'tool_use', (content) => content.forEach(calls)),
  messages(' with thinking',
    (text) => [question(text, { thinking }), demo('reasoning=1')],
    'end_turn', thinks),
]);

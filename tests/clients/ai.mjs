// The ai package with its providers. How to run it: suite.mjs.
import assert from 'node:assert/strict';
import {
  embedMany, experimental_transcribe, generateText, jsonSchema, streamText, tool,
} from 'ai';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { collect, fetchAndSee, isSaid, run, sound } from './suite.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const connect = (base) => {
  const settings = {
    baseURL: `${base}/v1`,
    apiKey: 'sk-test-client',
    fetch: fetchAndSee,
  };
  return {
    openai: createOpenAI(settings),
    anthropic: createAnthropic(settings),
    compatible: createOpenAICompatible(
      { ...settings, name: 'compatible', includeUsage: true }),
  };
};

// Without the time of day, the headers, and what was sent: a request says
// whether it wants a stream.
const timeless = ({ request, response, ...rest }) => ({
  ...rest,
  ...(response && { response: { id: response.id, modelId: response.modelId } }),
});

// A step of either function as plain data: its members are getters.
const told = (step) => ({
  content: step.content,
  text: step.text,
  reasoning: step.reasoning,
  toolCalls: step.toolCalls,
  finishReason: step.finishReason,
  usage: step.usage,
  providerMetadata: step.providerMetadata,
  response: timeless(step).response,
});

const generate = (pick) => async (client, request) => {
  const { steps } = await generateText(
    { model: pick(client), maxRetries: 0, ...request });
  return told(steps[0]);
};

const stream = (pick, request, client) => streamText({
  model: pick(client),
  maxRetries: 0,
  onError: () => {}, // thrown below; the default prints it
  ...request,
});

const parts = (pick) => async (client, request) => {
  const list = await collect(stream(pick, request, client).fullStream);
  for (const part of list) if (part.type === 'error') throw part.error;
  return list.map(timeless);
};

const assembled = (pick) => async (client, request) => {
  const result = stream(pick, request, client);
  for await (const part of result.fullStream)
    if (part.type === 'error') throw part.error;
  return told((await result.steps)[0]);
};

// pick: the model of a connection; more: what the request has besides.
const texts = (name, pick, check, more = {}, same) => {
  const whole = generate(pick);
  const streamed = assembled(pick);
  return {
    name: `ai, ${name}`,
    ways: { generateText: whole, streamText: parts(pick), steps: streamed },
    twins: [whole, streamed],
    same,
    request: (text) =>
      [{ prompt: more.tools ? `use a tool ${text}` : text, ...more }],
    check: (answer) => {
      assert.ok(answer.usage.totalTokens > 0);
      check(answer);
    },
  };
};

const says = ({ text }) => isSaid(text);
const thinks = ({ text, reasoning }) => {
  isSaid(text);
  assert.ok(reasoning[0].text.length > 0);
};
const calls = ({ toolCalls, finishReason }) => {
  assert.equal(finishReason, 'tool-calls');
  assert.equal(toolCalls[0].toolName, 'get_weather');
  assert.ok(!toolCalls[0].invalid);
};

const tools = {
  get_weather: tool({
    description: 'The weather of a town',
    inputSchema: jsonSchema({
      type: 'object',
      properties: { query: { type: 'string' } },
    }),
  }),
};
const reasoning = { headers: { 'X-Demo': 'reasoning=1' } };

// Else a stream's request wants its tools streamed eagerly, which makes it
// another request than the one without a stream.
const anthropicTools = {
  tools,
  providerOptions: { anthropic: { toolStreaming: false } },
};

const chat = ({ openai }) => openai.chat('gpt-4o-mini');
const responses = ({ openai }) => openai.responses('gpt-4o-mini');
const completion = ({ openai }) => openai.completion('gpt-3.5-turbo-instruct');
const claude = ({ anthropic }) => anthropic('claude-demo');
const compatible = ({ compatible }) => compatible.chatModel('demo');

const embedding = {
  name: 'ai, embedMany',
  ask: async ({ openai }, values) => {
    const { embeddings, usage } = await embedMany({
      model: openai.embedding('text-embedding-3-small'), values, maxRetries: 0,
    });
    return { embeddings, usage };
  },
  check: ({ embeddings, usage }) => {
    assert.equal(typeof embeddings[0][0], 'number');
    assert.ok(usage.tokens > 0);
  },
  steps: (text) => {
    const [one, two, three] = ['1', '2', '3'].map((word) => `${word} ${text}`);
    return [
      [[[one, two]], 'MISS'],
      [[[one, two]], 'HIT (exact)'],
      [[[three, two]], 'MISS'],
      [[[one, three]], 'HIT (exact)'],
    ];
  },
};

const transcription = {
  name: 'ai, transcribe',
  ways: {
    JSON: async ({ openai }, audio) => {
      const { text, segments, language } = await experimental_transcribe(
        { model: openai.transcription('whisper-1'), audio, maxRetries: 0 });
      return { text, segments, language };
    },
  },
  request: (text) => [new Uint8Array(sound(text))],
  check: ({ text }) => isSaid(text),
};

await run(connect, [
  texts('OpenAI chat', chat, says),
  texts('OpenAI chat with a tool call', chat, calls, { tools }),
  texts('OpenAI responses', responses, says),
  texts('OpenAI responses with reasoning', responses, thinks, reasoning),
  texts('OpenAI responses with a tool call', responses, calls, { tools }),
  texts('OpenAI completions', completion, says),
  texts('Anthropic messages', claude, says),
  texts('Anthropic messages with thinking', claude, thinks, reasoning),
  texts('Anthropic messages with a tool call', claude, calls, anthropicTools),
  texts('compatible chat', compatible, says),
  texts('compatible chat with reasoning', compatible, thinks, reasoning),
  texts('compatible chat with a tool call', compatible, calls, { tools }),
  embedding,
  transcription,
]);

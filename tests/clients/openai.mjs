// The official openai package. How to run it: suite.mjs.
import assert from 'node:assert/strict';
import OpenAI, { toFile } from 'openai';
import { collect, fetchAndSee, isSaid, run, sound } from './suite.mjs';

const connect = (base) => new OpenAI({
  baseURL: `${base}/v1`,
  apiKey: 'sk-test-client',
  maxRetries: 0,
  fetch: fetchAndSee,
});

// ---- chat -----------------------------------------------------------------
const parameters = {
  type: 'object',
  properties: { town: { type: 'string' } },
  required: ['town'],
};
const weather = { name: 'get_weather', description: 'Of a town', parameters };
const tools = [{ type: 'function', function: weather }];
const usage = { stream_options: { include_usage: true } };
const demo = (knobs) => ({ headers: { 'X-Demo': knobs } });

const question = (content, more = {}) => ({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content }],
  ...more,
});

// A conversation of about 200 KB: turns of prose in several alphabets.
const conversation = (text) => {
  const messages = [{ role: 'system', content: `You help. ${text}` }];
  for (let i = 0; JSON.stringify(messages).length < 200 * 1024; i++) {
    messages.push({
      role: i % 2 ? 'assistant' : 'user',
      content: `Turn ${i}: naïve façade, Ελλάδα, 你好, 😀 "quoted"\n`.repeat(20),
    });
  }
  messages.push({ role: 'user', content: 'And so?' });
  return messages;
};

// stream_options without a stream is an error of the caller's.
const whole = (client, { stream_options, ...request }, options) =>
  client.chat.completions.create(request, options);

const chunks = async (client, request, options) =>
  collect(await client.chat.completions.create(
    { ...request, stream: true }, options));

// The package's own assembly of a stream: text, tool calls, usage. Of what it
// does not know, reasoning_content, it would keep the last piece only.
const assembled = async (client, request, options) => {
  const stream = client.chat.completions.stream(request, options);
  const thoughts = [];
  stream.on('chunk', (chunk) => {
    for (const { index, delta } of chunk.choices)
      thoughts[index] = (thoughts[index] ?? '') + (delta.reasoning_content ?? '');
  });
  const completion = await stream.finalChatCompletion();
  for (const { index, message } of completion.choices)
    if (thoughts[index]) message.reasoning_content = thoughts[index];
  return completion;
};

// A stream tells its usage only when asked to, also one made of JSON.
const unmetered = async (...request) => {
  const completion = await assembled(...request);
  assert.equal(completion.usage, undefined);
  return completion;
};

// The assembly adds what it parsed, and a null for what did not come.
const asCreated = ({ choices, ...rest }) => ({
  ...rest,
  choices: choices.map(({ message, ...choice }) => {
    const { parsed, tool_calls, ...others } = message;
    return {
      logprobs: null,
      ...choice,
      message: {
        refusal: null,
        content: null,
        ...others,
        ...(tool_calls && { tool_calls: tool_calls.map(withoutParsed) }),
      },
    };
  }),
});

const withoutParsed = ({ function: { parsed_arguments, ...called }, ...call }) =>
  ({ ...call, function: called });

const chat = (name, request, check) => ({
  name: `chat${name}`,
  ways: { JSON: whole, stream: chunks, 'assembled stream': assembled },
  twins: [whole, assembled],
  same: asCreated,
  request,
  check: ({ choices, usage }) => {
    if (usage) assert.ok(usage.total_tokens > 0);
    choices.forEach(check);
  },
});

const says = ({ message }) => isSaid(message.content);
const calls = ({ message, finish_reason }) => {
  assert.equal(finish_reason, 'tool_calls');
  assert.equal(message.tool_calls[0].function.name, 'get_weather');
  JSON.parse(message.tool_calls[0].function.arguments);
};
const thinks = ({ message }) => {
  isSaid(message.content);
  assert.ok(message.reasoning_content.length > 0);
};

const chatCases = [
  chat('', (text) => [question(text, usage)], says),
  {
    ...chat(' without usage', (text) => [question(text)], says),
    twins: [whole, unmetered],
    same: ({ usage, ...rest }) => asCreated(rest),
  },
  chat(' with a tool call',
    (text) => [question(`use a tool ${text}`, { tools, ...usage })], calls),
  chat(' with several choices',
    (text) => [question(text, { n: 3, ...usage }), demo('choices=3')], says),
  chat(' with reasoning',
    (text) => [question(text, usage), demo('reasoning=1')], thinks),
  chat(' of 200 KB',
    (text) => [question('', { messages: conversation(text), ...usage })], says),
];

// ---- completions ------------------------------------------------------------
const complete = (client, { stream_options, ...request }) =>
  client.completions.create(request);

const completed = async (client, request) =>
  collect(await client.completions.create({ ...request, stream: true }));

// The package leaves the assembly to its caller.
const completedWhole = async (client, request) => {
  const events = await completed(client, request);
  const choices = [];
  for (const { index, text, ...rest } of events.flatMap((e) => e.choices)) {
    const before = choices[index]?.text ?? '';
    choices[index] = { ...choices[index], ...rest, index, text: before + text };
  }
  return { ...events[0], ...events.at(-1), choices };
};

const completions = {
  name: 'completions',
  ways: { JSON: complete, stream: completed },
  twins: [complete, completedWhole],
  request: (text) =>
    [{ model: 'gpt-3.5-turbo-instruct', prompt: text, ...usage }],
  check: ({ choices, usage }) => {
    assert.ok(usage.total_tokens > 0);
    choices.forEach((choice) => isSaid(choice.text));
  },
};

// ---- responses ------------------------------------------------------------
const respond = (client, request, options) =>
  client.responses.create(request, options);

const respondEvents = async (client, request, options) =>
  collect(await client.responses.create({ ...request, stream: true }, options));

const respondStream = (client, request, options) =>
  client.responses.stream(request, options).finalResponse();

// Either way the package adds output_text; the assembly adds what it parsed.
const asResponded = ({ output_text, output_parsed, output, ...rest }) => ({
  ...rest,
  output: output.map(({ parsed_arguments, content, ...item }) => ({
    ...item,
    ...(content && { content: content.map(({ parsed, ...part }) => part) }),
  })),
});

const responses = (name, request, check) => ({
  name: `responses${name}`,
  ways: { JSON: respond, stream: respondEvents, 'assembled stream': respondStream },
  twins: [respond, respondStream],
  same: asResponded,
  request,
  check: (response) => {
    assert.equal(response.status, 'completed');
    assert.ok(response.usage.total_tokens > 0);
    check(response);
  },
});

const input = (text, more) => ({ model: 'gpt-4o-mini', input: text, ...more });

const responsesCases = [
  responses('', (text) => [input(text)],
    (response) => isSaid(response.output_text)),
  responses(' with reasoning', (text) => [input(text), demo('reasoning=1')],
    ({ output }) => {
      assert.ok(output[0].summary[0].text.length > 0);
      isSaid(output[1].content[0].text);
    }),
  responses(' with a tool call',
    (text) => [input(`use a tool ${text}`,
      { tools: [{ type: 'function', strict: false, ...weather }] })],
    ({ output }) => {
      assert.equal(output[0].name, 'get_weather');
      JSON.parse(output[0].arguments);
    }),
];

// ---- embeddings -------------------------------------------------------------
const embed = (client, request) => client.embeddings.create(request);
const embeddings = (more) => (texts) =>
  [{ model: 'text-embedding-3-small', input: texts, ...more }];

// A vector is an array of numbers, however it was sent. Each input is known
// by itself, so the last two lists are in part, then wholly, known ones.
const embedding = (name, more) => ({
  name: `embeddings${name}`,
  ask: embed,
  check: ({ data, usage }) => {
    assert.ok(usage.total_tokens > 0);
    data.forEach((one, i) => {
      assert.equal(one.index, i);
      assert.equal(typeof one.embedding[0], 'number');
    });
  },
  steps: (text) => {
    // Of equal length: what a list costs is shared out by size.
    const known = ['one', 'two', 'six'].map((word) => `${word} ${text}`);
    const mixed = [known[2], `ten ${text}`, known[0], `sum ${text}`];
    const request = embeddings(more);
    return [
      [request(text), 'MISS'],
      [request(text), 'HIT (exact)'],
      [request(known), 'MISS'],
      [request(known), 'HIT (exact)'],
      [request(mixed), 'MISS'],
      [request([...mixed, known[1], mixed[1]]), 'HIT (exact)'],
    ];
  },
});

const embeddingsCases = [
  embedding(' in base64, the default'),
  embedding(' in floats', { encoding_format: 'float' }),
  embedding(' of 256 dimensions', { dimensions: 256 }),
];

// ---- audio ------------------------------------------------------------------
const transcribe = async (client, text, more) =>
  client.audio.transcriptions.create({
    model: 'gpt-4o-transcribe',
    file: await toFile(sound(text), 'speech.wav', { type: 'audio/wav' }),
    ...more,
  });

const transcribeEvents = async (...request) =>
  collect(await transcribe(...request, { stream: true }));

const translate = async (client, text) =>
  client.audio.translations.create({
    model: 'whisper-1',
    file: await toFile(sound(text), 'speech.wav'),
  });

const audioCases = [{
  name: 'transcription',
  ways: { JSON: transcribe, stream: transcribeEvents, translation: translate },
  request: (text) => [text],
  check: ({ text }) => isSaid(text),
}];

await run(connect, [
  ...chatCases, completions, ...responsesCases, ...embeddingsCases,
  ...audioCases,
]);

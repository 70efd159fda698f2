import OpenAI, { toFile } from 'openai';
import { apiKey, check, failure, gateway, upstreamEnd } from './harness.mjs';

const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey });
const once = new OpenAI({ baseURL: `${gateway}/v1`, apiKey, maxRetries: 0 });

const model = 'anthropic/claude-3-opus';
const messages = [{ role: 'user', content: 'Hello, 世界 🌍' }];

async function read(stream) {
  const facts = { texts: [] };
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (choice?.delta?.content) {
      facts.texts.push(choice.delta.content);
    }

    facts.finish = choice?.finish_reason ?? facts.finish;
    facts.usage = chunk.usage ?? facts.usage;
  }

  return facts;
}

await check('chat', {}, async () => {
  const { data, response } = await client.chat.completions.create({ model, messages }).withResponse();
  return {
    text: data.choices[0].message.content,
    usage: data.usage,
    rule: response.headers.get('x-gateway-rule'),
    requestId: response.headers.get('x-request-id'),
  };
});

await check('client-provider', {}, async () => {
  const { data, response } = await client.chat.completions
    .create({ model, messages, provider: { order: ['Amazon Bedrock'] } }).withResponse();
  return { provider: data.provider, rule: response.headers.get('x-gateway-rule') };
});

await check('stream', { events: 5, keepalives: 3, 'keepalive-ms': 20, split: 7 }, async () =>
  read(await client.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } })));

await check('stream-helper', { events: 5 }, async () => {
  const runner = client.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
  return { text: await runner.finalContent(), usage: await runner.totalUsage() };
});

await check('abort', { 'stall-after': 2 }, async () => {
  const stream = await client.chat.completions.create({ model, messages, stream: true });
  const texts = [];
  for await (const chunk of stream) {
    texts.push(chunk.choices[0].delta.content);
    if (texts.length === 2) {
      stream.controller.abort();
    }
  }

  return { texts, ...await upstreamEnd() };
});

await check('abort-silent', { 'stall-after': 0 }, async () => {
  const abort = new AbortController();
  const stream = await client.chat.completions.create({ model, messages, stream: true }, { signal: abort.signal });
  const reading = read(stream);
  abort.abort();
  await reading;
  return upstreamEnd();
});

for (const status of [400, 402, 404, 429, 500, 502]) {
  await check(`status-${status}`, { status }, () =>
    failure(() => once.chat.completions.create({ model, messages })));
}

await check('retry', { status: 429, header: 'retry-after-ms: 10' }, () =>
  failure(() => client.chat.completions.create({ model, messages })));

await check('retry-refused', { status: 429, header: 'x-should-retry: false' }, () =>
  failure(() => client.chat.completions.create({ model, messages })));

await check('rule-refused', {}, () =>
  failure(() => client.chat.completions.create({ model: 'openai/gpt-4o', messages, provider: { only: ['openai'] } })));

await check('bad-provider', {}, () =>
  failure(() => client.chat.completions.create({ model, messages, provider: 'anthropic' })));

await check('no-such-path', {}, () =>
  failure(() => new OpenAI({ baseURL: `${gateway}/v2`, apiKey }).chat.completions.create({ model, messages })));

await check('too-large', {}, () =>
  failure(() => client.chat.completions.create({ model, messages: [{ role: 'user', content: 'x'.repeat(300_000) }] })));

await check('no-answer', { close: 1 }, () =>
  failure(() => once.chat.completions.create({ model, messages })));

await check('cut', { 'cut-after': 2 }, () =>
  failure(async () => read(await client.chat.completions.create({ model, messages, stream: true }))));

await check('error-event', { 'error-after': 2 }, () =>
  failure(async () => read(await client.chat.completions.create({ model, messages, stream: true }))));

await check('error-in-200', { error: 1 }, () =>
  failure(() => once.chat.completions.create({ model, messages })));

await check('error-in-200-stream', { 'error-after': 0 }, () =>
  failure(async () => read(await once.chat.completions.create({ model, messages, stream: true }))));

await check('completions-stream', { events: 4 }, async () => {
  let text = '';
  for await (const chunk of await client.completions.create({ model, prompt: 'Hello', stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }

  return { text };
});

await check('responses', {}, async () => {
  const response = await client.responses.create({ model, input: 'Hello' });
  return { text: response.output_text, status: response.status, usage: response.usage };
});

await check('responses-stream', { events: 5, keepalives: 3 }, async () => {
  const facts = { types: [], texts: [] };
  for await (const event of await client.responses.create({ model, input: 'Hello', stream: true })) {
    facts.types.push(event.type);
    if (event.type === 'response.output_text.delta') {
      facts.texts.push(event.delta);
    } else if (event.type === 'response.completed') {
      facts.usage = event.response.usage;
    }
  }

  return facts;
});

await check('responses-cut', { 'cut-after': 6 }, async () => {
  let last;
  const error = await failure(async () => {
    for await (const event of await client.responses.create({ model, input: 'Hello', stream: true })) {
      last = event;
    }
  });
  return { ...error, event: last };
});

await check('responses-refused', {}, () =>
  failure(() => client.responses.create({ model: 'openai/gpt-4o', input: 'Hello', provider: { only: ['openai'] } })));

await check('embeddings', {}, async () => {
  const model = 'openai/text-embedding-3-small';
  const decoded = await client.embeddings.create({ model, input: ['a', 'b'] });
  const plain = await client.embeddings.create({ model, input: 'a', encoding_format: 'float' });
  return { decoded: decoded.data[0].embedding, plain: plain.data[0].embedding };
});

await check('images', {}, async () => {
  const answer = await client.images.generate({ model: 'google/gemini-2.5-flash-image', prompt: 'A cat' });
  return { image: answer.data[0].b64_json };
});

await check('models', {}, async () => {
  const names = [];
  for await (const model of client.models.list()) {
    names.push(model.id);
  }

  return { names };
});

await check('upload', {}, async () => {
  const file = await toFile(Buffer.alloc(250_000, 7), 'data.jsonl');
  return { answer: await client.files.create({ file, purpose: 'batch' }) };
});

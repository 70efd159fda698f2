import Anthropic from '@anthropic-ai/sdk';
import { apiKey, check, failure, gateway, upstreamEnd } from './harness.mjs';

// The SDK adds /v1/messages by itself.
const client = new Anthropic({ baseURL: gateway, apiKey });
const once = new Anthropic({ baseURL: gateway, apiKey, maxRetries: 0 });

const model = 'anthropic/claude-3-opus';
const call = { model, max_tokens: 64, messages: [{ role: 'user', content: 'Hello, 世界 🌍' }] };

async function read(stream) {
  const facts = { types: [], texts: [] };
  for await (const event of stream) {
    facts.types.push(event.type);
    if (event.type === 'content_block_delta') {
      facts.texts.push(event.delta.text);
    }
  }

  return facts;
}

await check('messages', {}, async () => {
  const { data, response } = await client.messages.create(call).withResponse();
  return { text: data.content[0].text, finish: data.stop_reason, usage: data.usage, rule: response.headers.get('x-gateway-rule') };
});

await check('auth-token', {}, async () => {
  const bearer = new Anthropic({ baseURL: `${gateway}/api`, authToken: apiKey });
  return { text: (await bearer.messages.create(call)).content[0].text };
});

// As versions before 1 sent their apiKey.
await check('x-api-key', {}, async () => {
  const old = new Anthropic({ baseURL: gateway, apiKey: null, authToken: null, defaultHeaders: { 'x-api-key': apiKey } });
  return { text: (await old.messages.create(call)).content[0].text };
});

await check('client-provider', {}, async () => {
  const { response } = await client.messages.create({ ...call, provider: { order: ['Amazon Bedrock'] } }).withResponse();
  return { rule: response.headers.get('x-gateway-rule') };
});

await check('stream', { events: 5, keepalives: 3, 'keepalive-ms': 20, split: 7 }, async () =>
  read(await client.messages.create({ ...call, stream: true })));

await check('stream-helper', { events: 5 }, async () => {
  const message = await client.messages.stream(call).finalMessage();
  return { text: message.content[0].text, finish: message.stop_reason, usage: message.usage };
});

await check('abort', { 'stall-after': 5 }, async () => {
  const stream = await client.messages.create({ ...call, stream: true });
  const texts = [];
  for await (const event of stream) {
    if (event.type === 'content_block_delta' && texts.push(event.delta.text) === 2) {
      stream.controller.abort();
    }
  }

  return { texts, ...await upstreamEnd() };
});

for (const status of [400, 402, 404, 429, 500, 529]) {
  await check(`status-${status}`, { status }, () => failure(() => once.messages.create(call)));
}

await check('retry', { status: 529, header: 'retry-after-ms: 10' }, () => failure(() => client.messages.create(call)));

await check('rule-refused', {}, () =>
  failure(() => client.messages.create({ ...call, model: 'openai/gpt-4o', provider: { only: ['openai'] } })));

await check('no-such-path', {}, () =>
  failure(() => new Anthropic({ baseURL: `${gateway}/other`, apiKey }).messages.create(call)));

await check('too-large', {}, () =>
  failure(() => client.messages.create({ ...call, messages: [{ role: 'user', content: 'x'.repeat(300_000) }] })));

await check('cut', { 'cut-after': 5 }, () =>
  failure(async () => read(await client.messages.create({ ...call, stream: true }))));

await check('cut-helper', { 'cut-after': 5 }, () => failure(() => client.messages.stream(call).finalMessage()));

await check('error-event', { 'error-after': 5 }, () =>
  failure(async () => read(await client.messages.create({ ...call, stream: true }))));

await check('models', {}, async () => {
  const page = await client.models.list();
  return { names: page.data.map(one => one.id) };
});

await check('count-tokens', { body: '{"input_tokens":7}' }, async () => client.messages.countTokens({ model, messages: call.messages }));

import { HTTPClient, OpenRouter } from '@openrouter/sdk';
import { apiKey, check, failure, gateway, upstreamEnd } from './harness.mjs';

const serverURL = `${gateway}/api/v1`;

let rule;
const httpClient = new HTTPClient();
httpClient.addHook('response', response => {
  rule = response.headers.get('x-gateway-rule');
});

const once = new OpenRouter({ apiKey, serverURL, httpClient, retryConfig: { strategy: 'none' } });

// The SDK retries until a time has passed. Its clock goes on with each response alone, so that a slow machine retries as often.
const clock = Date.now;
let now = clock();
const patientClient = new HTTPClient();
patientClient.addHook('response', () => {
  now += 60;
});
const patient = new OpenRouter({
  apiKey,
  serverURL,
  httpClient: patientClient,
  retryConfig: { strategy: 'backoff', backoff: { initialInterval: 10, maxInterval: 20, exponent: 1.5, maxElapsedTime: 200 } },
});

const model = 'anthropic/claude-3-opus';
const messages = [{ role: 'user', content: 'Hello, 世界 🌍' }];

const send = (more, client = once, options = undefined) => client.chat.send({ chatRequest: { model, messages, ...more } }, options);

async function read(stream) {
  const facts = { texts: [] };
  for await (const chunk of stream) {
    const choice = chunk.choices[0];
    if (choice?.delta?.content) {
      facts.texts.push(choice.delta.content);
    }

    facts.finish = choice?.finishReason ?? facts.finish;
    facts.usage = chunk.usage ?? facts.usage;
    facts.error = chunk.error ?? facts.error;
  }

  return facts;
}

await check('chat', {}, async () => {
  const answer = await send({});
  return { text: answer.choices[0].message.content, usage: answer.usage, rule };
});

await check('client-provider', {}, async () => {
  await send({ provider: { order: ['amazon-bedrock'], allowFallbacks: false } });
  return { rule };
});

await check('stream', { events: 5, keepalives: 3, 'keepalive-ms': 20, split: 7 }, async () => read(await send({ stream: true })));

await check('abort', { 'stall-after': 2 }, async () => {
  const texts = [];
  for await (const chunk of await send({ stream: true })) {
    if (texts.push(chunk.choices[0].delta.content) === 2) {
      break;
    }
  }

  return { texts, ...await upstreamEnd() };
});

for (const status of [400, 402, 404, 429, 500, 502]) {
  await check(`status-${status}`, { status }, () => failure(() => send({})));
}

Date.now = () => now;
await check('retry', { status: 503 }, () => failure(() => send({}, patient)));
Date.now = clock;

await check('rule-refused', {}, () => failure(() => send({ model: 'openai/gpt-4o', provider: { only: ['openai'] } })));

await check('no-such-path', {}, () => failure(() => send({}, new OpenRouter({ apiKey, serverURL: `${gateway}/v2` }))));

await check('too-large', {}, () => failure(() => send({ messages: [{ role: 'user', content: 'x'.repeat(300_000) }] })));

await check('no-answer', { close: 1 }, () => failure(() => send({})));

await check('cut', { 'cut-after': 2 }, () => failure(async () => read(await send({ stream: true }))));

await check('error-event', { 'error-after': 2 }, async () => read(await send({ stream: true })));

await check('error-in-200', { error: 1 }, () => failure(() => send({})));

await check('error-in-200-stream', { 'error-after': 0 }, () => failure(async () => read(await send({ stream: true }))));

await check('embeddings', {}, async () => {
  const answer = await once.embeddings.generate({ requestBody: { model: 'openai/text-embedding-3-small', input: 'a' } });
  return { vector: answer.data[0].embedding };
});

await check('models', {}, async () => {
  const answer = await once.models.list();
  return { names: answer.result.data.map(one => one.id), total: answer.result.totalCount };
});

await check('rerank', {}, async () => {
  const answer = await once.rerank.rerank({ requestBody: { model: 'cohere/rerank-v3.5', query: 'q', documents: ['a'] } });
  return { score: answer.results[0].relevanceScore };
});

await check('responses', {}, async () => {
  const answer = await once.responses.send({ responsesRequest: { model, input: 'Hello' } });
  return { text: answer.output[0].content[0].text, status: answer.status };
});

await check('responses-stream', { events: 5 }, async () => {
  const facts = { types: [] };
  for await (const event of await once.responses.send({ responsesRequest: { model, input: 'Hello', stream: true } })) {
    facts.types.push(event.type);
  }

  return facts;
});

await check('responses-cut', { 'cut-after': 6 }, () =>
  failure(async () => {
    for await (const event of await once.responses.send({ responsesRequest: { model, input: 'Hello', stream: true } })) {
      if (event.type === 'response.completed') {
        return;
      }
    }
  }));

// Runs in a page of another origin than the gateway's, with the unmodified SDK. The page reports the facts of all checks at once.

import OpenAI from '/node_modules/openai/index.mjs';

const { gateway, key, limitedKey } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const model = 'openai/gpt-4o-mini';
const messages = [{ role: 'user', content: 'Hello' }];
const visible = [
  'x-request-id', 'x-gateway-rule', 'x-gateway-error', 'x-generation-id', 'x-ratelimit-remaining-requests', 'retry-after', 'retry-after-ms',
  'x-should-retry',
];
const checks = {};

function client(apiKey = key) {
  return new OpenAI({ baseURL: `${gateway}/v1`, apiKey, dangerouslyAllowBrowser: true, maxRetries: 0 });
}

function headersOf(headers) {
  return Object.fromEntries(visible.filter(name => headers?.has(name)).map(name => [name, headers.get(name)]));
}

async function check(id, run) {
  try {
    checks[id] = await run();
  } catch (error) {
    checks[id] = { type: error.constructor.name, status: error.status, code: error.code, message: error.message, headers: headersOf(error.headers) };
  }
}

function chat(options, body = {}, apiKey = key) {
  return client(apiKey).chat.completions.create({ model, messages, ...body }, { headers: options });
}

await check('answer', async () => {
  const { data, response } = await chat({}).withResponse();
  return { text: data.choices[0].message.content, headers: headersOf(response.headers) };
});

await check('stream', async () => {
  const texts = [];
  for await (const chunk of await chat({ 'x-fake-events': '4' }, { stream: true })) {
    texts.push(chunk.choices[0]?.delta?.content ?? '');
  }

  return { text: texts.join('') };
});

await check('models', async () => ({ models: (await client().models.list()).data.length }));
await check('bad-key', () => chat({}, {}, 'ogw-nobody'));
await check('closed-model', () => chat({}, { model: 'denied/model' }));
await check('bad-request', () => chat({}, { provider: 'none' }));
await check('limit-reached', async () => {
  await chat({}, {}, limitedKey);
  return chat({}, {}, limitedKey);
});
await check('upstream-error', () => chat({ 'x-fake-status': '429', 'x-fake-header': 'Retry-After: 7' }));
await check('unreachable', () => chat({ 'x-fake-close': '1' }));
await check('no-route', async () => {
  const response = await fetch(`${gateway}/nowhere`);
  return { status: response.status, code: (await response.json()).error.code, headers: headersOf(response.headers) };
});

await fetch('/report', { method: 'POST', body: JSON.stringify(checks) });

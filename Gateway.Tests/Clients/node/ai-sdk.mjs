import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { embed, generateText, streamText } from 'ai';
import { apiKey, check, failure, gateway, upstreamEnd } from './harness.mjs';

const openrouter = createOpenRouter({ baseURL: `${gateway}/v1`, apiKey });
const model = openrouter.chat('anthropic/claude-3-opus');
const prompt = 'Hello, 世界 🌍';

// The SDK reports a failed stream to onError and in its parts; it throws nothing where the text is read.
async function read(options) {
  const facts = { texts: [] };
  for await (const part of streamText({ model, prompt, maxRetries: 0, onError: () => { }, ...options }).fullStream) {
    if (part.type === 'text-delta') {
      facts.texts.push(part.text);
    } else if (part.type === 'finish') {
      facts.finish = part.finishReason;
      facts.usage = part.totalUsage;
    } else if (part.type === 'error') {
      throw part.error instanceof Error ? part.error : Object.assign(new Error(part.error?.message), { code: part.error?.code });
    }
  }

  return facts;
}

await check('chat', {}, async () => {
  const answer = await generateText({ model, prompt });
  return { text: answer.text, finish: answer.finishReason, usage: answer.usage, rule: answer.response.headers['x-gateway-rule'] };
});

await check('client-provider', {}, async () => {
  const model = openrouter.chat('anthropic/claude-3-opus', { provider: { order: ['amazon-bedrock'] } });
  const answer = await generateText({ model, prompt });
  return { rule: answer.response.headers['x-gateway-rule'] ?? null };
});

await check('stream', { events: 5, keepalives: 3, 'keepalive-ms': 20, split: 7 }, () => read({}));

await check('abort', { 'stall-after': 2 }, async () => {
  const abort = new AbortController();
  const texts = [];
  for await (const text of streamText({ model, prompt, abortSignal: abort.signal }).textStream) {
    if (texts.push(text) === 2) {
      abort.abort();
    }
  }

  return { texts, ...await upstreamEnd() };
});

for (const status of [400, 402, 404, 429, 500, 502]) {
  await check(`status-${status}`, { status }, () => failure(() => generateText({ model, prompt, maxRetries: 0 })));
}

await check('retry', { status: 429, header: 'retry-after-ms: 10' }, () => failure(() => generateText({ model, prompt, maxRetries: 2 })));

await check('rule-refused', {}, () => failure(() => generateText({
  model: openrouter.chat('openai/gpt-4o', { provider: { only: ['openai'] } }),
  prompt,
})));

await check('no-such-path', {}, () => failure(() => generateText({
  model: createOpenRouter({ baseURL: `${gateway}/v2`, apiKey }).chat('anthropic/claude-3-opus'),
  prompt,
})));

await check('too-large', {}, () => failure(() => generateText({ model, prompt: 'x'.repeat(300_000) })));

await check('no-answer', { close: 1 }, () => failure(() => generateText({ model, prompt, maxRetries: 0 })));

await check('cut', { 'cut-after': 2 }, () => failure(() => read({})));

await check('error-event', { 'error-after': 2 }, () => failure(() => read({})));

await check('embeddings', {}, async () => {
  const answer = await embed({ model: openrouter.textEmbeddingModel('openai/text-embedding-3-small'), value: 'a' });
  return { vector: answer.embedding };
});

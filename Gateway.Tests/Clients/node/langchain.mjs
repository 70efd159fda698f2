import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { ChatOpenRouter } from '@langchain/openrouter';
import { apiKey, check, failure, gateway, upstreamEnd } from './harness.mjs';

const model = 'anthropic/claude-3-opus';
const prompt = 'Hello, 世界 🌍';
const configuration = { baseURL: `${gateway}/v1` };

const clients = {
  openai: (more = {}) => new ChatOpenAI({ model, apiKey, configuration, maxRetries: 0, ...more }),
  openrouter: (more = {}) => new ChatOpenRouter({ model, apiKey, baseURL: `${gateway}/api/v1`, maxRetries: 0, ...more }),
};

const withProvider = {
  openai: provider => ({ modelKwargs: { provider } }),
  openrouter: provider => ({ provider }),
};

async function read(stream) {
  const facts = { texts: [] };
  for await (const chunk of stream) {
    if (chunk.content) {
      facts.texts.push(chunk.content);
    }

    facts.finish = chunk.response_metadata?.finish_reason ?? facts.finish;
    facts.usage = chunk.usage_metadata ?? facts.usage;
  }

  return facts;
}

for (const [name, create] of Object.entries(clients)) {
  await check(`${name}-chat`, {}, async () => {
    const answer = await create().invoke(prompt);
    return { text: answer.content, usage: answer.usage_metadata };
  });

  await check(`${name}-client-provider`, {}, async () => {
    const answer = await create(withProvider[name]({ order: ['amazon-bedrock'] })).invoke(prompt);
    return { text: answer.content };
  });

  await check(`${name}-stream`, { events: 5, keepalives: 3, 'keepalive-ms': 20, split: 7 }, async () =>
    read(await create().stream(prompt)));

  await check(`${name}-abort`, { 'stall-after': 2 }, async () => {
    const abort = new AbortController();
    const texts = [];
    const stopped = await failure(async () => {
      for await (const chunk of await create().stream(prompt, { signal: abort.signal })) {
        if (texts.push(chunk.content) === 2) {
          abort.abort();
        }
      }
    });
    return { texts, stopped, ...await upstreamEnd() };
  });

  for (const status of [400, 402, 429, 500]) {
    await check(`${name}-status-${status}`, { status }, () => failure(() => create().invoke(prompt)));
  }

  await check(`${name}-rule-refused`, {}, () =>
    failure(() => create({ model: 'openai/gpt-4o', ...withProvider[name]({ only: ['openai'] }) }).invoke(prompt)));

  await check(`${name}-too-large`, {}, () => failure(() => create().invoke('x'.repeat(300_000))));

  await check(`${name}-cut`, { 'cut-after': 2 }, () => failure(async () => read(await create().stream(prompt))));

  await check(`${name}-error-event`, { 'error-after': 2 }, async () => {
    const facts = {};
    facts.failure = await failure(async () => Object.assign(facts, await read(await create().stream(prompt))));
    return facts;
  });

  await check(`${name}-error-in-200`, { error: 1 }, () => failure(() => create().invoke(prompt)));

  await check(`${name}-error-in-200-stream`, { 'error-after': 0 }, () =>
    failure(async () => read(await create().stream(prompt))));
}

await check('openai-embeddings', {}, async () => {
  const embeddings = new OpenAIEmbeddings({ model: 'openai/text-embedding-3-small', apiKey, configuration });
  return { vector: await embeddings.embedQuery('a') };
});

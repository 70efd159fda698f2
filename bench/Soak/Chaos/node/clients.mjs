// Calls a gateway with the SDKs of OpenAI and Anthropic. Standard input has a call per line, as JSON; standard output gets a line per call
// when it has ended: the text that the SDK returned, or its error. Calls run at the same time. The process ends after its input and the
// last call.

import { createInterface } from 'node:readline';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const model = 'openai/gpt-4o-mini';
const messages = [{ role: 'user', content: 'Hello' }];

const apis = {
  async chat(client, stream) {
    const answer = await client.chat.completions.create({ model, messages, stream });
    return stream ? joined(answer, chunk => chunk.choices[0]?.delta?.content) : answer.choices[0].message.content;
  },

  async responses(client, stream) {
    const answer = await client.responses.create({ model, input: 'Hello', stream });
    if (answer.status === 'failed') {
      throw new FailedResponse(answer.error?.message);
    }

    return stream ? joined(answer, textOfResponse) : answer.output_text;
  },

  async messages(client, stream) {
    const answer = await client.messages.create({ model, max_tokens: 64, messages, stream });
    return stream ? joined(answer, event => event.type === 'content_block_delta' ? event.delta.text : '') : answer.content[0].text;
  },
};

// The API's own word that a response has failed. The SDK hands it over as a value or an event.
class FailedResponse extends Error {}

function textOfResponse(event) {
  if (event.type === 'response.failed' || event.type === 'error') {
    throw new FailedResponse(event.message ?? event.response?.error?.message);
  }

  return event.type === 'response.output_text.delta' ? event.delta : '';
}

async function joined(stream, textOf) {
  let text = '';
  for await (const event of stream) {
    text += textOf(event) ?? '';
  }

  return text;
}

function isOwn(error) {
  return error instanceof OpenAI.OpenAIError || error instanceof Anthropic.AnthropicError || error instanceof FailedResponse;
}

async function call({ number, sdk, api, stream, retries, address, key, id, headers }) {
  let tries = 0;
  const settings = {
    baseURL: address,
    apiKey: key,
    maxRetries: retries,
    defaultHeaders: headers,
    fetch(input, init) {
      const request = new Request(input, init);
      request.headers.set('x-fake-id', `${id}-${++tries}`);
      return fetch(request);
    },
  };
  const outcome = { number };
  try {
    outcome.text = await apis[api](sdk === 'anthropic' ? new Anthropic(settings) : new OpenAI(settings), stream);
  } catch (error) {
    outcome.error = error?.constructor?.name ?? String(error);
    outcome.own = isOwn(error);
    outcome.message = error?.message;
  }

  process.stdout.write(`${JSON.stringify({ ...outcome, tries })}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  void call(JSON.parse(line));
}

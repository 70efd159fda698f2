// What the checks of all SDKs share. A check runs an SDK as its users would, with nothing but a base URL and a key; what the scripted
// upstream is to do rides along in headers that are added here, below the SDK, to whatever it hands to fetch.

const platformFetch = globalThis.fetch;

export const gateway = process.env.GATEWAY_URL;
export const apiKey = 'sk-or-v1-test';
const upstream = process.env.UPSTREAM_URL;

// Checks run one after the other, so there is one at a time.
let current;

globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  request.headers.set('x-fake-id', current.id);
  for (const [name, value] of Object.entries(current.script)) {
    request.headers.set(`x-fake-${name}`, String(value));
  }

  current.sent = request.headers.get('content-type') === 'application/json' ? await request.clone().text() : undefined;
  return platformFetch(request);
};

/** Runs one check and prints its facts, or the error that it did not expect, as one line of JSON. */
export async function check(id, script, run) {
  current = { id, script };
  try {
    const facts = await run();
    print({ check: id, ...facts, sent: current.sent?.length > 4096 ? undefined : current.sent });
  } catch (error) {
    print({ check: id, unexpected: error?.stack ?? String(error) });
  }
}

/** The error that a call is expected to end with, as its caller sees it. */
export async function failure(run) {
  try {
    await run();
  } catch (error) {
    return {
      type: error?.constructor?.name,
      status: error?.status ?? error?.statusCode,
      message: error?.message,
      code: error?.code ?? error?.error?.code,
      cause: error?.cause?.message,
      body: error?.body,
    };
  }

  return { type: 'none' };
}

/** Waits until the scripted upstream sees the check's request end, and says how. */
export async function upstreamEnd() {
  for (;;) {
    const answer = await platformFetch(`${upstream}/__requests/${current.id}`);
    const end = answer.ok ? (await answer.json()).end : 'open';
    if (end !== 'open') {
      return { end };
    }

    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

import { setFlagsFromString } from 'node:v8';
import { defaultLimits } from '#runtime/limits.ts';
import { splitBundle } from '#runtime/guest/parts.ts';
import { In, type RequestHead, type StartHead } from '#runtime/guest/protocol.ts';
import { openSandbox, type Sandbox } from './bootstrap.ts';

const filename = 'islet:guest';

/** What most functions do in their first request; what it uses is in the cache, the rest is compiled when it is used. */
const program = `
export const handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event.rawPath ?? '') });
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (request.method === 'GET') return new Response(url.pathname, { headers: { 'x-a': 'b' } });
    console.log('a line', { of: ['values'] });
    ctx.waitUntil(Promise.resolve());
    crypto.randomUUID();
    new TextEncoder().encode('text');
    return Response.json([await request.json(), request.headers.get('accept'), url.searchParams.get('q')], { status: 201 });
  },
};`;

/**
 * V8's code cache of the guest bundle, made after it has bootstrapped an isolate and answered some requests there: it holds
 * what was compiled for that and nothing else. A cache of every function costs each isolate 1.6 MB more, and
 * time to read it. Runs no guest but its own; sets a flag of V8's for the process meanwhile, for what it compiles then. Rejects with what V8 or the bundle throws.
 */
export async function makeBundleCache(source: string): Promise<Uint8Array> {
  const sandbox = await openSandbox({ source }, defaultLimits.memoryMb);
  try {
    // What V8 compiled a second time here it would compile at once in every isolate, on another thread that wants the same core.
    setFlagsFromString('--no-sparkplug');
    try {
      await warmUp(sandbox);
    } finally {
      setFlagsFromString('--sparkplug');
    }
    // V8 finds the script in the isolate's compilation cache, with the functions that ran.
    const script = await sandbox.isolate.compileScript(splitBundle(source).script, {
      filename,
      produceCachedData: true,
    });
    const { cachedData } = script as { readonly cachedData?: { copy(): ArrayBuffer; release(): void } };
    script.release();
    const cache = cachedData === undefined ? new Uint8Array() : new Uint8Array(cachedData.copy());
    cachedData?.release();
    return cache;
  } finally {
    sandbox.isolate.dispose();
  }
}

async function warmUp({ isolate, context, prepare, start, deliver }: Sandbox): Promise<void> {
  const head: StartHead = {
    function: 'warm',
    version: 1,
    memoryMb: defaultLimits.memoryMb,
    vars: { NAME: 'value' },
    bindings: [{ name: 'KV', kind: 'kv' }],
    agent: 'islet',
  };
  const module = await isolate.compileModule(program, { filename: 'file:///index.js' });
  await module.instantiate(context, (specifier) => {
    throw new Error(`There is no ${specifier}`);
  });
  const now = performance.timeOrigin + performance.now();
  await prepare.apply(undefined, [JSON.stringify(head), now]);
  await module.evaluate();
  await start.apply(undefined, [module.namespace.derefInto({ release: true }), JSON.stringify(head)]);
  const body = new TextEncoder().encode('{"a":1}');
  let number = 0;
  const request = (m: string, b: RequestHead['b']): string => {
    const h = ['host', 'warm.localhost', 'accept', '*/*', 'content-type', 'application/json'];
    const call = { id: 'id', d: now + 1000, b, m, u: 'http://warm.localhost/a/b?q=1', h };
    return `[${In.Request},${++number},${JSON.stringify(call)}${b === 1 ? `,0,${body.length}` : ''}]`;
  };
  for (let round = 0; round < 2; round++) {
    await deliver.apply(undefined, [`${request('GET', 0)}\n${request('GET', 0)}`, undefined, 2, now]);
    const bytes = body.buffer.slice(0);
    await deliver.apply(undefined, [request('POST', 1), bytes, 0, now], { arguments: { copy: true } });
    const event = JSON.stringify({ e: { rawPath: '/' }, id: 'id', d: now + 1000 });
    await deliver.apply(undefined, [`[${In.Event},${++number},${event}]`, undefined, 0, now]);
  }
}

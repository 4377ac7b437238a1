import t, { type Test } from 'tap';
import { StartFailure } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { nothing, request } from '#test/contract/engine-laws.ts';
import { compileCache, openSandbox } from '#runtime/isolate/bootstrap.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { Listener } from '#test/support/engine-listener.ts';

const bundle = await loadGuestBundle();
const head = JSON.stringify({
  function: 'f',
  version: 1,
  memoryMb: 64,
  vars: {},
  bindings: [],
  agent: 'islet',
});
const answers = 'export default { fetch: () => new Response(String(globalThis.made)) };';

function open(t: Test): IsolateEngine {
  const engine = new IsolateEngine({ bundle, spares: 1, beat: () => undefined, quickEntries: 32 });
  t.teardown(() => {
    engine.close();
  });
  return engine;
}

/** Starts a module with its code cache, and asks it once. */
async function run(engine: IsolateEngine, source: string, cache: Uint8Array, limits = defaultLimits) {
  const heard = new Listener();
  const { instance } = await engine.start({ source, cache, head, limits }, heard.watcher);
  instance.begin(1, request(1, '/'), nothing);
  await heard.ended(1);
  instance.dispose();
  return heard;
}

/** Whether a start is over before the event loop has had a turn, when its spare is ready. */
async function startsAtOnce(engine: IsolateEngine, source: string, cache: Uint8Array): Promise<boolean> {
  await engine.fill();
  let over = false;
  const starting = engine
    .start({ source, cache, head, limits: defaultLimits }, new Listener().watcher)
    .finally(() => {
      over = true;
    });
  for (let i = 0; i < 50; i++) await Promise.resolve();
  const atOnce = over;
  (await starting).instance.dispose();
  return atOnce;
}

void t.test('startup: a compiled module that is quick starts on the thread of the cell', async (t) => {
  const engine = open(t);
  const source = `globalThis.made = 'quick'; console.log('once'); ${answers}`;
  const cache = await compileCache({ source, eager: false });
  t.equal(await startsAtOnce(engine, source, cache), true);
  t.equal(await startsAtOnce(engine, source, new Uint8Array()), false, 'one without a code cache does not');
  const heard = await run(engine, source, cache);
  t.equal(heard.bodyOf(1), 'quick');
  t.same(heard.logsOf(0), ['once']);
});

void t.test(
  'startup: one that takes longer begins anew on its own thread, seen once, and stays there',
  async (t) => {
    const engine = open(t);
    const source = `const from = Date.now(); let n = 0;
    for (let i = 0; i < 3e8; i++) n += i;
    globalThis.made = n > 0; console.log('once'); ${answers}`;
    const cache = await compileCache({ source, eager: false });
    for (let i = 0; i < 2; i++) {
      await engine.fill();
      const heard = await run(engine, source, cache, { ...defaultLimits, startupCpuMs: 10_000 });
      t.equal(heard.bodyOf(1), 'true');
      t.same(heard.logsOf(0), ['once']);
    }
  },
);

void t.test('startup: what waits for a service of the cell begins anew on its own thread', async (t) => {
  const engine = open(t);
  const source = `const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign']).catch(() => ({}));
    globalThis.made = key.type; ${answers}`;
  const cache = await compileCache({ source, eager: false });
  for (let i = 0; i < 2; i++) {
    await engine.fill();
    t.equal((await run(engine, source, cache)).bodyOf(1), 'secret');
  }
});

void t.test('startup: on the thread of the cell a top level fails as it does on its own', async (t) => {
  const engine = open(t);
  const fails = async (source: string, limits = defaultLimits): Promise<unknown> => {
    const cache = await compileCache({ source, eager: false });
    await engine.fill();
    const heard = new Listener();
    try {
      await engine.start({ source, cache, head, limits }, heard.watcher);
      return 'it started';
    } catch (error) {
      return error instanceof StartFailure && { ...error.problem, logs: heard.logsOf(0) };
    }
  };
  t.match(await fails(`console.log('before'); throw new RangeError('no'); ${answers}`), {
    kind: 'threw',
    error: { name: 'RangeError', message: 'no', phase: 'startup' },
    logs: ['before'],
  });
  t.match(await fails(`globalThis.made = 1;`), { kind: 'threw', error: { name: 'TypeError' } });
  t.match(await fails(`for (;;); ${answers}`, { ...defaultLimits, startupCpuMs: 50 }), {
    kind: 'exceeded',
    limit: 'startupCpuMs',
  });
  t.match(await fails(`const kept = []; for (;;) kept.push(new Array(1e5).fill(kept)); ${answers}`), {
    kind: 'exceeded',
  });
  const chatty = `for (let i = 0; i < 100; i++) console.log('0123456789'); ${answers}`;
  t.match(await fails(chatty, { ...defaultLimits, logBytes: 999 }), { kind: 'exceeded', limit: 'logBytes' });
});

void t.test('startup: in a rehearsed spare a function may have what its manifest allows', async (t) => {
  const engine = open(t);
  const looks = `export default { fetch() {
    const from = performance.now(); let rounds = 0;
    while (performance.now() === from && rounds < 1e6) rounds++;
    return new Response([eval('1 + 1'), rounds < 1e6, typeof SharedArrayBuffer,
      new WebAssembly.Memory({ initial: 2 }).buffer.byteLength, Temporal.Now.instant().epochMilliseconds > 1e12].join());
  } };`;
  const cache = await compileCache({ source: looks, eager: false });
  await engine.fill();
  const heard = new Listener();
  const allowed = JSON.stringify({
    ...(JSON.parse(head) as object),
    allow: ['eval', 'runningClock', 'sharedArrayBuffer'],
  });
  const { instance, spare } = await engine.start(
    { source: looks, cache, head: allowed, limits: defaultLimits },
    heard.watcher,
  );
  t.equal(spare, true);
  instance.begin(1, request(1, '/'), nothing);
  await heard.ended(1);
  t.equal(heard.bodyOf(1), '2,true,function,131072,true');
  instance.dispose();
});

void t.test('startup: a rehearsed spare has answered a request, and keeps nothing of it', async (t) => {
  const sandbox = await openSandbox(bundle, 64);
  t.teardown(() => {
    sandbox.isolate.dispose();
  });
  const sent: string[] = [];
  sandbox.port.send = (text) => sent.push(text);
  await sandbox.rehearse.apply(undefined, []);
  // What a guest's isolate sends arrives in a turn of its own.
  for (let i = 0; i < 100 && sent.length < 2; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  const said = sent.join('\n').split('\n');
  const count = (pattern: RegExp): number => said.filter((line) => pattern.test(line)).length;
  t.equal(count(/^S0 \[\["fetch"\]\]$/), 2, 'it has started a function of nobody');
  t.equal(count(/^A1 \[200,\[.*"x-a","b".*\],1,"\*\/\*"\]$/), 2);
  t.equal(said.length, 4);
  sent.length = 0;
  await sandbox.deliver.apply(undefined, [
    '[0,1,{"id":"1","d":1,"b":0,"m":"GET","u":"http://x/","h":[]},0,0]',
    undefined,
    0,
    1,
  ]);
  for (let i = 0; i < 100 && sent.length < 1; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  t.match(sent[0], /N1 \["the module has no event handler|N1 \["the module has no fetch handler/);
});

import t, { type Test } from 'tap';
import type { Instance } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { nothing, request } from '#test/contract/engine-laws.ts';
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

async function start(
  t: Test,
  body: string,
  quickEntries?: number,
): Promise<{ instance: Instance; heard: Listener }> {
  const engine = new IsolateEngine({
    bundle,
    spares: 0,
    beat: () => undefined,
    ...(quickEntries === undefined ? {} : { quickEntries }),
  });
  const heard = new Listener();
  const source = `export default { async fetch(request) { ${body} } };`;
  const { instance } = await engine.start({ source, head, limits: defaultLimits }, heard.watcher);
  t.teardown(() => {
    instance.dispose();
    engine.close();
  });
  return { instance, heard };
}

/** Whether a request is answered before the event loop has had a turn. */
async function isAtOnce({ instance, heard }: Awaited<ReturnType<typeof start>>): Promise<boolean> {
  const number = heard.nextNumber();
  instance.begin(number, request(number, '/'), nothing);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  const atOnce = heard.endOf(number) !== undefined;
  await heard.ended(number);
  return atOnce;
}

void t.test(
  'entries: a quick function is entered on the thread of its cell, after so many entries',
  async (t) => {
    const running = await start(t, `return new Response('x')`, 3);
    const seen = [];
    for (let i = 0; i < 5; i++) seen.push(await isAtOnce(running));
    t.same(seen, [false, false, false, true, true]);
  },
);

void t.test('entries: without leave a function never is', async (t) => {
  const running = await start(t, `return new Response('x')`);
  for (let i = 0; i < 50; i++) t.equal(await isAtOnce(running), false);
});

void t.test('entries: nor one whose bundle may wait for services of the cell', async (t) => {
  const running = await start(t, `void Symbol.for('islet.services'); return new Response('x')`, 0);
  t.equal(await isAtOnce(running), false);
});

void t.test('entries: one that was slow goes back to its own thread', async (t) => {
  const work = `let n = 0; if (request.url.endsWith('/slow')) for (let i = 0; i < 2e7; i++) n += i; return new Response('x' + n)`;
  const running = await start(t, work, 1);
  await isAtOnce(running);
  t.equal(await isAtOnce(running), true);
  const number = running.heard.nextNumber();
  running.instance.begin(number, request(number, '/slow'), nothing);
  await running.heard.ended(number);
  t.equal(await isAtOnce(running), false);
});

void t.test('entries: a row on the thread of the cell answers all its requests, in one turn', async (t) => {
  const { instance, heard } = await start(t, `return new Response(request.url)`, 0);
  const numbers = Array.from({ length: 50 }, () => heard.nextNumber());
  for (let round = 0; round < 3; round++) {
    const all = numbers.map((number) => number + round * 1000);
    for (const number of all) instance.begin(number, request(number, `/${number}`), nothing);
    for (const number of all) {
      t.equal((await heard.ended(number)).cause, 'finished');
      t.match(heard.bodyOf(number), new RegExp(`/${number}$`));
    }
  }
});

void t.test('entries: what runs on the thread of the cell lets the event loop turn', async (t) => {
  const digest = `for (let i = 0; i < 300; i++) await crypto.subtle.digest('SHA-256', new Uint8Array(8)); return new Response('x')`;
  const { instance, heard } = await start(t, digest, 0);
  const numbers = Array.from({ length: 20 }, () => heard.nextNumber());
  for (const number of numbers) instance.begin(number, request(number, '/'), nothing);
  let turns = 0;
  const count = setInterval(() => turns++, 1);
  for (const number of numbers) t.equal((await heard.ended(number)).cause, 'finished');
  clearInterval(count);
  t.ok(turns > 2, `${turns} turns`);
});

void t.test(
  'entries: on the thread of the cell services answer, those at once and those that take time',
  async (t) => {
    const uses = `
    const text = new TextDecoder('shift_jis').decode(new Uint8Array([0x93, 0xfa]));
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(1e6)));
    const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign']);
    const zipped = new Response(new Blob(['a'.repeat(1000)]).stream().pipeThrough(new CompressionStream('gzip')));
    const { length } = new Uint8Array(await zipped.arrayBuffer());
    return new Response([text, hash.length, key.type, length < 100].join());`;
    const { instance, heard } = await start(t, uses, 0);
    for (let i = 0; i < 3; i++) {
      const number = heard.nextNumber();
      instance.begin(number, request(number, '/'), nothing);
      t.equal((await heard.ended(number)).cause, 'finished');
      t.equal(heard.bodyOf(number), '日,32,secret,true');
    }
  },
);

void t.test('entries: a rejection nobody handled is logged, whatever its value', async (t) => {
  const rejections = [
    [`Promise.reject(undefined)`, 'Uncaught (in promise) undefined'],
    [`Promise.reject(new RangeError('too far'))`, 'Uncaught (in promise) too far'],
    [`(async () => { await 0; throw 'text'; })()`, 'Uncaught (in promise) text'],
    [`Promise.reject(1).catch(() => undefined)`],
    [`const late = Promise.reject(1); queueMicrotask(() => late.catch(() => undefined))`],
  ];
  // On the thread of the cell, and on the isolate's own.
  for (const quickEntries of [0, Infinity]) {
    for (const [rejects, ...lines] of rejections) {
      const body = `${rejects}; await 0; await 0; return new Response('x');`;
      const { instance, heard } = await start(t, body, quickEntries);
      const number = heard.nextNumber();
      instance.begin(number, request(number, '/'), nothing);
      await heard.ended(number);
      t.equal(heard.bodyOf(number), 'x');
      t.same(heard.logsOf(number), lines, `${rejects}, ${quickEntries}`);
    }
  }
});

void t.test(
  'entries: memories that outgrow the instance end it, on the thread of the cell too',
  async (t) => {
    const { instance, heard } = await start(
      t,
      `const kept = []; for (;;) kept.push(new ArrayBuffer(8 * 2 ** 20));`,
      0,
    );
    const number = heard.nextNumber();
    instance.begin(number, request(number, '/'), nothing);
    const { cause } = await heard.ended(number);
    t.ok(cause === 'memoryMb' || cause === 'finished', cause);
  },
);

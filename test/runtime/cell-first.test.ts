import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { LoadedReport, StartSpec } from '#runtime/frames.ts';
import { In } from '#runtime/guest/protocol.ts';
import { compileCache } from '#runtime/isolate/bootstrap.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { CellHarness } from '#test/support/cell.ts';

const { memoryMb, startupCpuMs, logBytes } = defaultLimits;
const head = JSON.stringify({ function: 'f', version: 1, memoryMb, vars: {}, bindings: [], agent: 'islet' });
/** Some 100 ms of CPU on any machine of today: four times what a first message has on the cell's own thread. */
const slow = 'let n = 0; for (let i = 0; i < 2e8; i++) n += i;';

/** A cell as the host's processes are: entries may run on its own thread, which is the test's. */
async function open(t: Test): Promise<CellHarness> {
  const cell = await CellHarness.open({ spares: 2, inProcess: false, warmBytes: 2 ** 32 });
  t.teardown(() => {
    cell.close();
  });
  return cell;
}

/** Loads code with its cache and begins calls at once, as the host does. */
async function load(
  cell: CellHarness,
  instance: number,
  code: string,
  more: Partial<StartSpec> = {},
): Promise<(invocation: number, path: string, body?: string) => void> {
  const source = Buffer.from(`${code}\nexport { main as default };`);
  const cache = await compileCache({ source: source.toString(), eager: false });
  const spec: StartSpec = {
    memoryMb,
    cpuMs: 5000,
    startupCpuMs,
    logBytes,
    head,
    keep: false,
    codeId: `code ${instance}`,
    sourceBytes: source.length,
    cacheBytes: cache.length,
    ...more,
  };
  cell.load(instance, spec, Buffer.concat([source, cache]));
  return (invocation, path, body) => {
    const m = body === undefined ? 'GET' : 'POST';
    const b = body === undefined ? 0 : 2;
    const message = { id: 'id', d: Date.now() + 60_000, b, m, u: `http://cell${path}`, h: [] };
    cell.send(
      'Begin',
      invocation,
      `${instance}\n[${In.Request},${invocation},${JSON.stringify(message)},0,0]`,
    );
    if (body === undefined) return;
    const bytes = Buffer.from(body);
    cell.send('Message', invocation, `[${In.Chunk},${invocation},0,0,${bytes.length}]`, bytes);
    cell.send('Message', invocation, `[${In.End},${invocation},0]`);
  };
}

const last = ['Answered', 'Ended', 'Returned'];

async function answerOf(cell: CellHarness, invocation: number): Promise<string> {
  const { type, text, bytes } = await cell.wait(last, invocation);
  return type === 'Answered'
    ? `${text.slice(text.indexOf('\n') + 1)} ${bytes.toString()}`
    : `${type} ${text}`;
}

const logsOf = (cell: CellHarness, id: number): readonly string[] =>
  cell.frames
    .filter((frame) => frame.id === id && (frame.type === 'TopLevelLog' || frame.text.startsWith('L')))
    .map(({ text }) => (JSON.parse(text.slice(text.indexOf('['))) as string[])[1] ?? '');

/** Turns of the event loop until it has answered: many, where the guest runs on another thread meanwhile. */
async function turnsOf(cell: CellHarness, invocation: number): Promise<number> {
  let turns = 0;
  for (; cell.find(last, invocation) === undefined; turns++) await new Promise(setImmediate);
  return turns;
}

const short = 'let n = 0; for (let i = 0; i < 3e5; i++) n += i;';

void t.test('cell: a first message runs on its thread; code that is to live apart never does', async (t) => {
  const cell = await open(t);
  const main = `const main = { fetch() { ${short} console.log('a line'); return new Response(String(n > 0)); } };`;
  (await load(cell, 1, main))(2, '/');
  const here = await turnsOf(cell, 2);
  t.match(await answerOf(cell, 2), /true/);
  t.same(logsOf(cell, 2), ['a line']);
  const report = JSON.parse((await cell.wait('Loaded', 1)).text) as LoadedReport;
  t.match(report, { spare: true, cached: true, kinds: ['fetch'] });
  t.ok(report.memoryBytes > 2 ** 19, 'what it takes is known');
  const { text } = await cell.wait('Answered', 2);
  t.ok(Number(text.split('\n')[0]?.split(' ')[2]) > 2 ** 19, 'and so is what the call had');

  // What the machine holds up for 25 ms begins anew apart: then once more.
  let [least, most] = [here, 0];
  for (let id = 3; id < 30 && most <= least * 3; id += 4) {
    (await load(cell, id, main, { apart: true }))(id + 1, '/');
    most = Math.max(most, await turnsOf(cell, id + 1));
    t.match(await answerOf(cell, id + 1), /true/);
    (await load(cell, id + 2, main))(id + 3, '/');
    least = Math.min(least, await turnsOf(cell, id + 3));
  }
  t.ok(most > least * 3, `${least} turns here, ${most} apart`);
});

void t.test('cell: a first message that takes long begins anew, and is seen once', async (t) => {
  const cell = await open(t);
  const main = `console.log('top'); let calls = 0;
    const main = { async fetch(request, env, ctx) {
      const { pathname } = new URL(request.url);
      console.log('begin ' + pathname); calls++;
      setTimeout(() => undefined, 1); fetch('http://elsewhere/' + calls).catch(() => undefined);
      if (pathname === '/slow') { ${slow} console.log(String(n > 0)); }
      return new Response(calls + ' ' + await request.text());
    } };`;
  const begin = await load(cell, 1, main);
  begin(2, '/slow', 'body of 2');
  begin(3, '/quick', 'body of 3');
  t.match(await answerOf(cell, 2), /1 body of 2/, 'the first call of its isolate');
  t.match(await answerOf(cell, 3), /2 body of 3/, 'and the one behind it the second');
  t.same(logsOf(cell, 1), ['top']);
  t.same(logsOf(cell, 2), ['begin /slow', 'true']);
  t.same(logsOf(cell, 3), ['begin /quick']);
  const fetches = cell.frames.filter(({ type, text }) => type === 'Line' && text.startsWith('O'));
  t.same(
    fetches.map(({ id }) => id),
    [2, 3],
    'nothing was asked for twice',
  );
  t.equal(cell.frames.filter(({ type, id }) => type === 'Loaded' && id === 1).length, 1);
  t.equal(cell.frames.filter(({ type, id }) => type === 'Gone' && id === 1).length, 0);
});

void t.test('cell: a first message that waits for a service begins anew on its own thread', async (t) => {
  const cell = await open(t);
  const begin = await load(
    cell,
    1,
    `let calls = 0; const main = { async fetch() {
      calls++;
      const key = await crypto.subtle.generateKey({ name: 'RSA-OAEP', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, ['encrypt', 'decrypt']);
      return new Response(key.publicKey.type + calls);
    } };`,
  );
  begin(2, '/');
  t.match(await answerOf(cell, 2), /public1/);
});

void t.test('cell: what came for a first call that was dropped meanwhile is not begun', async (t) => {
  const cell = await open(t);
  const main = `const main = { fetch() { console.log('begun'); ${slow} return new Response(String(n > 0)); } };`;
  const begin = await load(cell, 1, main);
  begin(2, '/');
  begin(3, '/');
  // The cell is in this process: when it comes back from the first try, this is already there.
  cell.send('Drop', 3);
  t.match(await answerOf(cell, 2), /true/);
  await sleep(50);
  t.same(logsOf(cell, 3), []);
  t.equal(cell.find(last, 3), undefined);
});

// oxlint-disable-next-line import/no-unassigned-import -- for its effect, see there
import '#test/support/plain-spawn.ts';
import t, { type Test } from 'tap';
import { spawnCell } from '#host/cells/process.ts';
import type { CellReport, LoadedReport, NotLoadedReport, StartSpec, WasmStart } from '#runtime/frames.ts';
import { In } from '#runtime/guest/protocol.ts';
import { bodyOf, CellHarness } from '#test/support/cell.ts';
import { command, failsAtStart } from '#test/support/wasm-command.ts';
import { compileWasm, wasmFolder, withoutAddon } from '#test/support/wasm.ts';

const head = JSON.stringify({
  function: 'cell',
  version: 1,
  memoryMb: 64,
  vars: {},
  bindings: [],
  agent: 'islet/test',
});
const common = {
  sourceBytes: 0,
  cacheBytes: 0,
  head,
  memoryMb: 64,
  cpuMs: 1000,
  startupCpuMs: 1000,
  logBytes: 10_000,
  keep: false,
};

function specOf(wasm: WasmStart): StartSpec {
  return { ...common, codeId: wasm.artifact, wasm };
}

const source = Buffer.from(`export default { fetch: () => new Response('from an isolate') };`);
const script: StartSpec = { ...common, codeId: 'script', sourceBytes: source.length };

async function open(t: Test): Promise<CellHarness> {
  const cell = await CellHarness.open({ wasmFolder });
  t.teardown(() => {
    cell.close();
  });
  return cell;
}

function begin(cell: CellHarness, instance: number, invocation: number, path: string = '/'): void {
  const message = { m: 'GET', u: `http://cell${path}`, h: [], b: 0, id: 'id', d: Date.now() + 30_000 };
  cell.send('Begin', invocation, `${instance}\n[${In.Request},${invocation},${JSON.stringify(message)},0,0]`);
}

const last = ['Answered', 'Ended', 'Returned'];

void t.test('cell: a wasm instance loads, answers and goes', { skip: withoutAddon }, async (t) => {
  const cell = await open(t);
  cell.load(1, specOf(await compileWasm(command())));
  // Before it is loaded: it waits there.
  begin(cell, 1, 1);
  const loaded = JSON.parse((await cell.wait('Loaded', 1)).text) as LoadedReport;
  t.same(loaded.kinds, ['fetch', 'handler']);
  t.ok(loaded.memoryBytes > 0);
  const answer = await cell.wait(last, 1);
  t.equal(answer.type, 'Answered');
  t.match(answer.text, /^finished \d+ \d+\n\[200,/);
  t.equal(bodyOf(answer), 'hello');
  cell.send('Retire', 1, 'replaced');
  t.equal((await cell.wait('Gone', 1)).text, 'replaced');
  begin(cell, 1, 2);
  t.equal((await cell.wait(last, 2)).type, 'Returned');
});

const order = (cell: CellHarness, instance: number, invocation: number): readonly string[] =>
  cell.frames
    .filter(({ type, id }) => id === (type === 'Loaded' ? instance : invocation))
    .map(({ type }) => type)
    .filter((type) => ['Loaded', 'Line', ...last].includes(type));

void t.test(
  'cell: a start is reported after the first answer of its call, or at once where none comes',
  { skip: withoutAddon },
  async (t) => {
    const cell = await open(t);
    const spec = specOf(await compileWasm(command()));
    for (const instance of [1, 2]) {
      cell.load(instance, spec);
      begin(cell, instance, instance + 10);
      await cell.wait('Loaded', instance);
      await cell.wait(last, instance + 10);
      t.same(order(cell, instance, instance + 10), ['Answered', 'Loaded'], `instance ${instance}`);
    }
    cell.load(3, spec);
    t.match(
      JSON.parse((await cell.wait('Loaded', 3)).text),
      { kinds: ['fetch', 'handler'] },
      'nobody calls it',
    );
    cell.send('Ping', 1);
    const report = JSON.parse((await cell.wait('Pong', 1)).text) as CellReport;
    t.equal(report.instances, 3);
    t.equal(report.warmBytes, 3 * 2 ** 20, 'and all are in the cache');
  },
);

void t.test('cell: a start is reported while its first call runs', { skip: withoutAddon }, async (t) => {
  const cell = await open(t);
  const spec = { ...specOf(await compileWasm(command())), cpuMs: 300_000 };
  for (const instance of [1, 2]) {
    cell.load(instance, spec);
    begin(cell, instance, instance + 10, '/l');
    await cell.wait('Loaded', instance);
    t.same(order(cell, instance, instance + 10), ['Loaded'], 'it says nothing itself');
    cell.send('Drop', instance + 10);
  }
  cell.load(3, spec);
  const message = { m: 'POST', u: 'http://cell/e', h: [], b: 2, id: 'id', d: Date.now() + 30_000 };
  cell.send('Begin', 13, `3\n[${In.Request},13,${JSON.stringify(message)},0,0]`);
  await cell.wait('Loaded', 3);
  cell.send('Message', 13, `[${In.Chunk},13,0,0,4]`, Buffer.from('body'));
  cell.send('Message', 13, `[${In.End},13,0]`);
  await cell.wait(last, 13);
  t.equal(order(cell, 3, 13)[0], 'Loaded', 'its body comes after that');
});

void t.test(
  'cell: an instance retired before anybody heard of it is heard of, and goes',
  { skip: withoutAddon },
  async (t) => {
    const cell = await open(t);
    const spec = specOf(await compileWasm(command()));
    for (const instance of [1, 2]) {
      cell.load(instance, spec);
      begin(cell, instance, instance + 10);
      cell.send('Retire', instance, 'replaced');
      await cell.wait('Gone', instance);
      t.match((await cell.wait(last, instance + 10)).text, /^finished /);
      t.same(
        cell.frames.filter(({ id }) => id === instance).map(({ type }) => type),
        ['Loaded', 'Gone'],
      );
    }
    cell.send('Ping', 1);
    const report = JSON.parse((await cell.wait('Pong', 1)).text) as CellReport;
    t.match(report, { instances: 0, warmBytes: 0, disposed: 2 });
  },
);

void t.test('cell: both engines side by side, in one cache', { skip: withoutAddon }, async (t) => {
  const cell = await open(t);
  cell.load(1, specOf(await compileWasm(command())));
  cell.load(2, script, source);
  begin(cell, 1, 1);
  begin(cell, 2, 2);
  t.equal(bodyOf(await cell.wait(last, 1)), 'hello');
  t.match((await cell.wait(last, 2)).text, /from an isolate/);
  cell.send('Ping', 1);
  const report = JSON.parse((await cell.wait('Pong', 1)).text) as CellReport;
  t.equal(report.instances, 2);
  t.ok(report.warmBytes > 0);
});

void t.test('cell: busy guests of one engine, and the other answers', { skip: withoutAddon }, async (t) => {
  const cell = await open(t);
  cell.load(1, { ...specOf(await compileWasm(command())), cpuMs: 300_000 });
  cell.load(2, script, source);
  for (const invocation of [1, 2]) begin(cell, 1, invocation, '/l');
  begin(cell, 2, 3);
  t.match((await cell.wait(last, 3)).text, /from an isolate/);
  for (const invocation of [1, 2]) cell.send('Drop', invocation);
  begin(cell, 1, 4);
  t.equal(bodyOf(await cell.wait(last, 4)), 'hello');
});

void t.test(
  'cell: what fails to start says why, and its waiting calls are let go',
  { skip: withoutAddon },
  async (t) => {
    const cell = await open(t);
    cell.load(1, specOf(await compileWasm(failsAtStart)));
    begin(cell, 1, 1);
    const { outcome } = JSON.parse((await cell.wait('NotLoaded', 1)).text) as NotLoadedReport;
    t.match(outcome, { kind: 'threw', error: { phase: 'startup' } });
    t.equal(cell.find(last, 1), undefined, 'the host ends them');
  },
);

void t.test(
  'cell: an artifact that is not there is a crash with a reason',
  { skip: withoutAddon },
  async (t) => {
    const cell = await open(t);
    cell.load(1, specOf({ ...(await compileWasm(command())), artifact: 'missing.cwasm' }));
    const { outcome } = JSON.parse((await cell.wait('NotLoaded', 1)).text) as NotLoadedReport;
    t.match(outcome, { kind: 'crashed', message: /./ });
  },
);

void t.test('cell: one that was not made for wasm says so, and runs scripts', async (t) => {
  const cell = await CellHarness.open();
  t.teardown(() => {
    cell.close();
  });
  cell.load(1, specOf({ artifact: 'a', program: { guest: 'command', protocol: 'cgi', reuse: 1, args: [] } }));
  const { outcome } = JSON.parse((await cell.wait('NotLoaded', 1)).text) as NotLoadedReport;
  t.match(outcome, { kind: 'crashed', message: /./ });
  cell.load(2, script, source);
  begin(cell, 2, 1);
  t.match((await cell.wait(last, 1)).text, /from an isolate/);
});

void t.test('cell: a retired instance finishes its calls first', { skip: withoutAddon }, async (t) => {
  const cell = await open(t);
  cell.load(1, specOf(await compileWasm(command())));
  const message = { m: 'POST', u: 'http://cell/e', h: [], b: 2, id: 'id', d: Date.now() + 30_000 };
  cell.send('Begin', 1, `1\n[${In.Request},1,${JSON.stringify(message)},0,0]`);
  cell.send('Retire', 1, 'replaced');
  await cell.wait('Gone', 1);
  cell.send('Message', 1, `[${In.Chunk},1,0,0,4]`, Buffer.from('late'));
  cell.send('Message', 1, `[${In.End},1,0]`);
  t.match((await cell.wait(last, 1)).text, /^finished /);
  t.ok(
    cell.frames.some(
      (frame) => frame.id === 1 && (frame.text.includes('late') || frame.bytes.toString() === 'late'),
    ),
  );
});

void t.test(
  'cell: a process of its own, without a disk, runs wasm too',
  { skip: withoutAddon },
  async (t) => {
    const { pipe, kill } = spawnCell();
    t.teardown(kill);
    // The artifacts lie where the process may not read: the addon reads them, no JavaScript does.
    const cell = await CellHarness.open({ wasmFolder, inProcess: false }, pipe);
    cell.load(1, specOf(await compileWasm(command())));
    begin(cell, 1, 1);
    t.equal(bodyOf(await cell.wait(last, 1)), 'hello');
    begin(cell, 1, 2, '/t');
    t.match((await cell.wait(last, 2)).text, /^finished /);
    begin(cell, 1, 3);
    t.equal(bodyOf(await cell.wait(last, 3)), 'hello');
  },
);

import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import type { TestHost } from '#test/support/host.ts';
import { withoutAddon } from '#test/support/wasm.ts';
import { adder, buildModule, grower, i32 } from '#test/support/wasm-builder.ts';

const page = 65_536;
const loop = buildModule({
  types: [[[], []]],
  functions: [{ type: 0, code: [0x03, 0x40, 0x0c, 0, 0x0b] }],
  exports: [['run', 0, 0]],
});
const deep = buildModule({
  types: [[[], []]],
  functions: [{ type: 0, code: [0x10, 0] }],
  exports: [['run', 0, 0]],
});
const trap = buildModule({
  types: [
    [[], []],
    [[i32], [i32]],
  ],
  functions: [
    { type: 0, code: [0x00] },
    { type: 1, code: [0x20, 0, 0x28, 2, 0] },
    { type: 0, code: [0x41, 0, 0x41, 0, 0x6d, 0x1a] },
  ],
  memories: [[0, 1]],
  exports: [
    ['unreachable', 0, 0],
    ['load', 0, 1],
    ['divide', 0, 2],
  ],
});

interface Called {
  readonly status: number;
  readonly code: string | null;
  readonly text: string;
}

const { host } = await openTestHost(t, { cells: 1 });
type Deployed = Awaited<ReturnType<TestHost['deploy']>>;

const deploy = (
  name: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  limits: Readonly<Record<string, number>> = {},
): Promise<Deployed> => host.deploy({ files }, { name, manifest: { limits: { cpuMs: 200, ...limits } } });

async function call(name: string, path: string = '/'): Promise<Called> {
  const response = await host.fetch(name, new Request(`http://guest${path}`));
  return {
    status: response.status,
    code: response.headers.get('x-islet-error'),
    text: await response.text(),
  };
}

await t.test('WebAssembly: a function imports a .wasm file and answers with it', async (t) => {
  await deploy('adds', {
    'index.js': `import module from './add.wasm'; import { add } from './add.wasm';
      const instance = new WebAssembly.Instance(module);
      export default { fetch: () => new Response(String(instance.exports.add(40, 2) + add(0, 0))) };`,
    'add.wasm': adder,
  });
  t.match(await call('adds'), { status: 200, text: '42' });
  t.match(await call('adds'), { status: 200, text: '42' });
});

await t.test('WebAssembly: loops end by cpuMs, and the cell goes on', async (t) => {
  await deploy('loops', {
    'index.js': `import module from './it.wasm'; export default { fetch: () => new WebAssembly.Instance(module).exports.run() };`,
    'it.wasm': loop,
  });
  t.match(await call('loops'), { code: 'ERR_LIMIT_CPU' });
  t.match(await call('adds'), { status: 200, text: '42' });
});

await t.test('WebAssembly: a loop at the top level ends by startupCpuMs', async (t) => {
  const files = {
    'index.js': `import module from './it.wasm'; new WebAssembly.Instance(module).exports.run(); export default { fetch() {} };`,
    'it.wasm': loop,
  };
  await t.rejects(deploy('loops-at-start', files, { startupCpuMs: 100 }));
});

await t.test('WebAssembly: recursion and traps are errors of the guest, with a stack', async (t) => {
  await deploy('traps', {
    'index.js': `import module from './it.wasm'; import deep from './deep.wasm';
      const { exports } = new WebAssembly.Instance(module);
      const runs = { ...exports, deep: new WebAssembly.Instance(deep).exports.run };
      export default { fetch(request) {
        const { pathname, searchParams } = new URL(request.url);
        try { runs[pathname.slice(1)](-4) } catch (error) {
          if (searchParams.has('thrown')) throw error;
          return Response.json([error instanceof WebAssembly.RuntimeError, error instanceof RangeError, error.stack.includes('wasm')]);
        }
      } };`,
    'it.wasm': trap,
    'deep.wasm': deep,
  });
  for (const name of ['unreachable', 'load', 'divide'])
    t.same(JSON.parse((await call('traps', `/${name}`)).text), [true, false, true], name);
  t.same(JSON.parse((await call('traps', '/deep')).text), [false, true, true]);
  t.match(await call('traps', '/load?thrown'), { code: 'ERR_GUEST_THREW' });
});

const growing = {
  'index.js': `import module from './it.wasm';
    const { exports } = new WebAssembly.Instance(module);
    let kept;
    export default { fetch(request) {
      const { searchParams } = new URL(request.url);
      if (searchParams.has('heap')) kept = new ArrayBuffer(Number(searchParams.get('heap')));
      const before = exports.grow(Number(searchParams.get('pages')));
      return Response.json([before, exports.size()]);
    } };`,
  'it.wasm': grower(),
};

await t.test(
  'WebAssembly: a private memory grows to memoryMb less 8 MB, and not a page further',
  async (t) => {
    await deploy('grows', growing, { memoryMb: 64 });
    const most = (56 * 2 ** 20) / page;
    t.match(await call('grows', `/?pages=${most - 2}`), { text: `[1,${most - 1}]` });
    t.match(await call('grows', '/?pages=2'), { status: 200, text: `[-1,${most - 1}]` });
    t.match(await call('grows', '/?pages=1'), { status: 200, text: `[${most - 1},${most}]` });
    t.match(await call('grows', '/?pages=1'), { status: 200, text: `[-1,${most}]` });
  },
);

await t.test('WebAssembly: memories and heap together end the instance with memoryMb', async (t) => {
  await deploy('both', growing, { memoryMb: 64 });
  t.match(await call('both', `/?pages=400&heap=${20 * 2 ** 20}`), { status: 200 });
  t.match(
    await call('both', `/?pages=0&heap=${50 * 2 ** 20}`),
    { code: 'ERR_GUEST_THREW' },
    'a buffer is refused',
  );
  t.match(
    await call('both', '/?pages=320'),
    { code: 'ERR_LIMIT_MEMORY' },
    'growth from inside is counted after it',
  );
  t.match(await call('both', '/?pages=1'), { text: '[1,2]' }, 'the next one is new');
});

await t.test('WebAssembly: a top level that takes too much does not start', async (t) => {
  const files = {
    ...growing,
    'index.js': `import module from './it.wasm'; const kept = new ArrayBuffer(${30 * 2 ** 20});
      const { exports } = new WebAssembly.Instance(module); exports.grow(800);
      export default { fetch: () => new Response(String(kept.byteLength)) };`,
  };
  await t.rejects(deploy('starts-large', files, { memoryMb: 64 }), { code: 'ERR_DEPLOY_FAILED' });
});

await t.test('WebAssembly: an instance for every request is collected', async (t) => {
  await deploy('many', {
    'index.js': `import module from './it.wasm';
      export default { fetch() {
        const { exports } = new WebAssembly.Instance(module);
        exports.grow(60);
        return new Response(String(exports.size()));
      } };`,
    'it.wasm': grower(),
  });
  for (let count = 0; count < 400; count++) {
    const called = await call('many');
    if (called.text !== '61') t.match(called, { status: 200, text: '61' }, `request ${count}`);
  }
  t.pass('400 requests had 61 pages each');
});

await t.test('WebAssembly: what memories take is in the meter', async (t) => {
  await deploy('metered', growing);
  await call('metered', '/?pages=800');
  // The heap is measured now and then.
  const bytes = await eventually('the peak', async () => {
    await call('metered', '/?pages=0');
    const [usage] = await host.usage('metered');
    return usage !== undefined && usage.peakMemoryBytes > 800 * page ? usage.peakMemoryBytes : undefined;
  });
  t.ok(bytes < 128 * 2 ** 20);
});

/** A WASI command that reads where no memory is, as its only deed. */
const trapsInWasmtime = buildModule({
  types: [
    [[], []],
    [[], [i32]],
  ],
  imports: [['wasi_snapshot_preview1', 'sched_yield', [0, 1]]],
  functions: [{ type: 0, code: [0x41, 0x7c, 0x28, 2, 0, 0x1a] }],
  memories: [[0, 1]],
  exports: [
    ['_start', 0, 1],
    ['memory', 2, 0],
  ],
});

await t.test(
  'WebAssembly: traps of both engines in one cell hurt nobody',
  { skip: withoutAddon },
  async (t) => {
    await host.deploy({ files: { 'main.wasm': trapsInWasmtime }, main: 'main.wasm' }, { name: 'command' });
    for (const round of ['before', 'after']) {
      t.match(await call('traps', '/load?thrown'), { code: 'ERR_GUEST_THREW' }, `V8, ${round}`);
      t.match(await call('command'), { code: 'ERR_GUEST_THREW' }, `Wasmtime, ${round}`);
    }
    t.match(await call('adds'), { status: 200, text: '42' });
  },
);

import t from 'tap';
import { namespace as wasm } from '#runtime/guest/wasm-native.ts';
import { evaluate } from '#test/support/guest-harness.ts';
import { adder, asSource, buildModule, grower, i32, i64, leb } from '#test/support/wasm-builder.ts';

/** Memory of the harness is 128 MB, of which the heap keeps 8: 1920 pages are for memories. */
const most = 1920;

const prelude = `
  const tried = (run) => { try { return run() } catch (e) { return e.constructor === WebAssembly[e.name] || globalThis[e.name] ? e.name : String(e) } };
  const later = async (run) => { try { return await run() } catch (e) { return e.name } };
  const module = (bytes) => new WebAssembly.Module(bytes);
  const start = (bytes, imports) => new WebAssembly.Instance(module(bytes), imports).exports;
  const add = ${asSource(adder)}, growing = ${asSource(grower())}, shown = ${asSource(grower({ exported: true }))};`;

const words = (text: string): string[] => text.trim().split(/\s+/);

const run = (body: string): Promise<unknown> => evaluate(`(async () => { ${prelude} ${body} })()`);

await t.test('WebAssembly: modules are compiled, linked and called', async (t) => {
  const value = await run(`
    const both = await WebAssembly.instantiate(add);
    const one = await WebAssembly.instantiate(module(add));
    const streamed = () => new Response(add, { headers: { 'content-type': 'application/wasm' } });
    return [start(add).add(2, 3), both.instance.exports.add(1, 1), both.module instanceof WebAssembly.Module,
      one instanceof WebAssembly.Instance, one.exports.add(4, 4), (await WebAssembly.compile(add.buffer)) instanceof WebAssembly.Module,
      (await WebAssembly.instantiateStreaming(streamed())).instance.exports.add(5, 5),
      (await WebAssembly.compileStreaming(Promise.resolve(streamed()))) instanceof WebAssembly.Module,
      WebAssembly.validate(add), WebAssembly.validate(add.subarray(1)),
      JSON.stringify(WebAssembly.Module.exports(module(add))), Object.prototype.toString.call(module(add))]`);
  t.same(value, [
    5,
    2,
    true,
    true,
    8,
    true,
    10,
    true,
    true,
    false,
    '[{"name":"add","kind":"function"}]',
    '[object WebAssembly.Module]',
  ]);
});

await t.test('WebAssembly: what is wrong is refused with the error the standard names', async (t) => {
  const value = await run(`
    const importing = ${asSource(buildModule({ types: [[[], []]], imports: [['m', 'f', [0, 0]]] }))};
    return [tried(() => module(new Uint8Array(8))), tried(() => module(add.subarray(0, 20))), tried(() => module('add')), tried(() => module()),
      tried(() => WebAssembly.Module(add)), tried(() => new WebAssembly.Instance({})), tried(() => WebAssembly.Instance(module(add))), tried(() => WebAssembly.Memory({ initial: 1 })),
      tried(() => start(importing)), tried(() => start(importing, 1)), tried(() => start(importing, {})), tried(() => start(importing, { m: {} })),
      tried(() => start(add, null)), typeof start(importing, { m: { f() {} } }),
      await later(() => WebAssembly.compile(new Uint8Array(4))), await later(() => WebAssembly.compile()), await later(() => WebAssembly.instantiate(importing, {})),
      await later(() => WebAssembly.compileStreaming(new Response(add))), await later(() => WebAssembly.compileStreaming({})), await later(() => WebAssembly.instantiateStreaming(new Response(add, { status: 500, headers: { 'content-type': 'application/wasm' } }))),
      tried(() => WebAssembly.validate(1)), tried(() => new WebAssembly.Memory({})), tried(() => new WebAssembly.Memory({ initial: -1 })), tried(() => new WebAssembly.Memory({ initial: 1e9 })),
      tried(() => new WebAssembly.Memory({ initial: 2, maximum: 1 })), tried(() => new WebAssembly.Memory({ initial: 1n })), tried(() => new WebAssembly.Memory()),
      tried(() => WebAssembly.Memory.prototype.grow.call({}, 1)), tried(() => new WebAssembly.Memory({ initial: 1, maximum: 2 }).grow(2)), tried(() => new WebAssembly.Memory({ initial: 1 }).grow(-1))]`);
  t.same(
    value,
    words(`
    CompileError CompileError TypeError TypeError TypeError
    TypeError TypeError TypeError TypeError TypeError
    TypeError LinkError TypeError object CompileError
    TypeError TypeError TypeError TypeError TypeError
    TypeError TypeError TypeError RangeError RangeError
    TypeError TypeError TypeError RangeError TypeError`),
  );
});

await t.test('WebAssembly: classes and prototypes are as the standard has them', async (t) => {
  const value = await run(`
    class Own extends WebAssembly.Memory { pages() { return this.buffer.byteLength / 65536 } }
    const { memory } = start(shown);
    return [new Own({ initial: 2 }).pages(), memory instanceof WebAssembly.Memory, memory.constructor === WebAssembly.Memory,
      WebAssembly.Memory.name, WebAssembly.Memory.length, WebAssembly.Instance.name, WebAssembly.Module.length, memory.grow.name, WebAssembly.compile.name,
      Object.keys(start(shown)), WebAssembly.Module.imports(module(shown)), WebAssembly.Module.exports(module(shown)).map((one) => one.kind),
      new WebAssembly.Memory({ initial: 1n, maximum: 3n, address: 'i64' }).grow(1n) === 1n, new WebAssembly.Memory({ initial: '1' }).grow('2')]`);
  t.same(value, [
    2,
    true,
    true,
    'Memory',
    1,
    'Instance',
    1,
    'grow',
    'compile',
    ['grow', 'size', 'memory'],
    [],
    ['function', 'function', 'memory'],
    true,
    1,
  ]);
});

await t.test('WebAssembly: a memory grows to the limit from inside, and not a page further', async (t) => {
  const value = await run(`
    const own = start(growing), other = start(shown);
    return [own.grow(${most} - 2), own.size(), own.grow(1), own.size(), other.grow(1), tried(() => other.memory.grow(1)), tried(() => new WebAssembly.Memory({ initial: 1 }))]`);
  t.same(value, [1, most - 1, -1, most - 1, -1, 'RangeError', 'RangeError']);
});

await t.test('WebAssembly: memories together are counted, whoever makes them', async (t) => {
  const two = buildModule({
    types: [[[i32], [i32]]],
    functions: [
      { type: 0, code: [0x20, 0, 0x40, 0] },
      { type: 0, code: [0x20, 0, 0x40, 1] },
    ],
    memories: [
      [0, 1],
      [0, 2],
    ],
    exports: [
      ['first', 0, 0],
      ['second', 0, 1],
    ],
  });
  const value = await run(`
    const memory = new WebAssembly.Memory({ initial: 1000 });
    const pair = start(${asSource(two)});
    return [pair.first(400), pair.second(400), pair.second(117), pair.second(1), memory.grow(0), tried(() => memory.grow(1))]`);
  t.same(value, [1, 2, 402, -1, 1000, 'RangeError']);
});

await t.test('WebAssembly: a memory that is imported grows by the same account', async (t) => {
  const importing = buildModule({
    types: [[[i32], [i32]]],
    imports: [
      ['env', 'log', [0, 0]],
      ['env', 'memory', [2, 0, 1]],
    ],
    functions: [{ type: 0, code: [0x20, 0, 0x40, 0, 0x10, 0] }],
    exports: [['grow', 0, 1]],
  });
  const value = await run(`
    const memory = new WebAssembly.Memory({ initial: 1 });
    const seen = [];
    const { grow } = start(${asSource(importing)}, { env: { memory, log: (n) => (seen.push(n, memory.buffer.byteLength / 65536), n) } });
    return [grow(10), grow(2000), tried(() => memory.grow(${most - 11})), grow(1), ...seen]`);
  t.same(value, [1, -1, 11, -1, 1, 11, -1, 11, -1, most]);
});

await t.test('WebAssembly: a memory with 64-bit addresses is bounded too', async (t) => {
  const wide = buildModule({
    types: [[[i64], [i64]]],
    functions: [{ type: 0, code: [0x20, 0, 0x40, 0] }],
    memories: [[4, 1]],
    exports: [['grow', 0, 0]],
  });
  const value = await run(
    `const { grow } = start(${asSource(wide)}); return [grow(5n), grow(2n ** 40n), grow(${most - 7}n), grow(2n)].map(Number)`,
  );
  t.same(value, [1, -1, 6, -1]);
});

await t.test('WebAssembly: declared sizes over the limit are refused, smaller maxima hold', async (t) => {
  const sized = (...limits: readonly number[]): string => `start(${asSource(grower({ limits }))})`;
  const value = await run(`
    const small = ${sized(1, 1, 3)};
    return [tried(() => ${sized(0, ...leb(most + 1))}), small.grow(3), small.grow(2), small.grow(1), tried(() => ${sized(0, ...leb(most - 2))}), ${sized(0, ...leb(most - 3))}.size()]`);
  t.same(value, ['RangeError', -1, 1, -1, 'RangeError', most - 3]);
});

await t.test('WebAssembly: shared memories are refused', async (t) => {
  const shared = grower({ limits: [3, 1, 1] });
  t.ok(wasm.validate(shared));
  const value = await run(`const shared = ${asSource(shared)};
    return [tried(() => module(shared)), WebAssembly.validate(shared), tried(() => new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true })), typeof SharedArrayBuffer]`);
  t.same(value, ['CompileError', false, 'TypeError', 'undefined']);
});

await t.test('WebAssembly: the account is out of reach', async (t) => {
  // Stores into the memory behind all memories: valid only in what the runtime makes of it.
  const forger = buildModule({
    types: [[[i32], [i32]]],
    functions: [{ type: 0, code: [0x41, 0, 0x41, 0x7f, 0x36, 0x42, 1, 0, 0x20, 0, 0x40, 0] }],
    memories: [[0, 1]],
    exports: [['grow', 0, 0]],
  });
  const caller = buildModule({
    types: [[[i32], [i32]]],
    functions: [{ type: 0, code: [0x20, 0, 0x40, 0, 0x10, 1] }],
    memories: [[0, 1]],
  });
  const importer = buildModule({ imports: [['islet:memory', 'account', [2, 0, 1]]], memories: [[0, 1]] });
  t.notOk(wasm.validate(forger));
  t.notOk(wasm.validate(caller));
  const value = await run(`
    return [tried(() => module(${asSource(forger)})), tried(() => module(${asSource(caller)})), tried(() => module(${asSource(importer)})), WebAssembly.validate(${asSource(forger)})]`);
  t.same(value, ['CompileError', 'CompileError', 'CompileError', false]);
});

await t.test('WebAssembly: a guest that replaces what it can gets no further', async (t) => {
  const value = await run(`
    const native = { get: WeakMap.prototype.get };
    WeakMap.prototype.get = WeakMap.prototype.set = WeakRef.prototype.deref = Uint8Array.prototype.indexOf = () => { throw new Error('mine') };
    Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), 'length', { get: () => 0 });
    Object.defineProperty(Array.prototype, 0, { set() { throw new Error('mine') }, configurable: true });
    Object.defineProperty(WebAssembly.Memory.prototype, 'buffer', { get: () => new ArrayBuffer(0) });
    Math.max = Math.min = () => 1e9;
    const own = start(growing);
    const result = [own.grow(${most}), own.grow(5), tried(() => new WebAssembly.Memory({ initial: ${most} }))];
    delete Array.prototype[0];
    return result`);
  t.same(value, [-1, 1, 'RangeError']);
});

await t.test('WebAssembly: types in recursive groups are counted one by one', async (t) => {
  const parts = Buffer.from(
    buildModule({
      types: [[[i32], [i32]]],
      functions: [{ type: 0, code: [0x20, 0, 0x40, 0] }],
      memories: [[0, 1]],
      exports: [['grow', 0, 0]],
    }),
  );
  // The type section again: the function, then a group of a structure, an open array and a function.
  const old = parts.subarray(8, 8 + 2 + (parts[9] ?? 0));
  const types = [
    2,
    0x60,
    1,
    i32,
    1,
    i32,
    0x4e,
    3,
    0x5f,
    1,
    0x7f,
    1,
    0x50,
    0,
    0x5e,
    0x63,
    1,
    0,
    0x60,
    0,
    1,
    0x64,
    2,
  ];
  const whole = Uint8Array.from([
    ...parts.subarray(0, 8),
    1,
    types.length,
    ...types,
    ...parts.subarray(8 + old.length),
  ]);
  t.ok(wasm.validate(whole));
  t.same(await run(`const { grow } = start(${asSource(whole)}); return [grow(2), grow(1)]`), [1, 3]);
});

await t.test('WebAssembly: start functions, data, tables, globals and many sections survive', async (t) => {
  const full = buildModule({
    types: [
      [[], []],
      [[], [i32]],
      [[i32], [i32]],
    ],
    imports: [
      ['env', 'tell', [0, 0]],
      ['env', 'base', [3, 0x7f, 0]],
    ],
    functions: [
      { type: 0, code: [0x10, 0, 0x41, 1, 0x40, 0, 0x1a] },
      { type: 1, code: [0x41, 4, 0x2d, 0, 0, 0x23, 0, 0x6a] },
      // A block that looks like `memory.grow 0` when read from its second byte, and locals.
      {
        type: 2,
        locals: [1, 2, i32],
        code: [0x02, 0x40, 0x00, 0x0b, 0x41, 3, 0x40, 0, 0x22, 1, 0x1a, 0x41, 7, 0x41, 0, 0x11, 1, 0, 0x6a],
      },
      {
        type: 2,
        locals: [1, 2, i32],
        code: [0x41, 3, 0x40, 0, 0x22, 1, 0x1a, 0x20, 1, 0x41, 0, 0x11, 1, 0, 0x6a],
      },
    ],
    tables: [[0x70, 0, 2]],
    memories: [[0, 1]],
    globals: [[0x7f, 1, 0x41, 5, 0x0b]],
    exports: [
      ['read', 0, 2],
      ['mixed', 0, 4],
      ['counter', 3, 1],
      ['table', 1, 0],
      ['memory', 2, 0],
    ],
    start: 1,
    elements: [[0, 0x41, 0, 0x0b, 1, 2]],
    data: [[0, 0x41, 4, 0x0b, 2, 42, 43]],
    custom: [['note', [1, 2, 3]]],
  });
  const value = await run(`
    let told = 0;
    const bytes = ${asSource(full)};
    const e = start(bytes, { env: { tell() { told++ }, base: 100 } });
    return [told, e.read(), e.mixed(0), e.memory.buffer.byteLength / 65536, e.counter.value, e.table.get(0)(), e.table.length,
      WebAssembly.Module.customSections(module(bytes), 'note').map((one) => one.byteLength), WebAssembly.Module.imports(module(bytes)).map((one) => one.name)]`);
  t.same(value, [1, 142, 144, 5, 5, 142, 2, [3], ['tell', 'base']]);
});

void t.test('webassembly: a memory as a resizable buffer grows by pages, and counts', async (t) => {
  const value = await evaluate(`(() => {
    const tried = (run) => { try { return run() } catch (e) { return e.name } };
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2000 });
    const first = memory.buffer;
    const buffer = memory.toResizableBuffer();
    buffer.resize(3 * 65536);
    return [first.detached, buffer.resizable, memory.buffer === buffer, memory.grow(1), buffer.byteLength / 65536, tried(() => buffer.resize(1)),
      tried(() => buffer.resize(4 * 65536 + 1)), tried(() => buffer.resize(1999 * 65536)), buffer.byteLength / 65536, memory.toFixedLengthBuffer().resizable,
      tried(() => WebAssembly.Memory.prototype.toResizableBuffer.call({}))] })()`);
  t.same(value, [true, true, true, 3, 4, 'RangeError', 'RangeError', 'RangeError', 4, false, 'TypeError']);
});

import t from 'tap';
import { openWebIsolate } from './isolate.ts';

const guest = await openWebIsolate();
t.teardown(() => guest.dispose());

/** Runs here and in the isolate: `clone` of each value, described as data. Node's structuredClone is the oracle. */
function describeClones(clone: (value: unknown) => unknown): unknown {
  class Mine {
    own = 1;
    get inherited(): number {
      return 2;
    }
  }
  const sparse: unknown[] = [1];
  sparse[3] = 4;
  Object.assign(sparse, { extra: 5 });
  const error = Object.assign(new RangeError('m', { cause: { c: 1 } }), { lost: 1 });
  const named = new Error('n');
  named.name = 'Custom';
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const values: unknown[] = [
    1,
    'x',
    true,
    null,
    undefined,
    10n,
    NaN,
    -0,

    new Date(5),
    new Date(NaN),
    /a\/b/giu,
    new Number(3),
    new String('s'),
    new Boolean(false),
    Object(5n),

    [1, [2]],
    sparse,
    {
      a: { b: [] },
      get c() {
        return 7;
      },
    },
    new Mine(),
    Object.create(null),
    JSON.parse('{"__proto__":{"x":1}}'),

    new Map<unknown, unknown>([
      ['k', { v: 1 }],
      [{ o: 1 }, 2],
    ]),
    new Set([1, 'a', { o: 1 }]),
    error,
    named,
    new TypeError('t'),
    Object.assign(new Error('x'), { message: 5 }),

    bytes,
    bytes.subarray(1, 3),
    new DataView(bytes.buffer, 2),
    new Float64Array([0.5]),
    new BigInt64Array([1n]),
    bytes.buffer,

    () => 1,
    Symbol('s'),
    { f() {} },
    new WeakMap(),
    new WeakSet(),
    new WeakRef({}),
    Promise.resolve(),
    Object(Symbol('s')),
    [Symbol('s')],
  ];
  const show = (value: unknown, depth = 0): unknown => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value === undefined) return 'undefined';
    if (Object.is(value, -0) || Number.isNaN(value)) return `number ${Object.is(value, -0) ? '-0' : 'NaN'}`;
    if (typeof value !== 'object' || value === null || depth > 5) return value;
    const tag = Object.prototype.toString.call(value);
    const own = Object.getOwnPropertyNames(value)
      .filter((key) => key !== 'stack')
      .sort()
      .map((key) => [key, show((value as Record<string, unknown>)[key], depth + 1)]);
    const head = [tag, Object.getPrototypeOf(value)?.constructor?.name];
    if (value instanceof Map || value instanceof Set)
      return [...head, [...value].map((item) => show(item, depth + 1))];
    if (value instanceof ArrayBuffer) return [...head, value.byteLength];
    if (ArrayBuffer.isView(value))
      return [...head, value.byteOffset, value.byteLength, value.buffer.byteLength];
    if (value instanceof Date || value instanceof RegExp)
      return [...head, value instanceof Date ? Number(value) || 'none' : String(value)];
    if (/Number|String|Boolean|BigInt/.test(tag)) return [...head, Object(value.valueOf()).toString()];
    return [...head, own];
  };
  return values.map((value) => {
    try {
      return show(clone(value));
    } catch (error) {
      return [(error as Error).name, (error as { code?: number }).code];
    }
  });
}

void t.test('structuredClone: every kind of value as in Node', async (t) => {
  const ours = (await guest.run(`return (${describeClones.toString()})(structuredClone)`)) as unknown[];
  const nodes = JSON.parse(JSON.stringify(describeClones((value) => structuredClone(value)))) as unknown[];
  for (const [index, expected] of nodes.entries()) t.strictSame(ours[index], expected, `value ${index}`);
  t.equal(ours.length, nodes.length);
});

void t.test('structuredClone: platform objects that are not serializable are refused', async (t) => {
  const program = `const values = [new Headers(), new URL('http://a.b'), new URLSearchParams(), new Request('http://a.b'), new Response(''), new FormData(),
      new ReadableStream(), new AbortController().signal, new EventTarget(), new Event('x'), performance, web.createAbortSignal()];
    return values.map((value) => { try { structuredClone({ value }); return 'cloned' } catch (e) { return e.name } })`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 12 }, () => 'DataCloneError'),
  );
});

void t.test('structuredClone: cycles and shared references keep their shape', async (t) => {
  const program = `const shared = {}; const a = { shared, list: [shared], map: new Map([[shared, 1]]), view: new Uint8Array(2) }; a.self = a; a.other = new Uint8Array(a.view.buffer); a.map.set('m', a.map);
    const b = structuredClone(a);
    return [b !== a, b.self === b, b.shared === b.list[0], b.map.has(b.shared), b.map.get('m') === b.map, b.view.buffer === b.other.buffer, b.view.buffer !== a.view.buffer]`;
  t.strictSame(
    await guest.run(program),
    Array.from({ length: 7 }, () => true),
  );
});

void t.test('structuredClone: transfer moves a buffer, and a refused value moves none', async (t) => {
  const program = `const a = new Uint8Array([1, 2]); const kept = new ArrayBuffer(1); const out = [];
    const b = structuredClone({ a, buffer: a.buffer }, { transfer: [a.buffer] }); out.push([...b.a], b.buffer === b.a.buffer, a.byteLength);
    for (const run of [() => structuredClone({ f() {} }, { transfer: [kept] }), () => structuredClone(1, { transfer: [kept, kept] }), () => structuredClone(1, { transfer: [{}] }), () => structuredClone(a.buffer), () => structuredClone()])
      try { run(); out.push('ran') } catch (e) { out.push(e.name) }
    return [...out, kept.byteLength]`;
  t.strictSame(await guest.run(program), [
    [1, 2],
    true,
    0,
    'DataCloneError',
    'DataCloneError',
    'DataCloneError',
    'DataCloneError',
    'TypeError',
    1,
  ]);
});

void t.test('structuredClone: Blob, File and DOMException are serializable', async (t) => {
  const program = `const [blob, file, error] = structuredClone([new Blob(['b'], { type: 'a/b' }), new File(['f'], 'n', { lastModified: 3 }), new DOMException('m', 'AbortError')]);
    return [await blob.text(), blob.type, await file.text(), file.name, file.lastModified, file instanceof File, error.name, error.message, error instanceof DOMException]`;
  t.strictSame(await guest.run(program), ['b', 'a/b', 'f', 'n', 3, true, 'AbortError', 'm', true]);
});

void t.test(
  'structuredClone: buffers that grow do so as copies, and views that follow them too',
  async (t) => {
    const program = `const buffer = new ArrayBuffer(8, { maxByteLength: 32 });
    const full = new ArrayBuffer(8, { maxByteLength: 8 });
    new Uint8Array(buffer)[7] = 5;
    const views = [new Uint8Array(buffer), new Uint8Array(buffer, 0, 8), new DataView(buffer, 4), new Uint16Array(buffer, 4), new Uint8Array(full), new Uint8Array(full, 0, 8)];
    const clones = views.map((view) => structuredClone(view));
    const seen = clones.map(({ byteLength, buffer }) => { buffer.resize(buffer.maxByteLength === 8 ? 4 : 16); return byteLength });
    const lengths = clones.map((clone) => clone.byteLength + (clone.constructor === DataView ? 0 : clone.length * 100));
    const moved = structuredClone(buffer, { transfer: [buffer] });
    const past = new Uint8Array(moved, 8);
    moved.resize(4);
    let name; try { structuredClone(past) } catch (error) { name = error.name }
    return [seen.length, lengths, moved.maxByteLength, buffer.detached, new Uint8Array(clones[0].buffer)[7], name]`;
    t.strictSame(await guest.run(program), [6, [1616, 808, 12, 612, 404, 0], 32, true, 5, 'DataCloneError']);
  },
);

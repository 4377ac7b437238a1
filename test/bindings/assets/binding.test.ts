import * as fc from 'fast-check';
import t from 'tap';
import { createAssets } from '#bindings/assets/assets.ts';
import { Parts } from '#bindings/assets/parts.ts';
import { partKey } from '#bindings/assets/keys.ts';
import { encodeList, hashOfBlob } from '#bindings/assets/list.ts';
import type { Range } from '#bindings/store/store.ts';
import { asked, type AskedGrant } from '#test/support/asked.ts';
import { HostError } from '#runtime/errors.ts';
import { attachmentOf, deploymentOf, drained } from '#test/contract/binding.ts';
import { openMemoryStore } from '#test/support/memory-store.ts';

// The contract suite leaves a trace by a grant and looks for it by another; nothing is written here, so its other laws
// are stated for this binding one by one.

const text = Buffer.from('hello');
const list = encodeList({
  format: 1,
  cache: {},
  headers: {},
  files: [{ path: '/a.txt', hash: hashOfBlob(text), bytes: text.length }],
});

/** A grant of "shop", which has one file, and one of a function that has none of its own. */
async function grants(): Promise<{
  readonly own: AskedGrant;
  readonly other: AskedGrant;
  readonly bare: AskedGrant;
}> {
  const store = openMemoryStore();
  await store.write([
    { kind: 'put', key: partKey('shop', hashOfBlob(text), 0), value: text },
    { kind: 'put', key: partKey('shop', hashOfBlob(list), 0), value: list },
  ]);
  const { binding } = createAssets({ store });
  const grant = (name: string, has: boolean): AskedGrant => {
    const assets = { hash: hashOfBlob(list), first: 'assets' } as const;
    const deployment = { ...deploymentOf({ function: name }), ...(has ? { assets } : {}) };
    const context = { invocationId: 'x', signal: new AbortController().signal, origin: { depth: 0 } };
    return asked(binding.attach({ name: 'ASSETS', kind: 'assets', config: {} }, deployment).grant(context));
  };
  return { own: grant('shop', true), other: grant('spy', true), bare: grant('bare', false) };
}

const url = 'http://localhost/a.txt';

await t.test('assets: a grant reaches the files of its own function', async (t) => {
  const { own, other, bare } = await grants();
  const answer = await own.call({ method: 'fetch', args: { url } });
  t.match(answer.value, { status: 200, url, redirected: false });
  t.same(Buffer.from((await drained(answer)) ?? []), text);
  await t.rejects(other.call({ method: 'fetch', args: { url } }), { code: 'ERR_NO_VERSION' });
  t.match((await bare.call({ method: 'fetch', args: { url } })).value, { status: 404 });
});

await t.test('assets: what it hands out is the receiver’s to change', async (t) => {
  const { own } = await grants();
  const first = await drained(await own.call({ method: 'fetch', args: { url } }));
  first?.fill(0);
  t.same(Buffer.from((await drained(await own.call({ method: 'fetch', args: { url } }))) ?? []), text);
});

await t.test('assets: config is nothing; anything else is refused with a TypeError', async (t) => {
  const { binding } = createAssets({ store: openMemoryStore() });
  t.same(binding.parse(binding.parse({})), {});
  for (const config of [
    null,
    1,
    [],
    'public',
    { dir: 'public' },
    JSON.parse('{"__proto__": 1}'),
  ] as unknown[])
    t.throws(() => binding.parse(config), TypeError);
  t.throws(() => binding.admit?.({ name: 'A', kind: 'assets', config: {} }, deploymentOf()), {
    code: 'ERR_MANIFEST',
  });
  t.ok(attachmentOf(binding, {}));
});

await t.test(
  'assets: whatever a guest sends is answered, or rejected with TypeError or HostError',
  async (t) => {
    const { own } = await grants();
    for (const method of ['', 'nothing', 'constructor', '__proto__', 'toString', 'call'])
      await t.rejects(own.call({ method, args: {} }), TypeError);
    for (const args of [
      null,
      1,
      [],
      {},
      { url: 'a' },
      { url: 'file:///etc/passwd' },
      { url, method: 1 },
      { url, headers: ['a'] },
    ])
      await t.rejects(own.call({ method: 'fetch', args }), TypeError);
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue(), fc.constant(url));
    const headers = fc.oneof(
      value,
      fc.array(fc.oneof(fc.constantFrom('range', 'if-match', 'accept'), fc.string())),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({ url: value, method: value, headers }, { requiredKeys: [] }),
        async (args) => {
          try {
            await drained(await own.call({ method: 'fetch', args }));
            return true;
          } catch (error) {
            return error instanceof TypeError || error instanceof HostError;
          }
        },
      ),
      { numRuns: 1000 },
    );
  },
);

await t.test('assets: what is asked for again reads no store, up to the bytes that are kept', async (t) => {
  const store = openMemoryStore();
  const blobs = [1, 2, 3].map((n) => Buffer.alloc(1000, n));
  await store.write(
    blobs.map((value) => ({ kind: 'put', key: partKey('shop', hashOfBlob(value), 0), value }) as const),
  );
  let reads = 0;
  const counted = {
    get: (key: string) => {
      reads += 1;
      return store.get(key);
    },
    list: (range: Range) => store.list(range),
  };
  const parts = new Parts(counted, 2000);
  const read = async (at: number): Promise<number> => {
    const blob = { hash: hashOfBlob(blobs[at] ?? text), bytes: 1000 };
    for await (const piece of parts.stream('shop', blob, { start: 0, end: 1000 }))
      t.equal(piece[999], at + 1);
    return reads;
  };
  t.same([await read(0), await read(0), await read(1), await read(0)], [1, 1, 2, 2]);
  t.equal(await read(2), 3, 'the one used longest ago makes room');
  t.same([await read(0), await read(1)], [3, 4]);
});

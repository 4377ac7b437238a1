import { Buffer } from 'node:buffer';
import t from 'tap';
import type { Answer } from '#runtime/binding.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { drained, grantOf } from '#test/contract/binding.ts';
import type { AskedGrant } from '#test/support/asked.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const MiB = 2 ** 20;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const put = (grant: AskedGrant, key: unknown, text = 'value', options: object = {}): Promise<Answer> =>
  grant.call({ method: 'put', args: { key, ...options }, bytes: bytes(text) });
const get = (grant: AskedGrant, key: unknown): Promise<Answer> =>
  grant.call({ method: 'get', args: { key } });
const list = async (grant: AskedGrant, args: object = {}): Promise<Page> =>
  (await grant.call({ method: 'list', args })).value as Page;

interface Page {
  readonly keys: readonly {
    readonly name: string;
    readonly expiration?: number;
    readonly metadata?: unknown;
  }[];
  readonly list_complete: boolean;
  readonly cursor?: string;
}

async function* zeros(
  count: number,
  piece: number,
  onEnd: () => void = () => undefined,
): AsyncGenerator<Uint8Array> {
  try {
    for (let left = count; left > 0; left -= piece) yield new Uint8Array(Math.min(piece, left));
  } finally {
    onEnd();
  }
}

void t.test('kv: a value comes back with its metadata, an absent key as null', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  t.same((await get(grant, 'a')).value, null);
  t.match(await put(grant, 'a', 'one', { metadata: { n: 1 } }), { value: { ok: true } });
  const found = await get(grant, 'a');
  t.match(found.value, { metadata: { n: 1 }, version: /^\d+$/ });
  t.equal(Buffer.from(found.bytes ?? bytes('')).toString(), 'one');
  await put(grant, 'a', 'two');
  t.match((await get(grant, 'a')).value, { metadata: null });
  await grant.call({ method: 'delete', args: { key: 'a' } });
  t.same((await get(grant, 'a')).value, null);
  await grant.call({ method: 'delete', args: { key: 'a' } });
});

void t.test('kv: an empty value is not an absent one', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  await put(grant, 'a', '');
  const found = await get(grant, 'a');
  t.match(found.value, { metadata: null });
  t.equal(found.bytes?.length, 0);
});

void t.test('kv: keys of 1 to 512 bytes are taken, others refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const key of [
    'k',
    'x'.repeat(512),
    'é'.repeat(256),
    '...',
    ' ',
    'a/b',
    'a:b',
    '\0',
    '%2F',
    '__proto__',
  ]) {
    await put(grant, key, key);
    t.equal(Buffer.from((await drained(await get(grant, key))) ?? []).toString(), key);
  }
  for (const key of ['', '.', '..', 'x'.repeat(513), 'é'.repeat(257), '\ud800']) {
    for (const method of ['get', 'put', 'delete']) {
      await t.rejects(grant.call({ method, args: { key }, bytes: bytes('') }), { code: 'ERR_KV_KEY' });
    }
  }
  for (const key of [undefined, null, 7, {}, ['a']]) await t.rejects(get(grant, key), TypeError);
});

void t.test('kv: metadata of 1024 bytes of JSON is taken, 1025 refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  await put(grant, 'a', 'v', { metadata: 'x'.repeat(1022) });
  t.match((await get(grant, 'a')).value, { metadata: 'x'.repeat(1022) });
  await t.rejects(put(grant, 'a', 'v', { metadata: 'x'.repeat(1023) }), { code: 'ERR_KV_METADATA' });
  await t.rejects(put(grant, 'a', 'v', { metadata: 'é'.repeat(512) }), { code: 'ERR_KV_METADATA' });
  t.match((await get(grant, 'a')).value, { metadata: 'x'.repeat(1022) });
});

void t.test('kv: a value of 25 MiB is taken, one byte more refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const most = 25 * MiB;
  await grant.call({ method: 'put', args: { key: 'a' }, bytes: new Uint8Array(most) });
  t.equal((await drained(await get(grant, 'a')))?.length, most);
  const over = { method: 'put', args: { key: 'a' }, bytes: new Uint8Array(most + 1) };
  await t.rejects(grant.call(over), { code: 'ERR_KV_VALUE' });
  await grant.call({ method: 'put', args: { key: 'b' }, stream: zeros(most, 65_536) });
  t.equal((await drained(await get(grant, 'b')))?.length, most);
});

void t.test('kv: an endless stream is broken off just above 25 MiB and stores nothing', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  let ended = false;
  const stream = zeros(Infinity, MiB, () => {
    ended = true;
  });
  await t.rejects(grant.call({ method: 'put', args: { key: 'a' }, stream }), { code: 'ERR_KV_VALUE' });
  t.equal(ended, true);
  t.same((await get(grant, 'a')).value, null);
});

void t.test('kv: a stream that fails stores nothing', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield bytes('half');
    throw new TypeError('the guest broke it off');
  }
  await t.rejects(grant.call({ method: 'put', args: { key: 'a' }, stream: failing() }), TypeError);
  t.same((await get(grant, 'a')).value, null);
});

void t.test(
  'kv: up to 256 KiB are answered inline, more as a stream of pieces that are copies',
  async (t) => {
    const grant = grantOf(createKvBinding(temporaryStore(t)));
    const small = Buffer.alloc(262_144, 'abc');
    const large = Buffer.alloc(262_145, 'abc');
    await grant.call({ method: 'put', args: { key: 'small' }, bytes: small });
    await grant.call({ method: 'put', args: { key: 'large' }, bytes: large });
    t.ok((await get(grant, 'small')).bytes);
    const answer = await get(grant, 'large');
    t.equal(answer.bytes, undefined);
    const pieces: Uint8Array[] = [];
    for await (const piece of answer.stream ?? []) {
      t.ok(piece.length <= 65_536);
      // What a channel that transfers memory does.
      pieces.push(structuredClone(piece, { transfer: [piece.buffer as ArrayBuffer] }));
    }
    t.equal(Buffer.compare(Buffer.concat(pieces), large), 0);
  },
);

void t.test('kv: expiry as documented: at least 60 seconds away, TTL wins, listed in seconds', async (t) => {
  const clock = { ms: 1_700_000_000_500 };
  const now = (): number => clock.ms;
  const grant = grantOf(createKvBinding(temporaryStore(t, now), { now }));
  const second = 1_700_000_000;
  await put(grant, 'ttl', 'v', { expirationTtl: 60, expiration: second + 9999 });
  await put(grant, 'at', 'v', { expiration: second + 60, metadata: 'm' });
  await put(grant, 'fraction', 'v', { expiration: second + 90.7 });
  await put(grant, 'never', 'v', { expiration: null, expirationTtl: null });
  t.same((await list(grant)).keys, [
    { name: 'at', expiration: second + 60, metadata: 'm' },
    { name: 'fraction', expiration: second + 90 },
    { name: 'never' },
    { name: 'ttl', expiration: second + 60 },
  ]);
  const refused = [
    { expirationTtl: 59 },
    { expirationTtl: 0 },
    { expirationTtl: -60 },
    { expirationTtl: 1e300 },
    { expiration: second + 59 },
    { expiration: 0 },
    { expiration: 1e300 },
  ];
  for (const options of refused) await t.rejects(put(grant, 'x', 'v', options), { code: 'ERR_KV_OPTION' });
  await t.rejects(put(grant, 'x', 'v', { expirationTtl: '60' }), TypeError);
  clock.ms = (second + 60) * 1000;
  t.same((await get(grant, 'ttl')).value, null);
  t.same(
    (await list(grant)).keys.map((key) => key.name),
    ['fraction', 'never'],
  );
});

void t.test('kv: list pages by cursor in key order, each key once, with its metadata', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const names = Array.from({ length: 25 }, (_, index) => `p/${String(index).padStart(2, '0')}`);
  await Promise.all(names.map((name, index) => put(grant, name, name, index % 2 ? { metadata: index } : {})));
  await put(grant, 'q/other');
  const seen: unknown[] = [];
  let page = await list(grant, { prefix: 'p/', limit: 10 });
  for (;;) {
    seen.push(...page.keys);
    t.equal(page.list_complete, page.cursor === undefined);
    if (page.cursor === undefined) break;
    page = await list(grant, { prefix: 'p/', limit: 10, cursor: page.cursor });
  }
  t.same(
    seen,
    names.map((name, index) => (index % 2 ? { name, metadata: index } : { name })),
  );
  t.same(await list(grant, { prefix: 'none' }), { keys: [], list_complete: true });
  t.equal((await list(grant, { prefix: 'p/', limit: 25 })).list_complete, true);
});

void t.test('kv: list gives 1000 keys by default and at most', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  await Promise.all(Array.from({ length: 1001 }, (_, index) => put(grant, `k${index}`)));
  const page = await list(grant);
  t.equal(page.keys.length, 1000);
  t.equal(page.list_complete, false);
  t.equal((await list(grant, { cursor: page.cursor })).keys.length, 1);
  t.equal((await list(grant, { limit: 1 })).keys.length, 1);
  for (const limit of [0, -1, 1001, 1e300])
    await t.rejects(list(grant, { limit }), { code: 'ERR_KV_OPTION' });
  await t.rejects(list(grant, { limit: '10' }), TypeError);
});

void t.test('kv: a cursor that list did not give is refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const cursor of ['?', 'x', 'a'.repeat(5000), Buffer.from('other').toString('base64url')]) {
    await t.rejects(list(grant, { prefix: 'p/', cursor }), { code: 'ERR_KV_OPTION' });
  }
  await t.rejects(list(grant, { cursor: 7 }), TypeError);
  await t.rejects(list(grant, { prefix: 7 }), TypeError);
  await t.rejects(list(grant, { prefix: '\ud800' }), { code: 'ERR_KV_OPTION' });
  t.same(await list(grant, { cursor: '' }), { keys: [], list_complete: true });
});

void t.test('kv: a namespace is shared by name, and a function has its own', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const sees = async (config: unknown, facts: object): Promise<boolean> =>
    (await get(grantOf(binding, config, facts), 'b/c')).value !== null;
  await put(grantOf(binding, undefined, { function: 'shop', name: 'KV' }), 'b/c');
  t.equal(await sees(undefined, { function: 'shop', name: 'KV' }), true);
  t.equal(await sees('shop/KV', { function: 'till', name: 'CACHE' }), true);
  t.equal(await sees(undefined, { function: 'shop', name: 'OTHER' }), false);
  t.equal(await sees(undefined, { function: 'till', name: 'KV' }), false);
  t.equal(await sees('shop', {}), false);
  // A slash in a name and one in a key are different things.
  await put(grantOf(binding, 'a', {}), 'KV/c');
  t.same((await get(grantOf(binding, 'a/KV', {}), 'c')).value, null);
});

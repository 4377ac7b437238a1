import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import t from 'tap';
import type { KvNamespaces } from '#bindings/kv/namespaces.ts';
import { KvAccess } from '#bindings/kv/access.ts';
import { openKvNamespaces } from '#bindings/kv/namespaces.ts';
import { openKv } from '#test/support/attach-kv.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

async function* inPieces(text: string | Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  const all = Buffer.from(text);
  for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
}

async function exported(kv: KvNamespaces, namespace: string, prefix = ''): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of kv.export(namespace, { prefix })) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

void t.test('kv transfer: what comes out goes in and comes out the same, whatever the bytes', async (t) => {
  const kv = await openKv(temporaryStore(t));
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 200 }).map((text) => bytes(text.toWellFormed())),
    fc.constant(new Uint8Array(500)),
    fc.constant(bytes('\u{feff}begins with a mark')),
  );
  const metadata = fc
    .option(fc.jsonValue(), { nil: undefined })
    .filter((json) => JSON.stringify(json ?? 0).length < 900);
  const entries = fc.dictionary(
    fc
      .string({ unit: 'binary', minLength: 1, maxLength: 10 })
      .filter((key) => key.isWellFormed() && !/^\.{1,2}$/.test(key)),
    fc.record({ value, metadata }),
    { maxKeys: 8 },
  );
  let run = 0;
  await t.resolves(
    fc.assert(
      fc.asyncProperty(entries, fc.integer({ min: 1, max: 50 }), async (entries, size) => {
        const [from, to] = [`from${run}`, `to${run++}`];
        for (const [key, { value, metadata }] of Object.entries(entries))
          await kv.put(from, key, value, { metadata });
        const lines = await exported(kv, from);
        const done = await kv.import(to, inPieces(lines, size));
        const count = Object.keys(entries).length;
        for (const [key, { value }] of Object.entries(entries)) {
          if (Buffer.compare((await kv.get(to, key))?.value ?? bytes('none'), value) !== 0) return false;
        }
        return done.written === count && done.lines === count && (await exported(kv, to)) === lines;
      }),
      { numRuns: 60 },
    ),
  );
});

void t.test('kv transfer: text stays readable, other bytes are base64, and expiry goes along', async (t) => {
  const clock = { ms: 1_700_000_000_000 };
  const store = temporaryStore(t, () => clock.ms);
  const kv = openKvNamespaces(store, { access: await KvAccess.open(store), now: () => clock.ms });
  await kv.put('a', 'text', bytes('grüß "dich"\n'), { metadata: { m: [1] }, expirationTtl: 90 });
  await kv.put('a', 'bytes', new Uint8Array([0xff, 0]));
  await kv.put('a', 'other', bytes('x'));
  const lines = await exported(kv, 'a');
  t.equal(
    lines,
    '{"key":"bytes","value":"/wA=","base64":true}\n' +
      '{"key":"other","value":"x"}\n' +
      '{"key":"text","value":"grüß \\"dich\\"\\n","expiration":1700000090,"metadata":{"m":[1]}}\n',
  );
  t.equal(await exported(kv, 'a', 'o'), '{"key":"other","value":"x"}\n');
  clock.ms += 80_000;
  t.match(
    await kv.import('near', inPieces(lines, 9)),
    { written: 3, expired: 0 },
    'an expiry ten seconds away goes in',
  );
  clock.ms += 10_000;
  t.match(await kv.import('past', inPieces(lines, 9)), { lines: 3, written: 2, expired: 1 });
  t.same(
    (await kv.list('near')).keys.map(({ name }) => name),
    ['bytes', 'other'],
  );
});

void t.test(
  'kv transfer: a bad line is named by number, all before it are in and none behind it',
  async (t) => {
    const kv = await openKv(temporaryStore(t));
    const good = (index: number): string => JSON.stringify({ key: `k${index}`, value: 'v' });
    const bad: readonly (readonly [string, string])[] = [
      ['{"key":"x"', 'ERR_BAD_INPUT'],
      ['[]', 'ERR_BAD_INPUT'],
      ['"text"', 'ERR_BAD_INPUT'],
      ['{"value":"x"}', 'ERR_BAD_INPUT'],
      ['{"key":"x"}', 'ERR_BAD_INPUT'],
      ['{"key":"x","value":7}', 'ERR_BAD_INPUT'],
      ['{"key":"x","value":"!","base64":true}', 'ERR_BAD_INPUT'],
      ['{"key":"x","value":"x","base64":1}', 'ERR_BAD_INPUT'],
      ['{"key":"x","value":"\\ud800"}', 'ERR_BAD_INPUT'],
      ['{"key":"x","value":"x","expiration":"soon"}', 'ERR_BAD_INPUT'],
      ['{"key":"x","value":"x","ttl":60}', 'ERR_BAD_INPUT'],
      ['{"key":"..","value":"x"}', 'ERR_KV_KEY'],
      ['{"key":"x","value":"x","expiration_ttl":5}', 'ERR_KV_OPTION'],
      [`{"key":"x","value":"x","metadata":"${'m'.repeat(1100)}"}`, 'ERR_KV_METADATA'],
    ];
    for (const [index, [line, code]] of bad.entries()) {
      const text = [...Array.from({ length: 70 }, (_, at) => good(at)), '', line, good(99)].join('\n');
      const done = await kv.import(`ns${index}`, inPieces(text, 100));
      t.match(done, { lines: 72, written: 70, failed: { line: 72, code } }, line.slice(0, 60));
      t.equal((await kv.list(`ns${index}`)).keys.length, 70);
    }
    const broken = Buffer.concat([Buffer.from(`${good(1)}\n`), Buffer.from([0x22, 0xff, 0x0a])]);
    t.match(await kv.import('utf8', inPieces(broken, 5)), { written: 1, failed: { line: 2 } });
  },
);

void t.test('kv transfer: the same lines may go in again; ifAbsent leaves what is there', async (t) => {
  const kv = await openKv(temporaryStore(t));
  const lines = '{"key":"a","value":"file"}\r\n{"key":"b","value":"file","expiration_ttl":600}';
  await kv.put('ns', 'a', bytes('there'));
  t.same(await kv.import('ns', inPieces(lines, 7), { ifAbsent: true }), {
    lines: 2,
    written: 1,
    present: 1,
    expired: 0,
  });
  t.equal(Buffer.from((await kv.get('ns', 'a'))?.value ?? []).toString(), 'there');
  for (let round = 0; round < 2; round++)
    t.match(await kv.import('ns', inPieces(lines, 7)), { written: 2, present: 0 });
  t.equal(Buffer.from((await kv.get('ns', 'a'))?.value ?? []).toString(), 'file');
  t.match((await kv.list('ns')).keys[1], { name: 'b', expiration: Number });
});

void t.test(
  'kv transfer: a value of 25 MiB goes out and in, one byte more is refused with its line',
  async (t) => {
    const kv = await openKv(temporaryStore(t));
    const most = new Uint8Array(25 * 2 ** 20).fill(0x80);
    await kv.put('big', 'k', most);
    const done = await kv.import('copy', kv.export('big'));
    t.match(done, { lines: 1, written: 1 });
    t.equal(Buffer.compare((await kv.get('copy', 'k'))?.value ?? bytes(''), most), 0);
    const over = JSON.stringify({ key: 'k', value: 'x'.repeat(25 * 2 ** 20 + 1) });
    t.match(await kv.import('over', inPieces(over, 65_536)), { failed: { line: 1, code: 'ERR_KV_VALUE' } });
    const endless = 'x'.repeat(37 * 2 ** 20);
    t.match(await kv.import('over', inPieces(endless, 65_536)), {
      failed: { line: 1, code: 'ERR_BAD_INPUT' },
    });
  },
);

void t.test('kv transfer: names that are none are refused', async (t) => {
  const kv = await openKv(temporaryStore(t));
  t.throws(() => kv.export('a:b:c'), { code: 'ERR_BAD_NAME' });
  await t.rejects(kv.import('../x', inPieces('', 1)), { code: 'ERR_BAD_NAME' });
});

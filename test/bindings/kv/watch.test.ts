import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Grant } from '#runtime/binding.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { grantOf } from '#test/contract/binding.ts';
import { call, names, put } from '#test/support/kv-calls.ts';
import { temporaryStore } from '#test/support/store-files.ts';

interface Change {
  readonly key: string;
  readonly kind: string;
  readonly version: string;
}

/** An open watch: what it says, change by change. */
async function watch(
  grant: Grant,
  args: object,
  signal?: AbortSignal,
): Promise<AsyncGenerator<Change, void>> {
  const { stream } = await grant.call({ method: 'watch', args, ...(signal === undefined ? {} : { signal }) });
  if (stream === undefined) throw new Error('a watch has no stream');
  return changesOf(stream);
}

async function* changesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Change, void> {
  for await (const piece of stream) {
    const text = Buffer.from(piece).toString();
    if (!text.endsWith('\n')) throw new Error('a piece ends within a line');
    for (const line of text.trimEnd().split('\n')) yield JSON.parse(line) as Change;
  }
}

async function take(changes: AsyncGenerator<Change, void>, count: number): Promise<readonly Change[]> {
  const taken: Change[] = [];
  while (taken.length < count) {
    const next = await changes.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

void t.test('kv watch: every later change under the prefix comes, in order, with its version', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const grant = grantOf(binding, 'shared', { function: 'reader' });
  const writer = grantOf(binding, 'shared', { function: 'writer' });
  await put(writer, 'a/0', 'before');
  const changes = await watch(grant, { prefix: 'a/' });
  const first = await put(writer, 'a/1', 'x', { metadata: { m: 1 }, expirationTtl: 600 });
  await put(writer, 'b/1', 'elsewhere');
  await call(writer, 'delete', { key: 'a/1' });
  const { value } = await call(writer, 'commit', {
    writes: [
      { key: 'a/2', value: '' },
      { key: 'a/3', increment: 2 },
    ],
  });
  const { versions } = value as { readonly versions: readonly string[] };
  t.match(await take(changes, 4), [
    { key: 'a/1', kind: 'put', version: first, metadata: { m: 1 }, expiration: Number },
    { key: 'a/1', kind: 'delete', version: String },
    { key: 'a/2', kind: 'put', version: versions[0] },
    { key: 'a/3', kind: 'put', version: versions[1] },
  ]);
  await changes.return();
});

void t.test('kv watch: who watches and then lists misses nothing and counts nothing twice', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const grant = grantOf(binding);
  let written = 0;
  const write = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++)
      await Promise.all(Array.from({ length: 10 }, () => put(grant, `k${written++}`, '')));
  };
  await write(5);
  const writing = write(15);
  const changes = await watch(grant, {});
  const listed = await call(grant, 'list', { values: true });
  const { keys } = listed.value as {
    readonly keys: readonly { readonly name: string; readonly version: string }[];
  };
  await writing;
  const before = new Map(keys.map(({ name, version }) => [name, version]));
  const later = await take(changes, 200 - before.size);
  await changes.return();
  const all = new Set([...before.keys(), ...later.map(({ key }) => key)]);
  t.equal(all.size, 200);
  t.equal(later.filter(({ key, version }) => before.get(key) === version).length, 0);
});

void t.test('kv watch: namespaces and cordons hear nothing of each other', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const left = await watch(grantOf(binding, 'ns', { cordon: 'left' }), {});
  await put(grantOf(binding, 'ns', { cordon: 'right' }), 'k', '');
  await put(grantOf(binding, 'ns2', { cordon: 'left' }), 'k', '');
  await put(grantOf(binding, 'n', { cordon: 'left' }), 's/k', '');
  await put(grantOf(binding, 'ns', { cordon: 'left' }), 'own', '');
  t.match(await take(left, 1), [{ key: 'own' }]);
  await left.return();
});

void t.test('kv watch: it ends by its limit, its time, its signal and with its invocation', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const writer = grantOf(binding);
  const limited = await watch(writer, { limit: 2 });
  for (const key of ['a', 'b', 'c']) await put(writer, key, '');
  t.match(await take(limited, 9), [{ key: 'a' }, { key: 'b' }]);
  t.same(await take(await watch(writer, { timeoutMs: 1 }), 9), []);
  const operation = new AbortController();
  const given = await watch(writer, {}, operation.signal);
  const invocation = new AbortController();
  const over = await watch(grantOf(binding, undefined, { signal: invocation.signal }), {});
  const both = Promise.all([take(given, 9), take(over, 9)]);
  operation.abort();
  invocation.abort();
  t.same(await both, [[], []]);
  const late = await watch(grantOf(binding, undefined, { signal: invocation.signal }), {});
  t.same(await take(late, 1), [], 'one that begins after its invocation ended is over');
});

void t.test(
  'kv watch: a reader that falls behind is told by code, after what was kept; others are not',
  async (t) => {
    const binding = createKvBinding(temporaryStore(t));
    const writer = grantOf(binding);
    const slow = await watch(writer, {});
    const quick = await watch(writer, {});
    const keys = take(quick, 1200);
    for (let at = 0; at < 1200; at += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => put(writer, `k${at + index}`, '')));
    }
    t.equal((await keys).length, 1200);
    t.equal((await take(slow, 1000)).length, 1000);
    await t.rejects(take(slow, 1), { code: 'ERR_KV_BEHIND' });
    t.same(await take(slow, 1), []);
    await quick.return();
  },
);

void t.test('kv watch: long lines count too, and no piece is over 64 KiB', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const writer = grantOf(binding);
  const metadata = '\u{1f600}'.repeat(250);
  const { stream } = await writer.call({ method: 'watch', args: {} });
  const key = (index: number): string => `${'ä'.repeat(250)}${index}`;
  await Promise.all(Array.from({ length: 900 }, (_, index) => put(writer, key(index), '', { metadata })));
  // What was committed has been handed on when the next turn begins.
  await sleep(0);
  let bytes = 0;
  let lines = 0;
  await t.rejects(
    async () => {
      for await (const piece of stream ?? []) {
        if (piece.length > 64 * 1024) throw new Error('a piece is too long');
        bytes += piece.length;
        lines += piece.filter((byte) => byte === 10).length;
      }
    },
    { code: 'ERR_KV_BEHIND' },
    'a megabyte is what is kept',
  );
  t.ok(lines > 100 && lines < 1000, `${lines} lines, ${bytes} bytes`);
});

void t.test('kv watch: a thousand of one deployment may be open, and an ended one makes room', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const grant = grantOf(binding);
  const open = await Promise.all(Array.from({ length: 1000 }, () => watch(grant, { prefix: 'x' })));
  await t.rejects(watch(grant, {}), { code: 'ERR_KV_OPTION' });
  const { stream } = await grantOf(binding, 'other').call({ method: 'watch', args: {} });
  await stream?.[Symbol.asyncIterator]().return?.();
  await put(grant, 'x', '');
  t.match(await take(open[0] as AsyncGenerator<Change, void>, 1), [{ key: 'x' }]);
  await (open[0] as AsyncGenerator<Change, void>).return();
  const again = await watch(grant, {});
  await put(grant, 'y', '');
  t.match(await take(again, 1), [{ key: 'y' }]);
  for (const each of [...open, again]) await each.return();
  t.same(await names(grant), ['x', 'y']);
});

void t.test('kv watch: whole, it is one value when its limit or its time has come', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const two = call(grant, 'watch', { whole: true, limit: 2, timeoutMs: 60_000 });
  const version = await put(grant, 'a', '');
  await call(grant, 'delete', { key: 'a' });
  t.match((await two).value, [
    { key: 'a', kind: 'put', version },
    { key: 'a', kind: 'delete' },
  ]);
  t.same((await call(grant, 'watch', { whole: true, timeoutMs: 1 })).value, []);
});

void t.test('kv watch: a host that closes says so', async (t) => {
  const store = temporaryStore(t);
  const changes = await watch(grantOf(createKvBinding(store)), {});
  const waiting = changes.next();
  await store.close();
  await t.rejects(waiting, { code: 'ERR_CLOSING' });
});

void t.test('kv watch: options that are none are refused', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  for (const args of [{ prefix: 1 }, { limit: 'x' }, { timeoutMs: {} }, { whole: 1 }]) {
    await t.rejects(watch(grant, args), TypeError, JSON.stringify(args));
  }
  for (const args of [
    { limit: 0 },
    { limit: 1001 },
    { timeoutMs: 0 },
    { timeoutMs: 900_001 },
    { prefix: '\udc00' },
    { whole: true },
  ]) {
    await t.rejects(watch(grant, args), { code: 'ERR_KV_OPTION' }, JSON.stringify(args));
  }
});

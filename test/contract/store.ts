import { Buffer } from 'node:buffer';
import type { Test } from 'tap';
import type { ChangeEvent, Store } from '#bindings/store/store.ts';

/** How a suite gets stores: each implementation's test supplies these. */
export interface StoreMaker {
  /** A new, empty store whose clock is `now`; closed by the suite. */
  open(t: Test, now: () => number): Promise<Store>;
  /** Opens again what `store`, closed, held. */
  reopen(store: Store, now: () => number): Promise<Store>;
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** The laws of `Store`, whatever carries it. */
export function storeContract(t: Test, maker: StoreMaker): void {
  let clock = 1_700_000_000_000;
  const now = (): number => clock;
  const open = async (t: Test): Promise<Store> => {
    const store = await maker.open(t, now);
    t.teardown(() => store.close());
    return store;
  };
  const put = (key: string, value = key, expiresAt?: number) =>
    ({ kind: 'put', key, value: bytes(value), ...(expiresAt === undefined ? {} : { expiresAt }) }) as const;
  const keysOf = async (store: Store, range: Parameters<Store['list']>[0]): Promise<string[]> =>
    (await store.list(range)).map((entry) => entry.key);

  void t.test('a key that was never written is absent', async (t) => {
    t.equal(await (await open(t)).get('a'), undefined);
  });

  void t.test('an acknowledged put is read back, bytes and revision', async (t) => {
    const store = await open(t);
    const result = await store.write([put('a', 'one')]);
    const entry = await store.get('a');
    t.equal(result.ok, true);
    t.equal(text(entry?.value), 'one');
    t.equal(entry?.revision, result.ok && result.revision);
    t.notOk('expiresAt' in (entry ?? {}));
  });

  void t.test('an empty value is a value', async (t) => {
    const store = await open(t);
    await store.write([put('a', '')]);
    t.equal((await store.get('a'))?.value.byteLength, 0);
  });

  void t.test('any bytes come back as they were, 25 MiB of them too', async (t) => {
    const store = await open(t);
    const value = Buffer.alloc(
      26_214_400,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    );
    await store.write([{ kind: 'put', key: 'big', value }]);
    t.equal(Buffer.compare((await store.get('big'))?.value ?? bytes(''), value), 0);
  });

  void t.test('revisions grow, also over deletes and reopening', async (t) => {
    const store = await open(t);
    const seen: number[] = [];
    const note = async (from: Store, key: string): Promise<void> => {
      const result = await from.write([put(key)]);
      if (result.ok) seen.push(result.revision);
    };
    await note(store, 'a');
    await note(store, 'a');
    await store.write([{ kind: 'delete', key: 'a' }]);
    await note(store, 'a');
    await store.write([{ kind: 'delete', key: 'a' }]);
    await store.close();
    const again = await maker.reopen(store, now);
    t.teardown(() => again.close());
    await note(again, 'a');
    t.same(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    t.equal(new Set(seen).size, 4);
    t.ok((seen[0] ?? 0) > 0);
  });

  void t.test('what was acknowledged is there after reopening', async (t) => {
    const store = await open(t);
    await store.write([put('a', 'kept')]);
    await store.close();
    const again = await maker.reopen(store, now);
    t.teardown(() => again.close());
    t.equal(text((await again.get('a'))?.value), 'kept');
  });

  void t.test('close commits what waits', async (t) => {
    const store = await open(t);
    const writing = store.write([put('late')]);
    await store.close();
    t.equal((await writing).ok, true);
    const again = await maker.reopen(store, now);
    t.teardown(() => again.close());
    t.equal(text((await again.get('late'))?.value), 'late');
  });

  void t.test('after close every verb rejects with ERR_CLOSING; closing again is harmless', async (t) => {
    const store = await open(t);
    await store.close();
    await t.rejects(Promise.resolve(store.get('a')), { code: 'ERR_CLOSING' });
    await t.rejects(store.list({ prefix: '' }), { code: 'ERR_CLOSING' });
    await t.rejects(store.write([]), { code: 'ERR_CLOSING' });
    await store.close();
  });

  void t.test('a write is all or nothing, its changes in order', async (t) => {
    const store = await open(t);
    await store.write([put('a', '1'), put('b', '2'), { kind: 'delete', key: 'a' }, put('b', '3')]);
    t.equal(await store.get('a'), undefined);
    t.equal(text((await store.get('b'))?.value), '3');
    const failed = await store.write([put('c'), put('d')], [{ key: 'b', revision: 0 }]);
    t.same(failed, { ok: false, failed: { key: 'b', revision: 0 } });
    t.same(await keysOf(store, { prefix: '' }), ['b']);
  });

  void t.test('of two writes in one turn that check the same absence, the first wins', async (t) => {
    const store = await open(t);
    const [first, second] = await Promise.all([
      store.write([put('a', 'first')], [{ key: 'a', revision: 0 }]),
      store.write([put('a', 'second')], [{ key: 'a', revision: 0 }]),
    ]);
    t.same([first.ok, second.ok], [true, false]);
    t.equal(text((await store.get('a'))?.value), 'first');
  });

  void t.test('a check passes at the revision and at no other', async (t) => {
    const store = await open(t);
    const created = await store.write([put('a', '1')]);
    const revision = created.ok ? created.revision : -1;
    t.equal((await store.write([put('a', '2')], [{ key: 'a', revision }])).ok, true);
    t.equal((await store.write([put('a', '3')], [{ key: 'a', revision }])).ok, false);
    t.equal(text((await store.get('a'))?.value), '2');
  });

  void t.test('a write without changes only checks', async (t) => {
    const store = await open(t);
    t.equal((await store.write([], [{ key: 'a', revision: 0 }])).ok, true);
    t.equal((await store.write([], [{ key: 'a', revision: 7 }])).ok, false);
  });

  void t.test('a mistaken write rejects and does not touch its neighbours of the turn', async (t) => {
    const store = await open(t);
    const results = await Promise.allSettled([
      store.write([put('a')]),
      store.write([put('\ud800')]),
      store.write([put('')]),
      store.write([{ kind: 'put', key: 'v', value: 'text' as unknown as Uint8Array }]),
      store.write([put('x', 'x', 1.5)]),
      store.write([put('b')]),
    ]);
    t.same(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected', 'fulfilled'],
    );
    t.same(await keysOf(store, { prefix: '' }), ['a', 'b']);
  });

  void t.test('keys with lone surrogates are refused with TypeError', async (t) => {
    const store = await open(t);
    await t.rejects(Promise.resolve(store.get('a\udc00')), TypeError);
    await t.rejects(store.list({ prefix: '\ud800' }), TypeError);
    await t.rejects(store.list({ prefix: '', after: '\ud800' }), TypeError);
    await t.rejects(store.write([{ kind: 'delete', key: '\ud800' }]), TypeError);
  });

  void t.test('keys are in order of their UTF-8 bytes, not of UTF-16 units', async (t) => {
    const store = await open(t);
    const keys = ['a', 'a\0', 'a\0b', 'aa', 'b', 'é', '\uffee', '\u{1f600}'];
    await store.write(keys.toReversed().map((key) => put(key)));
    t.same(await keysOf(store, { prefix: '' }), keys);
    t.same(await keysOf(store, { prefix: '', reverse: true }), keys.toReversed());
    t.same(await keysOf(store, { prefix: 'a' }), ['a', 'a\0', 'a\0b', 'aa']);
    t.same(await keysOf(store, { prefix: 'a', after: 'a' }), ['a\0', 'a\0b', 'aa']);
  });

  void t.test('a prefix matches text as it is: no pattern characters', async (t) => {
    const store = await open(t);
    await store.write(['p%x', 'p_x', 'pax', 'p*x', 'P%x'].map((key) => put(key)));
    t.same(await keysOf(store, { prefix: 'p%' }), ['p%x']);
    t.same(await keysOf(store, { prefix: 'p_' }), ['p_x']);
  });

  void t.test('from is inclusive, after and before exclusive, limit and reverse apply last', async (t) => {
    const store = await open(t);
    await store.write(['p/1', 'p/2', 'p/3', 'p/4', 'q/1'].map((key) => put(key)));
    t.same(await keysOf(store, { prefix: 'p/', from: 'p/2' }), ['p/2', 'p/3', 'p/4']);
    t.same(await keysOf(store, { prefix: 'p/', after: 'p/2' }), ['p/3', 'p/4']);
    t.same(await keysOf(store, { prefix: 'p/', before: 'p/3' }), ['p/1', 'p/2']);
    t.same(await keysOf(store, { prefix: 'p/', limit: 2 }), ['p/1', 'p/2']);
    t.same(await keysOf(store, { prefix: 'p/', limit: 2, reverse: true }), ['p/4', 'p/3']);
    t.same(await keysOf(store, { prefix: 'p/', from: 'a' }), ['p/1', 'p/2', 'p/3', 'p/4']);
    t.same(await keysOf(store, { prefix: 'p/', before: 'z' }), ['p/1', 'p/2', 'p/3', 'p/4']);
    t.same(await keysOf(store, { prefix: 'p/', limit: 0 }), []);
    t.same(await keysOf(store, { prefix: 'p/', from: 'p/3', before: 'p/2' }), []);
    await t.rejects(store.list({ prefix: '', limit: -1 }), RangeError);
    await t.rejects(store.list({ prefix: '', limit: 1.5 }), RangeError);
  });

  void t.test('keysOnly leaves the values empty and nothing else', async (t) => {
    const store = await open(t);
    await store.write([put('a', 'value', clock + 5000)]);
    const full = (await store.list({ prefix: '' }))[0];
    const bare = (await store.list({ prefix: '', keysOnly: true }))[0];
    t.same({ ...full, value: null }, { ...bare, value: null });
    t.equal(bare?.value.byteLength, 0);
  });

  void t.test('an entry is gone at its expiresAt: not got, not listed, absent to checks', async (t) => {
    const store = await open(t);
    await store.write([put('a', 'short', clock + 1000), put('b', 'long', clock + 9000), put('c')]);
    clock += 999;
    t.equal((await store.get('a'))?.expiresAt, clock + 1);
    clock += 1;
    t.equal(await store.get('a'), undefined);
    t.same(await keysOf(store, { prefix: '' }), ['b', 'c']);
    t.equal((await store.write([put('a', 'again')], [{ key: 'a', revision: 0 }])).ok, true);
    t.notOk('expiresAt' in ((await store.get('a')) ?? {}));
  });

  void t.test('a put without expiry takes the old expiry away', async (t) => {
    const store = await open(t);
    await store.write([put('a', 'short', clock + 1000)]);
    await store.write([put('a', 'kept')]);
    clock += 2000;
    t.equal(text((await store.get('a'))?.value), 'kept');
  });

  void t.test('watch tells every later change under its prefix, in commit order', async (t) => {
    const store = await open(t);
    await store.write([put('p/before')]);
    const stop = new AbortController();
    const events = store.watch('p/', stop.signal)[Symbol.asyncIterator]();
    await Promise.all([store.write([put('p/1'), put('q/1')]), store.write([{ kind: 'delete', key: 'p/1' }])]);
    await store.write([put('p/2')], [{ key: 'p/2', revision: 99 }]);
    await store.write([put('p/3', 'three')]);
    const seen: ChangeEvent[] = [];
    for (let count = 0; count < 3; count += 1) {
      const next = await events.next();
      if (next.done !== true) seen.push(next.value);
    }
    t.same(
      seen.map((event) =>
        event.kind === 'put' ? ['put', event.entry.key, text(event.entry.value)] : [event.kind, event.key],
      ),
      [
        ['put', 'p/1', 'p/1'],
        ['delete', 'p/1'],
        ['put', 'p/3', 'three'],
      ],
    );
    const pending = events.next();
    stop.abort();
    t.equal((await pending).done, true);
    t.equal((await events.next()).done, true);
  });

  void t.test('a watch whose signal has aborted ends at once; close ends the others', async (t) => {
    const store = await open(t);
    const ended = store.watch('', AbortSignal.abort())[Symbol.asyncIterator]();
    t.equal((await ended.next()).done, true);
    const watching = store.watch('', new AbortController().signal)[Symbol.asyncIterator]();
    const pending = watching.next();
    await store.close();
    t.equal((await pending).done, true);
  });

  void t.test('a watcher that does not read is broken off, and holds up nobody', async (t) => {
    const store = await open(t);
    const slow = store.watch('', new AbortController().signal)[Symbol.asyncIterator]();
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 1000 }, (_, index) => store.write([put(`k${index}`)])));
    }
    await t.rejects(slow.next(), { code: 'ERR_STORE' });
    t.equal((await slow.next()).done, true);
    t.equal((await store.list({ prefix: 'k', keysOnly: true })).length, 1000);
  });
}

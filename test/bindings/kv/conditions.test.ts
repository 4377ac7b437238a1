import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import t from 'tap';
import type { Grant } from '#runtime/binding.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import type { Store } from '#bindings/store/store.ts';
import { grantOf } from '#test/contract/binding.ts';
import { temporaryStore } from '#test/support/store-files.ts';

interface Written {
  readonly ok: boolean;
  readonly version?: string;
}

interface Seen {
  readonly text: string;
  readonly metadata: unknown;
  readonly version: string;
}

async function put(grant: Grant, text: string, options: object = {}): Promise<Written> {
  const args = { key: 'k', ...options };
  return (await grant.call({ method: 'put', args, bytes: Buffer.from(text) })).value as Written;
}

async function get(grant: Grant): Promise<Seen | undefined> {
  const { value, bytes } = await grant.call({ method: 'get', args: { key: 'k' } });
  const head = value as Omit<Seen, 'text'> | null;
  return head === null ? undefined : { ...head, text: Buffer.from(bytes ?? []).toString() };
}

void t.test('kv: every write gives the value a version it never had', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const seen = new Set<string>();
  for (let round = 0; round < 10; round++) {
    const written = await put(grant, 'same');
    t.equal(written.ok, true);
    t.equal((await get(grant))?.version, written.version);
    seen.add(written.version ?? '');
    if (round % 3 === 0) await grant.call({ method: 'delete', args: { key: 'k' } });
  }
  t.equal(seen.size, 10);
});

void t.test('kv: a value that an older islet wrote has a version too', async (t) => {
  const store = temporaryStore(t);
  const stored = Buffer.from([1, 0, 2, ...Buffer.from('{}old')]);
  await store.write([{ kind: 'put', key: 'kv/default/shop%2FBOUND/k', value: stored }]);
  const grant = grantOf(createKvBinding(store));
  const found = await get(grant);
  t.match(found, { text: 'old', metadata: {}, version: String });
  t.equal((await put(grant, 'new', { ifVersion: found?.version })).ok, true);
});

void t.test('kv: ifVersion writes at that version and at no other', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const first = await put(grant, 'one', { metadata: 1 });
  const second = await put(grant, 'two', { metadata: 2, ifVersion: first.version });
  t.equal(second.ok, true);
  t.same(await put(grant, 'three', { metadata: 3, ifVersion: first.version }), { ok: false });
  t.same(await get(grant), { text: 'two', metadata: 2, version: second.version });
  const listed = await grant.call({ method: 'list', args: {} });
  t.match(listed.value, { keys: [{ name: 'k', metadata: 2 }] });
  await grant.call({ method: 'delete', args: { key: 'k' } });
  t.same(await put(grant, 'four', { ifVersion: second.version }), { ok: false }, 'not when it is gone');
  t.equal(await get(grant), undefined);
});

void t.test('kv: ifAbsent, or ifVersion null, writes only what is not there, or has expired', async (t) => {
  const clock = { ms: 1_700_000_000_000 };
  const now = (): number => clock.ms;
  const grant = grantOf(createKvBinding(temporaryStore(t, now), { now }));
  t.equal((await put(grant, 'one', { ifAbsent: true, expirationTtl: 60 })).ok, true);
  t.same(await put(grant, 'two', { ifAbsent: true }), { ok: false });
  t.same(await put(grant, 'two', { ifVersion: null }), { ok: false });
  t.equal((await get(grant))?.text, 'one');
  clock.ms += 60_000;
  t.equal((await put(grant, 'two', { ifVersion: null })).ok, true);
  t.equal((await put(grant, 'three', { ifAbsent: false })).ok, true, 'false is no condition');
});

void t.test('kv: of many conditional puts at once one wins', async (t) => {
  const binding = createKvBinding(temporaryStore(t));
  const grants = [
    grantOf(binding, 'shared', { function: 'a' }),
    grantOf(binding, 'shared', { function: 'b' }),
  ];
  const race = async (options: object): Promise<number> => {
    const all = Array.from({ length: 30 }, async (_, index) =>
      put(grants[index % 2] as Grant, String(index), options),
    );
    return (await Promise.all(all)).filter(({ ok }) => ok).length;
  };
  t.equal(await race({ ifAbsent: true }), 1);
  for (let round = 0; round < 3; round++) {
    const version = (await get(grants[0] as Grant))?.version;
    t.equal(await race({ ifVersion: version }), 1);
  }
});

void t.test('kv: a condition that is none is refused and writes nothing', async (t) => {
  const grant = grantOf(createKvBinding(temporaryStore(t)));
  const { version } = await put(grant, 'one');
  for (const ifVersion of [
    '',
    '0',
    '-1',
    '01',
    '1.0',
    '1e3',
    ' 1',
    'x',
    '9'.repeat(17),
    '9007199254740993',
  ]) {
    await t.rejects(put(grant, 'two', { ifVersion }), { code: 'ERR_KV_OPTION' }, ifVersion);
  }
  for (const ifVersion of [1, true, {}, []]) await t.rejects(put(grant, 'two', { ifVersion }), TypeError);
  for (const ifAbsent of [1, 'true', {}]) await t.rejects(put(grant, 'two', { ifAbsent }), TypeError);
  await t.rejects(put(grant, 'two', { ifVersion: version, ifAbsent: true }), { code: 'ERR_KV_OPTION' });
  t.equal((await get(grant))?.text, 'one');
});

void t.test('kv: random programs of conditional puts do what a model does', async (t) => {
  const step = fc.record({
    kind: fc.constantFrom('put', 'delete', 'ifAbsent', 'ifVersion', 'increment'),
    // Which of the versions seen so far; mostly the newest.
    back: fc.constantFrom(0, 0, 0, 1, 2),
    text: fc.constantFrom('0', '41', 'x', ''),
  });
  const store = temporaryStore(t);
  let runs = 0;
  await t.resolves(
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), (steps) => agrees(store, `run${runs++}`, steps)),
      { numRuns: 40 },
    ),
  );
});

interface Step {
  readonly kind: string;
  readonly back: number;
  readonly text: string;
}

async function agrees(store: Store, namespace: string, steps: readonly Step[]): Promise<boolean> {
  const grant = grantOf(createKvBinding(store), namespace);
  const versions: string[] = [];
  let model: { readonly text: string; readonly version: string } | undefined;
  const wrote = (text: string, written: Written): void => {
    model = { text, version: written.version ?? '' };
    versions.unshift(model.version);
  };
  for (const { kind, back, text } of steps) {
    const known = versions[back] ?? null;
    if (kind === 'delete') {
      await grant.call({ method: 'delete', args: { key: 'k' } });
      model = undefined;
    } else if (kind === 'increment') {
      const counts = model === undefined || /^\d+$/.test(model.text);
      const sum = Number(model?.text ?? 0) + 1;
      const written = await increment(grant);
      if ((written?.value === sum) !== counts) return false;
      if (written !== undefined) wrote(String(sum), { ok: true, version: written.version });
    } else {
      const holds: Readonly<Record<string, boolean>> = {
        put: true,
        ifAbsent: model === undefined,
        ifVersion: known === (model?.version ?? null),
      };
      const condition = { put: {}, ifAbsent: { ifAbsent: true }, ifVersion: { ifVersion: known } }[kind];
      const written = await put(grant, text, condition);
      if (written.ok !== holds[kind]) return false;
      if (written.ok) wrote(text, written);
    }
    const found = await get(grant);
    if (found?.text !== model?.text || found?.version !== model?.version) return false;
  }
  return true;
}

async function increment(grant: Grant): Promise<{ value: number; version: string } | undefined> {
  try {
    const { value } = await grant.call({ method: 'increment', args: { key: 'k' } });
    return value as { value: number; version: string };
  } catch {
    return undefined;
  }
}

import t from 'tap';
import type { Test } from 'tap';
import type { Answer } from '#runtime/binding.ts';
import type { Store } from '#bindings/store/store.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { attachmentOf, drained, grantOf } from '#test/contract/binding.ts';
import { asked, type AskedGrant } from '#test/support/asked.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const largest = 25 * 2 ** 20;

interface Pair {
  readonly one: AskedGrant;
  readonly other: AskedGrant;
  readonly ending: AbortController;
}

/** Two invocations of one deployment, the largest value under "a", a small one under "small". */
async function pair(t: Test): Promise<Pair> {
  const attachment = attachmentOf(createKvBinding(temporaryStore(t)));
  const ending = new AbortController();
  const grant = (invocationId: string, signal: AbortSignal): AskedGrant =>
    asked(attachment.grant({ invocationId, signal, origin: { depth: 0 } }));
  const one = grant('one', ending.signal);
  const other = grant('other', new AbortController().signal);
  await one.call({ method: 'put', args: { key: 'a' }, bytes: new Uint8Array(largest) });
  await one.call({ method: 'put', args: { key: 'small' }, bytes: new Uint8Array(1) });
  return { one, other, ending };
}

const get = (grant: AskedGrant, key = 'a'): Promise<Answer> => grant.call({ method: 'get', args: { key } });
const cancel = (answer: Answer | undefined): unknown => answer?.stream?.[Symbol.asyncIterator]().return?.();

void t.test('kv: five of the largest values are held at once, the sixth reader waits its turn', async (t) => {
  const { one, other } = await pair(t);
  const held = await Promise.all(Array.from({ length: 5 }, () => get(one)));
  let answered = false;
  const sixth = get(other).then((answer) => {
    answered = true;
    return answer;
  });
  t.ok((await get(other, 'small')).bytes, 'small values do not wait');
  t.equal(answered, false);
  await cancel(held[0]);
  t.equal((await drained(await sixth))?.length, largest);
  for (const answer of held) await cancel(answer);
});

void t.test('kv: a get of many keys stops reading at the value that is too much', async (t) => {
  let read = 0;
  const store = temporaryStore(t);
  const counted: Store = {
    get: async (key) => {
      const entry = await store.get(key);
      read += entry?.value.length ?? 0;
      return entry;
    },
    list: (range) => store.list(range),
    write: (changes, checks) => store.write(changes, checks),
    watch: (prefix, signal) => store.watch(prefix, signal),
    close: () => store.close(),
  };
  const grant = grantOf(createKvBinding(counted));
  for (const key of ['a', 'b'])
    await grant.call({ method: 'put', args: { key }, bytes: new Uint8Array(largest / 2) });
  const keys = ['a', 'b', ...Array.from({ length: 98 }, () => 'a')];
  await t.rejects(grant.call({ method: 'getMany', args: { keys } }), { code: 'ERR_KV_VALUE' });
  t.ok(read < largest * 2, `${read} bytes were read`);
  const most = await grant.call({ method: 'getMany', args: { keys: ['a', 'b', 'none'] } });
  t.equal((await drained(most))?.length, largest);
});

void t.test(
  'kv: what an ended invocation held is free, and its own waiting readers are let go',
  async (t) => {
    const { one, other, ending } = await pair(t);
    const held = await Promise.all(Array.from({ length: 5 }, () => get(one)));
    const own = get(one);
    const next = get(other);
    await new Promise((resolve) => setImmediate(resolve));
    ending.abort();
    await t.rejects(own, { code: 'ERR_CLOSING' });
    t.equal((await drained(await next))?.length, largest);
    t.equal((await drained(held[0] ?? {}))?.length, 0, 'its streams have ended');
  },
);

void t.test(
  'kv: five streamed puts are gathered at once, the sixth is not read before its turn',
  async (t) => {
    const { one, other } = await pair(t);
    const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
    async function* gated(gate: Promise<void>): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      await gate;
    }
    const put = (grant: AskedGrant, key: string, stream: AsyncIterable<Uint8Array>): Promise<Answer> =>
      grant.call({ method: 'put', args: { key }, stream });
    const five = gates.map((gate, index) => put(one, `k${index}`, gated(gate.promise)));
    let isRead = false;
    async function* sixth(): AsyncGenerator<Uint8Array> {
      isRead = true;
      yield new Uint8Array(3);
    }
    const waiting = put(other, 'sixth', sixth());
    await get(other, 'small');
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(isRead, false);
    for (const gate of gates) gate.resolve();
    await Promise.all([...five, waiting]);
    t.equal((await drained(await get(other, 'sixth')))?.length, 3);
  },
);

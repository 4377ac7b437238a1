import t from 'tap';
import type { Test } from 'tap';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { Operations } from '#host/dispatch/operations.ts';
import { HostError } from '#runtime/errors.ts';
import { In } from '#runtime/guest/protocol.ts';
import { attachmentOf } from '#test/contract/binding.ts';
import { temporaryStore } from '#test/support/store-files.ts';

const none = new Uint8Array(0);

interface Opened {
  readonly operations: Operations;
  /** What was sent to the guest, as the JSON after kind and invocation. */
  readonly sent: string[];
  readonly failures: unknown[];
  /** Starts one operation without body. */
  ask(op: number, method: string, args: unknown, binding?: string): void;
  /** All that was asked for is done. */
  settled(): Promise<void>;
}

function open(t: Test): Opened {
  const store = temporaryStore(t);
  const attachment = attachmentOf(createKvBinding(store));
  const odd = {
    grant: () => ({
      call: ({ method }: { readonly method: string }) => {
        if (method === 'throws') throw new HostError('ERR_CONFLICT', 'Cannot do it');
        return { value: 1n };
      },
    }),
  };
  const sent: string[] = [];
  const failures: unknown[] = [];
  const operations = new Operations({
    id: 'id',
    subrequests: 50,
    origin: { depth: 0 },
    request: undefined,
    attachment: (name) => (name === 'KV' ? attachment : name === 'ODD' ? odd : undefined),
    renews: () => false,
    exceeded: () => sent.push('exceeded'),
    redact: (text) => text,
    failed: (error) => failures.push(error),
    send: (kind, rest) => {
      if (kind === In.Answer) sent.push(rest);
    },
  });
  const ask: Opened['ask'] = (op, method, args, binding = 'KV') =>
    operations.start([op, binding, method, args, 0, -1, 0], none);
  const settled = async (): Promise<void> => {
    // It is answered after the writes before it; what waits for those follows within the turn.
    await store.write([]);
    await new Promise((resolve) => void setImmediate(resolve));
  };
  return { operations, sent, failures, ask, settled };
}

void t.test('operations: what is at hand is answered in the turn in which it was asked for', async (t) => {
  const { sent, ask, settled } = open(t);
  ask(2, 'put', { key: 'a', text: 'one' });
  t.same(sent, [], 'a write waits for its commit');
  await settled();
  t.match(sent, ['2,1,{"ok":true,"version":"1"},0,-1,0']);
  ask(4, 'get', { key: 'a', text: true });
  ask(6, 'get', { key: 'b' });
  t.same(sent.slice(1), ['4,1,{"metadata":null,"version":"1","text":"one"},0,-1,0', '6,1,null,0,-1,0']);
});

void t.test('operations: what fails at once, or later, is told with its code', async (t) => {
  const { sent, failures, ask, settled } = open(t);
  ask(2, 'get', { key: '' });
  ask(4, 'put', { key: 'a', text: 1 });
  ask(6, 'throws', {}, 'ODD');
  ask(8, 'get', {}, 'OTHER');
  await settled();
  const told = sent.map(
    (line) => JSON.parse(`[${line}]`) as [number, number, { name: string; code?: string }],
  );
  t.same(
    told
      .map(([op, ok, { name, code }]) => [op, ok, code ?? name])
      .sort((a, b) => Number(a[0]) - Number(b[0])),
    [
      [2, 0, 'ERR_KV_KEY'],
      [4, 0, 'TypeError'],
      [6, 0, 'ERR_CONFLICT'],
      [8, 0, 'TypeError'],
    ],
  );
  t.same(failures, []);
});

void t.test('operations: an answer that is no JSON is logged, and its number is free again', async (t) => {
  const { sent, failures, ask } = open(t);
  ask(2, 'big', {}, 'ODD');
  t.equal(failures.length, 1);
  ask(2, 'get', { key: 'a' });
  t.same(sent, ['2,1,null,0,-1,0']);
});

void t.test('operations: once the invocation is over nothing more is said, at once or later', async (t) => {
  const { operations, sent, ask, settled } = open(t);
  ask(2, 'put', { key: 'a', text: 'one' });
  operations.close();
  ask(4, 'get', { key: 'a' });
  await settled();
  t.same(sent, []);
});

import { createHash } from 'node:crypto';
import t from 'tap';
import type { InstanceWatcher } from '#runtime/engine.ts';
import { digestCpuMs } from '#test/support/services.ts';
import { createInvocation, type Invocation } from '#runtime/isolate/invocations.ts';
import { Output } from '#runtime/isolate/output.ts';
import { ServiceDesk } from '#runtime/isolate/services/desk.ts';

const MiB = 2 ** 20;

interface Pushed {
  readonly head: readonly unknown[];
  readonly bytes: Uint8Array;
}

interface Desk {
  readonly found: Invocation;
  readonly pushed: readonly Pushed[];
  /** The guest asks for a digest of so many zeros, as operation `op`. */
  ask(op: number, algorithm: unknown, bytes?: number): void;
  end(): void;
  answers(count: number): Promise<void>;
}

/** The output of an isolate with one invocation, number 1. */
function desk(cpuMs: number): Desk {
  const found = createInvocation(1);
  const pushed: Pushed[] = [];
  let alive = true;
  const watcher: InstanceWatcher = {
    line: (_invocation, letter) => t.fail(`a line ${letter} went to the host`),
    answered: () => t.fail('answered'),
    ended: () => t.fail('ended'),
    unhealthy: () => t.fail('unhealthy'),
    condemned: () => t.fail('condemned'),
  };
  const output = new Output({
    watcher,
    logBytes: 0,
    desk: new ServiceDesk({ cpuMs, isOpen: () => alive }),
    find: (invocation) => (alive && invocation === 1 ? found : undefined),
    push: (_invocation, text, bytes) => pushed.push({ head: JSON.parse(text) as unknown[], bytes }),
  });
  return {
    found,
    pushed,
    ask(op, algorithm, bytes = 0) {
      const operation = JSON.stringify([op, '', 'digest', [algorithm], 0, bytes, 0]);
      output.receive(`O1 ${operation}`, new ArrayBuffer(bytes));
    },
    end: () => {
      alive = false;
    },
    async answers(count) {
      while (pushed.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    },
  };
}

void t.test('digest: what fits the budget is charged and answered', async (t) => {
  for (const algorithm of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] as const) {
    const costMs = digestCpuMs(algorithm, MiB);
    const { ask, answers, found, pushed } = desk(costMs);
    ask(2, algorithm, MiB);
    t.equal(found.cpuMs, costMs);
    await answers(1);
    const expected = createHash(algorithm.replace('-', '')).update(new Uint8Array(MiB)).digest();
    t.same(pushed[0]?.head, [6, 1, 2, 1, null, 0, expected.length, 0]);
    t.same(Buffer.from(pushed[0]?.bytes ?? []).toString('hex'), expected.toString('hex'));
    t.equal(found.over, undefined);
  }
});

void t.test('digest: what does not fit is refused before it is done, and the budget is spent', async (t) => {
  const costMs = digestCpuMs('SHA-256', MiB);
  const { ask, found, pushed } = desk(costMs * 2.5);
  for (const op of [2, 4, 6]) ask(op, 'SHA-256', MiB);
  t.equal(found.over, 'cpuMs');
  t.match(pushed, [{ head: [6, 1, 6, 0, { name: 'OperationError' }] }], 'refused at once');
});

void t.test('digest: a byte more costs more, and none is not free', async (t) => {
  const [none, one, two] = [0, MiB, 2 * MiB].map((bytes) => digestCpuMs('SHA-512', bytes));
  t.ok((none ?? 0) > 0);
  t.ok((one ?? 0) > (none ?? 0));
  t.ok((two ?? 0) - (one ?? 0) > ((one ?? 0) - (none ?? 0)) * 0.99);
  const { ask, found } = desk(1);
  for (let op = 0; found.over === undefined && op < 100_000; op++) ask(op, 'SHA-1');
  t.equal(found.over, 'cpuMs', 'a flood of empty ones spends a budget too');
});

void t.test('digest: answers come in the order asked', async (t) => {
  const { ask, answers, pushed } = desk(1e9);
  // The first takes longest: without order the others would overtake it.
  const sizes = [8 * MiB, 10, 0, 1000];
  for (const [op, bytes] of sizes.entries()) ask(op, 'SHA-512', bytes);
  await answers(sizes.length);
  t.same(
    pushed.map(({ head }) => head[2]),
    [0, 1, 2, 3],
  );
});

void t.test(
  'digest: one under way ends without a word when its invocation is over, the next never begins',
  async (t) => {
    const { ask, pushed, end } = desk(1e9);
    ask(2, 'SHA-1', MiB);
    ask(4, 'SHA-1', MiB);
    end();
    const other = desk(1e9);
    for (let op = 0; op < 3; op++) other.ask(op, 'SHA-1', MiB);
    await other.answers(3);
    t.equal(pushed.length, 0);
  },
);

void t.test('digest: an algorithm that is none is refused and costs nothing', async (t) => {
  const { ask, found, pushed } = desk(1);
  for (const algorithm of ['MD5', '', 7, null, ['SHA-1'], '__proto__', 'constructor']) ask(2, algorithm, 10);
  t.equal(pushed.length, 7);
  for (const { head } of pushed) t.match(head, [6, 1, 2, 0, { name: 'NotSupportedError' }]);
  t.equal(found.cpuMs, 0);
});

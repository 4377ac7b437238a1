import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import t from 'tap';
import type { Grant } from '#runtime/binding.ts';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { grantOf } from '#test/contract/binding.ts';
import { call, put } from '#test/support/kv-calls.ts';
import { isLinearizable } from '#test/support/linearizability.ts';
import type { Event, Register } from '#test/support/linearizability.ts';
import { temporaryStore } from '#test/support/store-files.ts';

type Op =
  | { readonly kind: 'get' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'increment' }
  | { readonly kind: 'put'; readonly text: string; readonly ifVersion?: string | null };

/** `version` null: it was not there; undefined: a condition failed, or nothing could be counted. */
interface Result {
  readonly text?: string;
  readonly version?: string | null;
}

interface Held {
  readonly text: string;
  readonly version: string | null;
}

/**
 * A key of KV as a register. Versions come from the results: increments that share a write share its version, and that no
 * put has a version that was there before is checked by the test.
 */
const kvRegister: Register<Held, Op, Result> = {
  initial: { text: '', version: null },
  step(state, op, { text, version }) {
    if (op.kind === 'get')
      return version === state.version && (version === null || text === state.text) ? state : undefined;
    if (op.kind === 'delete') return { text: '', version: null };
    const wrote = typeof version === 'string';
    if (op.kind === 'increment') {
      const number = state.version === null ? '0' : state.text;
      const counts = /^\d+$/.test(number);
      if (wrote !== counts || (wrote && text !== String(Number(number) + 1))) return undefined;
      return wrote ? { text: text ?? '', version } : state;
    }
    const holds = op.ifVersion === undefined || op.ifVersion === state.version;
    if (holds !== wrote) return undefined;
    return wrote ? { text: op.text, version } : state;
  },
  identify: ({ text, version }) => `${version} ${text}`,
};

type History = Event<Op, Result>[];

const event = (began: number, ended: number, op: Op, result: Result): History[number] => ({
  began,
  ended,
  op,
  result,
});
const putOf = (text: string): Op => ({ kind: 'put', text });
const get: Op = { kind: 'get' };

void t.test('linearizability: the checker takes good histories', async (t) => {
  t.ok(isLinearizable([], kvRegister));
  const overlapping = [
    event(1, 4, putOf('a'), { version: '1' }),
    event(2, 3, get, { version: null }),
    event(5, 8, putOf('b'), { version: '2' }),
    event(6, 7, get, { text: 'b', version: '2' }),
    event(9, 10, { kind: 'delete' }, {}),
    event(11, 12, { kind: 'increment' }, { text: '1', version: '3' }),
  ];
  t.ok(isLinearizable(overlapping, kvRegister));
});

void t.test('linearizability: the checker refuses bad histories', async (t) => {
  const wrote = event(1, 2, putOf('a'), { version: '1' });
  const again = event(3, 4, putOf('b'), { version: '2' });
  const bad: Readonly<Record<string, History>> = {
    'a stale read': [wrote, again, event(5, 6, get, { text: 'a', version: '1' })],
    'a read of what nobody wrote': [wrote, event(3, 4, get, { text: 'x', version: '9' })],
    'a lost write': [wrote, event(3, 4, get, { version: null })],
    'two reads that go back': [
      event(1, 9, putOf('a'), { version: '1' }),
      event(2, 3, get, { text: 'a', version: '1' }),
      event(4, 5, get, { version: null }),
    ],
    'a lost update': [
      event(1, 4, { kind: 'increment' }, { text: '1', version: '1' }),
      event(2, 3, { kind: 'increment' }, { text: '1', version: '2' }),
    ],
    'two winners of one condition': [
      wrote,
      event(3, 6, { kind: 'put', text: 'x', ifVersion: '1' }, { version: '2' }),
      event(4, 5, { kind: 'put', text: 'y', ifVersion: '1' }, { version: '3' }),
    ],
    'a condition that failed without reason': [
      wrote,
      event(3, 4, { kind: 'put', text: 'x', ifVersion: '1' }, {}),
    ],
  };
  for (const [name, history] of Object.entries(bad)) t.notOk(isLinearizable(history, kvRegister), name);
});

/** One client: its operations one after the other, with pauses between them. */
interface Client {
  readonly steps: readonly { readonly kind: string; readonly pause: number }[];
}

function toOp(kind: string, text: string, ifVersion: string | null): Op {
  if (kind === 'put') return { kind, text };
  if (kind === 'cas') return { kind: 'put', text, ifVersion };
  if (kind === 'get' || kind === 'delete') return { kind };
  return { kind: 'increment' };
}

async function perform(grant: Grant, key: string, op: Op): Promise<Result> {
  if (op.kind === 'get') {
    const { value, text } = await call(grant, 'get', { key });
    return value === null
      ? { version: null }
      : { text: text ?? '', version: (value as { version: string }).version };
  }
  if (op.kind === 'delete') {
    await call(grant, 'delete', { key });
    return {};
  }
  if (op.kind === 'put') {
    const condition = op.ifVersion === undefined ? {} : { ifVersion: op.ifVersion };
    return { version: await put(grant, key, op.text, condition) };
  }
  try {
    const counted = await call(grant, 'increment', { key });
    const { value, version } = counted.value as { readonly value: number; readonly version: string };
    return { text: String(value), version };
  } catch {
    return {};
  }
}

async function commitIncrement(grant: Grant, key: string): Promise<Result> {
  try {
    const { value } = await call(grant, 'commit', { writes: [{ key, increment: 1 }] });
    const { sums, versions } = value as {
      readonly sums: readonly number[];
      readonly versions: readonly string[];
    };
    return { text: String(sums[0]), version: versions[0] ?? null };
  } catch {
    return {};
  }
}

void t.test(
  'kv: concurrent histories of every key are linearizable, and no version comes twice',
  async (t) => {
    const binding = createKvBinding(temporaryStore(t));
    const step = fc.record({
      kind: fc.constantFrom('get', 'get', 'put', 'put', 'cas', 'cas', 'delete', 'increment', 'commit'),
      pause: fc.constantFrom(-1, -1, 0, 1),
    });
    const clients = fc.array(fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 6 }) }), {
      minLength: 2,
      maxLength: 4,
    });
    let run = 0;
    let overlaps = 0;
    const versions = new Set<string>();
    const runClients = async (all: readonly Client[]): Promise<boolean> => {
      const key = `k${run++}`;
      const history: History = [];
      let clock = 0;
      let seen = 0;
      const work = async ({ steps }: Client, index: number): Promise<void> => {
        const grant = grantOf(binding, 'shared', { function: `f${index}` });
        let known: string | null = null;
        for (const { kind, pause } of steps) {
          const text = String(seen++ * 7);
          const op = toOp(kind, text, known);
          const began = clock++;
          const result: Result = await (kind === 'commit'
            ? commitIncrement(grant, key)
            : perform(grant, key, op));
          const ended = clock++;
          if (ended - began > 1) overlaps++;
          history.push({ began, ended, op, result });
          if (op.kind === 'get' || typeof result.version === 'string') known = result.version ?? null;
          if (op.kind === 'put' && typeof result.version === 'string') {
            if (versions.has(result.version)) throw new Error(`version ${result.version} came twice`);
            versions.add(result.version);
          }
          if (pause >= 0) await sleep(pause);
        }
      };
      await Promise.all(all.map(work));
      return isLinearizable(history, kvRegister);
    };
    await t.resolves(fc.assert(fc.asyncProperty(clients, runClients), { numRuns: 120 }));
    t.ok(overlaps > 200, `${overlaps} operations overlapped others`);
  },
);

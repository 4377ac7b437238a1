import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import t from 'tap';
import { KvModel } from '#test/support/kv-model.ts';
import type { KvReply, KvRequest } from '#test/support/kv-process.ts';
import { temporaryDir } from '#test/support/store-files.ts';

const program = fileURLToPath(new URL('../../support/kv-process.ts', import.meta.url));

/** KV in a process of its own, to be asked and to be killed. */
class Remote {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: KvReply | undefined) => void>();
  #next = 0;

  static async open(path: string): Promise<Remote> {
    const child = spawn(process.execPath, [program, path], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return new Remote(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: KvReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
    child.on('close', () => {
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
    });
  }

  /** Undefined when it was killed before it answered. */
  async ask(request: Omit<KvRequest, 'id'>): Promise<KvReply | undefined> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.send({ id, ...request } satisfies KvRequest);
    });
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

const key = fc.constantFrom('a', 'b', 'c/1', '\u{10000}');
const text = fc.constantFrom('', '0', '41', 'x', 'ü'.repeat(30));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      text,
      ttl: fc.option(fc.constantFrom(60, 90, 120), { nil: undefined }),
      metadata: fc.option(fc.constantFrom(1, { m: 'ä' }), { nil: undefined }),
      when: fc.constantFrom('always' as const, 'absent' as const, 'same' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('increment' as const), key, delta: fc.constantFrom(1, -3) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      checked: key,
      held: fc.boolean(),
      text,
      counted: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('sleep' as const), seconds: fc.constantFrom(30, 60) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      writes: fc.integer({ min: 1, max: 40 }),
      wait: fc.nat({ max: 40 }),
      under: fc.constantFrom('put', 'expire', 'delete', 'absent', 'increment', 'commit' as const),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** One random program, on a file of its own. */
class Program {
  readonly #path: string;
  #remote: Remote;
  #model = new KvModel(1_700_000_000_000);

  static async open(path: string): Promise<Program> {
    return new Program(path, await Remote.open(path));
  }

  private constructor(path: string, remote: Remote) {
    this.#path = path;
    this.#remote = remote;
  }

  async run(steps: readonly Step[]): Promise<boolean> {
    try {
      for (const step of steps)
        if (!(await this.#step(step)) || !(await this.#agrees(this.#model))) return false;
      return true;
    } finally {
      await this.#remote.kill();
    }
  }

  async #step(step: Step): Promise<boolean> {
    switch (step.kind) {
      case 'put':
        return this.#put(step);
      case 'delete':
        this.#model.delete(step.key);
        return (await this.#ask('delete', { key: step.key })).code === undefined;
      case 'increment':
        return this.#increment(step.key, step.delta);
      case 'commit':
        return this.#commit(step);
      case 'sleep':
        this.#model.nowMs += step.seconds * 1000;
        return true;
      case 'crash':
        return this.#crash(step);
    }
  }

  async #put({ key, text, ttl, metadata, when }: Step & { kind: 'put' }): Promise<boolean> {
    const held = this.#model.get(key);
    const condition = { always: {}, absent: { ifAbsent: true }, same: { ifVersion: held?.version ?? null } }[
      when
    ];
    const reply = await this.#ask('put', { key, expirationTtl: ttl, metadata, ...condition }, text);
    const { ok, version } = reply.value as { readonly ok: boolean; readonly version: string };
    if (ok !== (when !== 'absent' || held === undefined)) return false;
    if (!ok) return true;
    this.#model.put(key, text, { ttl, metadata });
    this.#model.learn(key, version);
    return version !== held?.version;
  }

  async #increment(key: string, delta: number): Promise<boolean> {
    const sum = this.#model.increment(key, delta);
    const reply = await this.#ask('increment', { key, delta });
    if (sum === undefined) return reply.code === 'ERR_KV_VALUE';
    const { value, version } = reply.value as { readonly value: number; readonly version: string };
    this.#model.learn(key, version);
    return value === sum;
  }

  async #commit({ checked, held, text, counted }: Step & { kind: 'commit' }): Promise<boolean> {
    const version = this.#model.get(checked)?.version ?? null;
    const checks = [{ key: checked, version: held ? version : version === null ? '1' : null }];
    const count = counted ? [{ key: 'n', increment: 2 }] : [];
    const writes = [{ key: 'a', value: text }, { key: 'b', delete: true }, ...count];
    const reply = await this.#ask('commit', { checks, writes });
    const value = reply.value as {
      readonly ok: boolean;
      readonly failed?: string;
      readonly versions: readonly string[];
    };
    if (!held) return !value.ok && value.failed === checked;
    this.#model.put('a', text);
    this.#model.learn('a', value.versions[0] ?? '');
    this.#model.delete('b');
    if (counted) this.#model.increment('n', 2);
    if (counted) this.#model.learn('n', value.versions[2] ?? '');
    return value.ok;
  }

  /**
   * Writes without waiting, all of one kind, and the kill comes in the middle. What is there afterwards is what the first so
   * many of them make, all that were acknowledged among them.
   */
  async #crash({ writes, wait, under }: Step & { kind: 'crash' }): Promise<boolean> {
    const states = [this.#model];
    let acknowledged = 0;
    const asked: Promise<void>[] = [];
    const reached = Promise.withResolvers<void>();
    for (let index = 0; index < writes; index++) {
      const next = (states.at(-1) ?? this.#model).copy();
      const reply = this.#write(under, { index, next });
      states.push(next);
      asked.push(
        reply.then((answer) => {
          if (answer === undefined) return;
          acknowledged++;
          if (acknowledged >= Math.min(wait, writes)) reached.resolve();
        }),
      );
    }
    if (wait > 0) await reached.promise;
    await this.#remote.kill();
    await Promise.all(asked);
    this.#remote = await Remote.open(this.#path);
    for (const state of states.slice(acknowledged)) {
      if (!(await this.#agrees(state))) continue;
      this.#model = state;
      return this.#learnAll();
    }
    return false;
  }

  /** One of many writes under way: as the model has it in `next`, and asked for. */
  #write(
    under: (Step & { kind: 'crash' })['under'],
    { index, next }: { readonly index: number; readonly next: KvModel },
  ): Promise<KvReply | undefined> {
    const [text, key] = [String(index), ['a', 'b', 'c/1'][index % 3] ?? ''];
    switch (under) {
      case 'put':
        next.put(key, text);
        return this.#tryAsk('put', { key }, text);
      case 'expire':
        next.put(key, text, { ttl: 60, metadata: index });
        return this.#tryAsk('put', { key, expirationTtl: 60, metadata: index }, text);
      case 'delete':
        // Every second one has something to delete.
        if (index % 2 === 1) {
          next.delete('a');
          return this.#tryAsk('delete', { key: 'a' });
        }
        next.put('a', text);
        return this.#tryAsk('put', { key: 'a' }, text);
      case 'absent':
        if (next.get('once') === undefined) next.put('once', text);
        return this.#tryAsk('put', { key: 'once', ifAbsent: true }, text);
      case 'increment':
        next.increment('sum', 1);
        return this.#tryAsk('increment', { key: 'sum', delta: 1 });
      case 'commit': {
        for (const each of ['a', 'c/1']) next.put(each, text);
        next.delete('b');
        next.increment('sum', 1);
        const puts = ['a', 'c/1'].map((each) => ({ key: each, value: text }));
        const writes = [...puts, { key: 'b', delete: true }, { key: 'sum', increment: 1 }];
        return this.#tryAsk('commit', { writes });
      }
    }
  }

  /** What `list` with values says, held against the model. */
  async #agrees(model: KvModel): Promise<boolean> {
    const reply = await this.#ask('list', { values: true });
    const { keys } = reply.value as { readonly keys: readonly Record<string, unknown>[] };
    const expected = model.list();
    const texts = expected.map(({ held }) => held.text).join('');
    if (keys.length !== expected.length || (reply.text ?? '') !== texts) return false;
    return expected.every(({ name, held }, index) => {
      const listed = keys[index] ?? {};
      return (
        listed['name'] === name &&
        listed['expiration'] === held.expiration &&
        JSON.stringify(listed['metadata'] ?? null) === JSON.stringify(held.metadata) &&
        (held.version === undefined || listed['version'] === held.version)
      );
    });
  }

  async #learnAll(): Promise<boolean> {
    const reply = await this.#ask('list', { values: true });
    const { keys } = reply.value as {
      readonly keys: readonly { readonly name: string; readonly version: string }[];
    };
    for (const { name, version } of keys) this.#model.learn(name, version);
    return true;
  }

  async #ask(method: string, args: object, body?: string): Promise<KvReply> {
    const reply = await this.#tryAsk(method, args, body);
    if (reply === undefined) throw new Error(`the process ended at ${method}`);
    return reply;
  }

  /** Undefined when it was killed first. */
  #tryAsk(method: string, args: object, body?: string): Promise<KvReply | undefined> {
    return this.#remote.ask({
      nowMs: this.#model.nowMs,
      method,
      args,
      ...(body === undefined ? {} : { body }),
    });
  }
}

void t.test('kv: random programs end as the model says, through kill -9 and expiry', async (t) => {
  const dir = temporaryDir(t);
  let run = 0;
  await t.resolves(
    fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 30 }), async (steps) => {
        const program = await Program.open(join(dir, `${run++}.db`));
        return program.run(steps);
      }),
      { numRuns: 8, endOnFailure: true },
    ),
  );
});

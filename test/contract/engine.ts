import type { Test } from 'tap';
import type { Engine, Instance, InstanceEnd, InstanceWatcher, StartProblem } from '#runtime/engine.ts';
import { StartFailure } from '#runtime/engine.ts';
import { defaultLimits, type Limits } from '#runtime/limits.ts';

/** The same guests for every engine: each gives code for what its name says. */
export interface EngineGuests {
  /** Answers a request with 200 and "hello". */
  readonly hello: string;
  /** Loops for ever when asked for /loop, answers "hello" otherwise. */
  readonly loops: string;
  /** Its top level throws an Error "boom". */
  readonly throwsAtStart: string;
  /** Its top level loops for ever. */
  readonly loopsAtStart: string;
}

interface Heard {
  readonly lines: string[];
  readonly ends: Map<number, InstanceEnd>;
  unhealthy: number;
  ended(invocation: number): Promise<InstanceEnd>;
  readonly watcher: InstanceWatcher;
}

function listen(): Heard {
  const waiting = new Map<number, (end: InstanceEnd) => void>();
  const ends = new Map<number, InstanceEnd>();
  const lines: string[] = [];
  const heard: Heard = {
    lines,
    ends,
    unhealthy: 0,
    ended: (invocation) => {
      const end = ends.get(invocation);
      if (end !== undefined) return Promise.resolve(end);
      return new Promise((resolve) => waiting.set(invocation, resolve));
    },
    watcher: {
      line: (invocation, letter, json) => lines.push(`${letter}${invocation} ${json}`),
      ended: (invocation, end) => {
        ends.set(invocation, end);
        waiting.get(invocation)?.(end);
      },
      answered: (invocation, json, _bytes, end) => {
        lines.push(`A${invocation} ${json}`);
        heard.watcher.ended(invocation, end);
      },
      unhealthy: () => heard.unhealthy++,
      condemned: () => undefined,
    },
  };
  return heard;
}

const head = JSON.stringify({
  function: 'contract',
  version: 1,
  memoryMb: 64,
  vars: {},
  bindings: [],
  agent: 'islet/test',
});

/** Laws every engine obeys, over the engine contract alone: no cell, no host. */
export function engineContract(t: Test, open: () => Promise<Engine>, guests: EngineGuests): void {
  const start = async (
    engine: Engine,
    source: string,
    limits: Partial<Limits> = {},
  ): Promise<{ heard: Heard; instance: Instance }> => {
    const heard = listen();
    const { instance } = await engine.start(
      { source, head, limits: { ...defaultLimits, ...limits } },
      heard.watcher,
    );
    return { heard, instance };
  };
  const problemOf = async (started: Promise<unknown>): Promise<StartProblem | undefined> => {
    try {
      await started;
      return undefined;
    } catch (error) {
      return error instanceof StartFailure ? error.problem : undefined;
    }
  };
  const law = (name: string, body: (t: Test, engine: Engine) => Promise<void>): void => {
    void t.test(`engine: ${name}`, async (t) => {
      const engine = await open();
      t.teardown(() => {
        engine.close();
      });
      await body(t, engine);
    });
  };

  law('a request is answered and ends once', async (t, engine) => {
    const { heard, instance } = await start(engine, guests.hello);
    instance.begin(1, request(1, '/'), new Uint8Array());
    const end = await heard.ended(1);
    t.equal(end.cause, 'finished');
    t.ok(end.cpuMs > 0, 'its CPU is counted');
    t.ok(end.peakBytes > 0, 'its memory is measured');
    t.match(heard.lines, [/^A1 \[200,/]);
    t.equal(instance.inFlight, 0);
    instance.dispose();
  });

  law('many invocations share an instance', async (t, engine) => {
    const { heard, instance } = await start(engine, guests.hello);
    for (let i = 1; i <= 200; i++) instance.begin(i, request(i, '/'), new Uint8Array());
    for (let i = 1; i <= 200; i++) t.equal((await heard.ended(i)).cause, 'finished');
    instance.dispose();
  });

  law('an endless loop ends with its budget, and the instance is given up', async (t, engine) => {
    const { heard, instance } = await start(engine, guests.loops, { cpuMs: 30 });
    instance.begin(1, request(1, '/loop'), new Uint8Array());
    t.equal((await heard.ended(1)).cause, 'cpuMs');
    t.equal(heard.unhealthy, 1);
    instance.dispose();
  });

  law('invocations of a disposed instance end as lost, later ones too', async (t, engine) => {
    const { heard, instance } = await start(engine, guests.hello);
    instance.begin(1, request(1, '/'), new Uint8Array());
    instance.dispose();
    t.equal((await heard.ended(1)).cause, 'instance');
    instance.begin(2, request(2, '/'), new Uint8Array());
    t.equal((await heard.ended(2)).cause, 'instance');
  });

  law('a dropped invocation is silent', async (t, engine) => {
    const { heard, instance } = await start(engine, guests.hello);
    instance.begin(1, request(1, '/'), new Uint8Array());
    instance.drop(1);
    instance.begin(2, request(2, '/'), new Uint8Array());
    await heard.ended(2);
    t.equal(heard.ends.has(1), false);
    t.equal(heard.lines.filter((line) => line.startsWith('A1 ')).length, 0);
    instance.dispose();
  });

  law('a top level that throws or never ends is a start that failed, with its reason', async (t, engine) => {
    t.match(await problemOf(start(engine, guests.throwsAtStart)), {
      kind: 'threw',
      error: { message: 'boom' },
    });
    t.match(await problemOf(start(engine, guests.loopsAtStart, { startupCpuMs: 50 })), {
      kind: 'exceeded',
      limit: 'startupCpuMs',
    });
    const { heard, instance } = await start(engine, guests.hello);
    instance.begin(1, request(1, '/'), new Uint8Array());
    t.equal((await heard.ended(1)).cause, 'finished', 'the engine goes on');
    instance.dispose();
  });
}

function request(invocation: number, path: string): string {
  const message = {
    m: 'GET',
    u: `http://contract${path}`,
    h: [],
    b: 0,
    id: `id-${invocation}`,
    d: Date.now() + 30_000,
  };
  return `[0,${invocation},${JSON.stringify(message)},0,0]`;
}

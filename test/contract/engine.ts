import type { Test } from 'tap';
import { In } from '#runtime/guest/protocol.ts';
import { StartFailure, type Engine, type InstanceSpec, type StartProblem } from '#runtime/engine.ts';
import { defaultLimits, type Limits } from '#runtime/limits.ts';
import { Listener } from '#test/support/engine-listener.ts';
import { answerTo, laws, nothing, request, type Running } from './engine-laws.ts';
import { Referee } from './engine-referee.ts';

/** What a spec says beside head and limits: the code. */
export type CodeOf<Spec extends InstanceSpec> = Omit<Spec, 'head' | 'limits'>;

/** The same guests for every engine. */
export interface EngineGuests<Spec extends InstanceSpec> {
  /**
   * Does what the first letter of the path says:
   *   /   answers 200 and "hello"
   *   /e  answers with the request's body, as it comes
   *   /b  answers with "b" without end, a few KB at a time, and never reads the request's body
   *   /l  loops for ever
   *   /t  fails
   *   /r  calls itself without end
   *   /g  takes memory until it gets none
   *   /o  writes 100 log lines of 10 bytes, then answers "hello"
   *   /k  answers with the value of "key" in the KV binding "KV", or with an error's message
   */
  readonly main: CodeOf<Spec>;
  /** Fails while it starts. */
  readonly failsAtStart: CodeOf<Spec>;
  /** Loops for ever while it starts. */
  readonly loopsAtStart: CodeOf<Spec>;
  /** Takes memory until it gets none, while it starts. */
  readonly growsAtStart: CodeOf<Spec>;
}

export interface EngineSubject<Spec extends InstanceSpec> {
  open(): Promise<Engine<Spec>>;
  readonly guests: EngineGuests<Spec>;
  /** Laws, by name, that do not hold for this engine or this guest, with the reason. */
  readonly exceptions: Readonly<Record<string, string>>;
}

const head = JSON.stringify({
  function: 'contract',
  version: 1,
  memoryMb: 64,
  vars: {},
  bindings: [{ name: 'KV', kind: 'kv' }],
  agent: 'islet/test',
});

/** Laws every engine obeys, over the engine contract alone: no cell, no host. */
export function engineContract<Spec extends InstanceSpec>(t: Test, subject: EngineSubject<Spec>): void {
  const { guests, exceptions } = subject;
  const referees: Referee[] = [];
  const startOn = async (
    engine: Engine<Spec>,
    code: CodeOf<Spec>,
    limits: Partial<Limits> = {},
  ): Promise<Running> => {
    const heard = new Listener();
    const referee = new Referee(heard.watcher);
    referees.push(referee);
    // Whatever Spec is, what CodeOf leaves out is given here.
    const spec = { ...code, head, limits: { ...defaultLimits, ...limits } } as unknown as Spec;
    const { instance } = await engine.start(spec, referee.watcher);
    return { heard, instance: referee.over(instance) };
  };

  const law = (name: string, body: (t: Test, engine: Engine<Spec>) => Promise<void>): void => {
    const reason = exceptions[name];
    known.add(name);
    void t.test(`engine: ${name}`, { skip: reason ?? false }, async (t) => {
      const engine = await subject.open();
      t.teardown(() => {
        engine.close();
      });
      await body(t, engine);
      const faults = referees.splice(0).flatMap((referee) => referee.faults);
      t.same(faults, [], 'and nothing that no instance may do');
    });
  };
  const known = new Set<string>();

  for (const [name, body] of Object.entries(laws))
    law(name, (t, engine) => body(t, (limits) => startOn(engine, guests.main, limits)));

  law(
    'what fails or never ends while it starts is a start that failed, with its reason',
    async (t, engine) => {
      t.match(await problemOf(startOn(engine, guests.failsAtStart)), {
        kind: 'threw',
        error: { phase: 'startup', message: /./ },
      });
      t.same(await problemOf(startOn(engine, guests.loopsAtStart, { startupCpuMs: 50 })), {
        kind: 'exceeded',
        limit: 'startupCpuMs',
      });
      const little = { memoryMb: 16, startupCpuMs: 5000 };
      t.same(await problemOf(startOn(engine, guests.growsAtStart, little)), {
        kind: 'exceeded',
        limit: 'memoryMb',
      });
      const { heard, instance } = await startOn(engine, guests.main);
      t.equal(await answerTo('/', { heard, instance }), 'hello', 'the engine goes on');
    },
  );

  law('an instance of one guest outlives the limits of another', async (t, engine) => {
    const lasting = await startOn(engine, guests.main);
    const lost = await startOn(engine, guests.main, { memoryMb: 16, cpuMs: 1000 });
    lost.instance.begin(1, request(1, '/g'), nothing);
    t.equal((await lost.heard.ended(1)).cause, 'memoryMb');
    t.equal(await answerTo('/', lasting), 'hello');
  });

  law('an instance answers while another one loops', async (t, engine) => {
    const [loops, other] = [
      await startOn(engine, guests.main, { cpuMs: 60_000 }),
      await startOn(engine, guests.main),
    ];
    loops.instance.begin(1, request(1, '/l'), nothing);
    for (let i = 0; i < 3; i++) t.equal(await answerTo('/', other), 'hello');
    t.equal(loops.heard.endsOf(1), 0);
    loops.instance.drop(1);
    loops.instance.dispose();
    t.equal(await answerTo('/', other), 'hello');
  });

  law('an instance that is disposed takes no other along, of the same code or not', async (t, engine) => {
    const [first, second] = [await startOn(engine, guests.main), await startOn(engine, guests.main)];
    first.instance.begin(1, request(1, '/e', 2), nothing);
    second.instance.begin(1, request(1, '/e', 2), nothing);
    first.instance.dispose();
    t.equal((await first.heard.ended(1)).cause, 'instance');
    second.instance.message(1, `[${In.Chunk},1,0,0,4]`, Buffer.from('mine'));
    second.instance.message(1, `[${In.End},1,0]`, nothing);
    t.equal((await second.heard.ended(1)).cause, 'finished');
    t.equal(second.heard.bodyOf(1), 'mine');
  });

  for (const name of Object.keys(exceptions))
    if (!known.has(name)) throw new TypeError(`There is no law ${JSON.stringify(name)} to except`);
}

async function problemOf(started: Promise<unknown>): Promise<StartProblem | undefined> {
  try {
    await started;
    return undefined;
  } catch (error) {
    return error instanceof StartFailure ? error.problem : undefined;
  }
}

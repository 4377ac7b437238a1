import { performance } from 'node:perf_hooks';
import { runInThisContext } from 'node:vm';
import type { Instance, InstanceWatcher } from '#runtime/engine.ts';
import { loadGuestBundle } from '#runtime/guest-bundle.ts';
import { IsolateEngine } from '#runtime/isolate/engine.ts';
import { defaultLimits } from '#runtime/limits.ts';
import { cryptoCases } from './crypto-cases.ts';
import { median } from './histogram.ts';
import type { WebCaseRow } from './report.ts';
import { serveTasks } from './tasks.ts';

interface CryptoPlan {
  readonly calls: number;
  readonly rounds: number;
}

type Case = (times: number) => Promise<void>;

/** One case a call: the body says which, and how often. */
const source = `
  const cases = ${cryptoCases};
  export default { async fetch(request) {
    const { what, times } = await request.json();
    await (await cases)[what](times);
    return new Response();
  } }`;

/** Each case in a function and in this Node, in turns; microseconds for one. */
async function calls({ calls, rounds }: CryptoPlan): Promise<readonly WebCaseRow[]> {
  const guest = await Guest.open();
  const own = (await runInThisContext(cryptoCases)) as Readonly<Record<string, Case>>;
  const rows: WebCaseRow[] = [];
  for (const [what, run] of Object.entries(own)) {
    const results = { guest: [] as number[], node: [] as number[] };
    for (let round = -1; round < rounds; round++) {
      const inGuest = await microsOf((times) => guest.run(what, times), calls);
      const inNode = await microsOf(run, calls);
      // The first round is for the compilers.
      if (round < 0) continue;
      results.guest.push(inGuest);
      results.node.push(inNode);
    }
    rows.push({ what, guest: median(results.guest), node: median(results.node) });
  }
  guest.close();
  return rows;
}

async function microsOf(run: Case, times: number): Promise<number> {
  const began = performance.now();
  await run(times);
  return ((performance.now() - began) * 1000) / times;
}

/** The cases in an isolate as a cell has it, services included; no host. */
class Guest {
  readonly #engine: IsolateEngine;
  readonly #ends: Map<number, (cause: string) => void>;
  #instance: Instance | undefined;
  #number = 0;

  private constructor(engine: IsolateEngine, ends: Map<number, (cause: string) => void>) {
    this.#engine = engine;
    this.#ends = ends;
  }

  static async open(): Promise<Guest> {
    const ends: Map<number, (cause: string) => void> = new Map();
    const watcher: InstanceWatcher = {
      line: (_invocation, letter, json) => {
        // A case that threw.
        if (letter === 'Z') throw new Error(json);
      },
      answered: (invocation, _json, _bytes, end) => ends.get(invocation)?.(end.cause),
      ended: (invocation, end) => ends.get(invocation)?.(end.cause),
      unhealthy: () => undefined,
      condemned: (why) => console.error(why),
    };
    const engine = new IsolateEngine({ bundle: await loadGuestBundle(), spares: 0, beat: () => undefined });
    const head = JSON.stringify({
      function: 'bench',
      version: 1,
      memoryMb: 128,
      vars: {},
      bindings: [],
      agent: 'islet',
    });
    const limits = { ...defaultLimits, cpuMs: 1e6, startupCpuMs: 10_000 };
    const guest = new Guest(engine, ends);
    guest.#instance = (await engine.start({ source, head, limits }, watcher)).instance;
    return guest;
  }

  async run(what: string, times: number): Promise<void> {
    const number = ++this.#number;
    const body = Buffer.from(JSON.stringify({ what, times }));
    const head = { id: 'x', d: Date.now() + 60_000, b: 1, m: 'POST', u: 'http://bench.test/', h: [] };
    const cause = await new Promise<string>((resolve) => {
      this.#ends.set(number, resolve);
      this.#instance?.begin(number, JSON.stringify([0, number, head, 0, body.length]), body);
    });
    this.#ends.delete(number);
    if (cause !== 'finished') throw new Error(`The case ${JSON.stringify(what)} ended by ${cause}`);
  }

  close(): void {
    this.#instance?.dispose();
    this.#engine.close();
  }
}

serveTasks({ calls });

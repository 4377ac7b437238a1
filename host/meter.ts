import type { Outcome } from '#runtime/outcome.ts';
import { outcomeLabel } from '#runtime/outcome.ts';
import type { Store } from '#bindings/store/store.ts';
import type { UsageReport } from './host.ts';
import type { Target } from './registry.ts';

/** What the meter reads of an invocation that is over. */
export interface Metered {
  readonly pool: { readonly target: Target };
  readonly startedAt: number;
  readonly cold: boolean;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly operations: number;
  readonly peakBytes: number;
}

type Sum = { -readonly [Key in keyof UsageReport]: UsageReport[Key] } & { outcomes: Record<string, number> };

const saveMs = 10_000;
const prefix = 'usage/';

/** Sums per function and version; kept in the store, so that they go on after a restart. */
export class Meter {
  readonly #store: Store;
  readonly #sums: Map<string, Sum> = new Map();
  readonly #dirty: Set<string> = new Set();
  readonly #timer: NodeJS.Timeout;
  readonly #failed: (error: unknown) => void;

  /** `failed` hears of sums that could not be saved; they stay in memory and are tried again. */
  constructor(store: Store, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
    this.#timer = setInterval(() => void this.save().catch(failed), saveMs);
    this.#timer.unref();
  }

  /** Reads what was saved. */
  async open(): Promise<void> {
    const decoder = new TextDecoder();
    let after: string | undefined;
    for (;;) {
      const page = await this.#store.list({ prefix, limit: 1000, ...(after === undefined ? {} : { after }) });
      for (const entry of page) {
        const sum = JSON.parse(decoder.decode(entry.value)) as Sum;
        this.#sums.set(entry.key, sum);
      }
      after = page.at(-1)?.key;
      if (page.length < 1000) return;
    }
  }

  record(of: Metered, outcome: Outcome, cpuMs: number): void {
    const { deployment } = of.pool.target;
    const key = `${prefix}${deployment.function}/${deployment.version}`;
    const sum = this.#sum(key, deployment.function, deployment.version);
    const wallMs = performance.now() - of.startedAt;
    const label = outcomeLabel(outcome);
    sum.invocations++;
    if (of.cold) sum.cold++;
    sum.outcomes[label] = (sum.outcomes[label] ?? 0) + 1;
    sum.cpuMs += cpuMs;
    sum.wallMs += wallMs;
    sum.gbSeconds += (deployment.limits.memoryMb / 1024) * (wallMs / 1000);
    if (of.peakBytes > sum.peakMemoryBytes) sum.peakMemoryBytes = of.peakBytes;
    sum.bytesIn += of.bytesIn;
    sum.bytesOut += of.bytesOut;
    sum.operations += of.operations;
    this.#dirty.add(key);
  }

  report(name?: string): readonly UsageReport[] {
    return [...this.#sums.values()]
      .filter((sum) => name === undefined || sum.function === name)
      .map((sum) => ({ ...sum, outcomes: { ...sum.outcomes } }))
      .sort((a, b) => (a.function < b.function ? -1 : a.function > b.function ? 1 : a.version - b.version));
  }

  async save(): Promise<void> {
    const keys = [...this.#dirty];
    this.#dirty.clear();
    const encoder = new TextEncoder();
    try {
      const changes = keys.map((key) => {
        const value = encoder.encode(JSON.stringify(this.#sums.get(key)));
        return { kind: 'put' as const, key, value };
      });
      if (changes.length > 0) await this.#store.write(changes);
    } catch (error) {
      for (const key of keys) this.#dirty.add(key);
      throw error;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.save().catch(this.#failed);
  }

  #sum(key: string, name: string, version: number): Sum {
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const sum: Sum = {
      function: name,
      version,
      invocations: 0,
      cold: 0,
      outcomes: {},
      cpuMs: 0,
      wallMs: 0,
      gbSeconds: 0,
      peakMemoryBytes: 0,
      bytesIn: 0,
      bytesOut: 0,
      operations: 0,
    };
    this.#sums.set(key, sum);
    return sum;
  }
}

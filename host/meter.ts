import type { Usage } from '#runtime/meter.ts';
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

/** What its sender hears of an invocation that is over. */
export function toUsage(of: Omit<Metered, 'pool'>, cpuMs: number): Usage {
  return {
    cpuMs,
    wallMs: performance.now() - of.startedAt,
    peakMemoryBytes: of.peakBytes,
    cold: of.cold,
    bytesIn: of.bytesIn,
    bytesOut: of.bytesOut,
    operations: of.operations,
  };
}

type Sum = { -readonly [Key in keyof UsageReport]: UsageReport[Key] } & {
  outcomes: Record<string, number>;
  /** Changed since it was saved. */
  dirty: boolean;
};

const noMessages = { messagesIn: 0, messagesOut: 0 };

const saveMs = 10_000;
const prefix = 'usage/';

/** Sums per function and version; kept in the store, so that they go on after a restart. */
export class Meter {
  readonly #store: Store;
  readonly #sums: Map<string, Sum> = new Map();
  /** The sum of a target, found without making its key. */
  readonly #byTarget: WeakMap<Target, Sum> = new WeakMap();
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
        // Kept by a version that did not count messages: none.
        this.#sums.set(entry.key, { ...noMessages, ...sum, dirty: false });
      }
      after = page.at(-1)?.key;
      if (page.length < 1000) return;
    }
  }

  record(of: Metered, outcome: Outcome, cpuMs: number): void {
    const { deployment } = of.pool.target;
    const sum = this.#sum(of.pool.target);
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
    sum.dirty = true;
  }

  /** Messages of WebSockets are counted as they go: a socket may be open for days. */
  messages(target: Target, direction: 'in' | 'out', count: number): void {
    const sum = this.#sum(target);
    if (direction === 'in') sum.messagesIn += count;
    else sum.messagesOut += count;
    sum.dirty = true;
  }

  report(name?: string): readonly UsageReport[] {
    return [...this.#sums.values()]
      .filter((sum) => name === undefined || sum.function === name)
      .map(toReport)
      .sort((a, b) => (a.function < b.function ? -1 : a.function > b.function ? 1 : a.version - b.version));
  }

  async save(): Promise<void> {
    const sums = [...this.#sums].filter(([, sum]) => sum.dirty);
    for (const [, sum] of sums) sum.dirty = false;
    const encoder = new TextEncoder();
    try {
      const changes = sums.map(([key, sum]) => {
        return { kind: 'put' as const, key, value: encoder.encode(JSON.stringify(toReport(sum))) };
      });
      if (changes.length > 0) await this.#store.write(changes);
    } catch (error) {
      for (const [, sum] of sums) sum.dirty = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.save().catch(this.#failed);
  }

  #sum(target: Target): Sum {
    const found = this.#byTarget.get(target);
    if (found !== undefined) return found;
    const { function: name, version } = target.deployment;
    const key = `${prefix}${name}/${version}`;
    const known = this.#sums.get(key);
    if (known !== undefined) {
      this.#byTarget.set(target, known);
      return known;
    }
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
      ...noMessages,
      dirty: false,
    };
    this.#byTarget.set(target, sum);
    this.#sums.set(key, sum);
    return sum;
  }
}

/** A sum as others may keep it. */
function toReport(sum: Sum): UsageReport {
  const { dirty, ...report } = sum;
  void dirty;
  return { ...report, outcomes: { ...sum.outcomes } };
}

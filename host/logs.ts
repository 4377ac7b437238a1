import type { LogEntry } from './host.ts';

/** Lines kept of each function; older ones go. */
const keptLines = 5000;
const keptBytes = 4 * 2 ** 20;
/** Lines a slow follower may lag behind before it loses some and is told so. */
const mostLag = 10_000;

interface Ring {
  lines: LogEntry[];
  bytes: number;
}

/** What functions write, in memory: the last lines of each, and whoever follows. */
export class Logs {
  readonly #rings: Map<string, Ring> = new Map();
  readonly #followers: Set<(entry: LogEntry) => void> = new Set();

  add(entry: LogEntry): void {
    const ring = this.#rings.get(entry.function) ?? { lines: [], bytes: 0 };
    this.#rings.set(entry.function, ring);
    ring.lines.push(entry);
    ring.bytes += entry.message.length;
    while (ring.lines.length > keptLines || ring.bytes > keptBytes) {
      ring.bytes -= ring.lines.shift()?.message.length ?? 0;
      if (ring.lines.length === 0) break;
    }
    for (const follower of this.#followers) follower(entry);
  }

  /** What one invocation has written, oldest first. */
  of(name: string, invocationId: string): readonly LogEntry[] {
    return (this.#rings.get(name)?.lines ?? []).filter((entry) => entry.invocationId === invocationId);
  }

  forget(name: string): void {
    this.#rings.delete(name);
  }

  /** Up to `tail` earlier lines, oldest first, then new ones as they come until the signal aborts. */
  async *read(filter: LogFilter): AsyncGenerator<LogEntry, void, undefined> {
    const { signal } = filter;
    const waiting: LogEntry[] = [...this.#tail(filter)];
    if (filter.follow !== true) {
      yield* waiting;
      return;
    }
    let wake: (() => void) | undefined;
    const follower = (entry: LogEntry): void => {
      if (filter.function !== undefined && entry.function !== filter.function) return;
      waiting.push(entry);
      if (waiting.length > mostLag) waiting.splice(0, mostLag / 2, lostLines(entry));
      wake?.();
    };
    const stop = (): void => wake?.();
    this.#followers.add(follower);
    signal?.addEventListener('abort', stop);
    try {
      for (;;) {
        if (signal?.aborted === true) return;
        const entry = waiting.shift();
        if (entry !== undefined) {
          yield entry;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#followers.delete(follower);
      signal?.removeEventListener('abort', stop);
    }
  }

  #tail(filter: LogFilter): readonly LogEntry[] {
    const most = filter.tail ?? 0;
    if (most <= 0) return [];
    if (filter.function !== undefined) return (this.#rings.get(filter.function)?.lines ?? []).slice(-most);
    const all = [...this.#rings.values()].flatMap((ring) => ring.lines);
    return all.sort((a, b) => a.at - b.at).slice(-most);
  }
}

export interface LogFilter {
  readonly function?: string;
  readonly tail?: number;
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

function lostLines(entry: LogEntry): LogEntry {
  return {
    ...entry,
    level: 'system',
    message: `${mostLag / 2} lines were not shown: the reader is too slow`,
  };
}

import { Buffer } from 'node:buffer';
import type { Change, Check, Entry, Range, WriteResult } from '#bindings/store/store.ts';

/** What a store says, in twenty lines: the law that implementations are held to. Entries do not expire in it. */
export class StoreModel {
  readonly #entries = new Map<string, Entry>();

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  list(range: Range): Entry[] {
    const found = [...this.#entries.values()]
      .filter((entry) => inRange(entry.key, range))
      .toSorted((a, b) => compareKeys(a.key, b.key));
    const ordered = range.reverse === true ? found.toReversed() : found;
    const limited = ordered.slice(0, range.limit ?? ordered.length);
    return range.keysOnly === true
      ? limited.map((entry) => ({ ...entry, value: new Uint8Array(0) }))
      : limited;
  }

  /** The check that fails, or undefined. */
  failing(checks: readonly Check[]): Check | undefined {
    return checks.find((check) => (this.#entries.get(check.key)?.revision ?? 0) !== check.revision);
  }

  /** Applies what a store acknowledged. */
  apply(changes: readonly Change[], result: WriteResult): void {
    if (!result.ok) return;
    for (const change of changes) {
      if (change.kind === 'delete') {
        this.#entries.delete(change.key);
        continue;
      }
      const { key, value, expiresAt } = change;
      const entry = { key, value, revision: result.revision };
      this.#entries.set(key, expiresAt === undefined ? entry : { ...entry, expiresAt });
    }
  }
}

export function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function inRange(key: string, range: Range): boolean {
  if (!key.startsWith(range.prefix)) return false;
  if (range.from !== undefined && compareKeys(key, range.from) < 0) return false;
  if (range.after !== undefined && compareKeys(key, range.after) <= 0) return false;
  return range.before === undefined || compareKeys(key, range.before) < 0;
}

import type { StartSpec } from './frames.ts';

export interface ScriptBytes {
  readonly source: string;
  readonly cache: Uint8Array;
}

interface Entry {
  readonly code: ScriptBytes;
  users: number;
}

/** Sources and code caches of the instances of one cell, by codeId: those of one deployment share them. */
export class CodeTable {
  readonly #entries: Map<string, Entry> = new Map();

  /** The code of `spec`, from a Load's bytes or from an earlier one; undefined when neither has it. Pair with `drop`. */
  take(spec: StartSpec, bytes: Buffer): ScriptBytes | undefined {
    const known = this.#entries.get(spec.codeId);
    if (known !== undefined) {
      known.users++;
      return known.code;
    }
    if (bytes.length === 0) return undefined;
    const source = bytes.toString('utf8', 0, spec.sourceBytes);
    const cache = new Uint8Array(bytes.subarray(spec.sourceBytes, spec.sourceBytes + spec.cacheBytes));
    const code = { source, cache };
    this.#entries.set(spec.codeId, { code, users: 1 });
    return code;
  }

  /** One user fewer; the last one takes the code with it. */
  drop(codeId: string): void {
    const entry = this.#entries.get(codeId);
    if (entry === undefined) return;
    entry.users--;
    if (entry.users === 0) this.#entries.delete(codeId);
  }
}

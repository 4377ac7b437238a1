import type { WasmSpec } from './engine.ts';
import type { StartSpec } from './frames.ts';

/** A Load as it was read. */
export interface KnownStart {
  readonly spec: StartSpec;
  /** What the WebAssembly engine takes of it, where it is for that one. */
  readonly wasm: WasmSpec | undefined;
}

/** Characters of all texts that are kept, and of one. */
const mostKept = 2 ** 20;
const longestKept = 2 ** 16;

/**
 * Loads by their text, each read once: the same text gives the same objects, by which an engine knows what it has started
 * before. Those that were not asked for for longest are forgotten first.
 */
export class KnownStarts {
  readonly #known: Map<string, KnownStart> = new Map();
  #characters = 0;

  /** `text`: JSON of StartSpec, of the host's own making. */
  read(text: string): KnownStart {
    const known = this.#known.get(text);
    if (known === undefined) return this.#keep(text, toStart(JSON.parse(text) as StartSpec));
    // Most recently used last.
    this.#known.delete(text);
    this.#known.set(text, known);
    return known;
  }

  #keep(text: string, start: KnownStart): KnownStart {
    if (text.length > longestKept) return start;
    // A copy: a slice would keep the whole pack it came in.
    this.#known.set(structuredClone(text), start);
    this.#characters += text.length;
    for (const oldest of this.#known.keys()) {
      if (this.#characters <= mostKept) break;
      this.#known.delete(oldest);
      this.#characters -= oldest.length;
    }
    return start;
  }
}

function toStart(spec: StartSpec): KnownStart {
  const { head, wasm } = spec;
  return { spec, wasm: wasm === undefined ? undefined : { head, wasm, limits: spec } };
}

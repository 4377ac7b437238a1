import { NativeUint8Array, setBytes, viewLength } from '../primordials.ts';

interface Part {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly before: Part | undefined;
}

/**
 * Gathers the bytes of one call. In its JSON text bytes are `{"b":[offset,length]}` and keys `{"k":[offset,length]}`;
 * every other value of the text is quoted or a number, so a guest cannot write one.
 */
export class Packer {
  #last: Part | undefined;
  #total = 0;

  /** Takes ownership: nobody may change them later. */
  bytes(owned: Uint8Array): string {
    return `{"b":${this.#add(owned)}}`;
  }

  key(sealed: Uint8Array): string {
    return `{"k":${this.#add(sealed)}}`;
  }

  pack(): Uint8Array {
    const last = this.#last;
    if (last?.before === undefined && last !== undefined) return last.bytes;
    const all = new NativeUint8Array(this.#total);
    for (let part = last; part !== undefined; part = part.before) setBytes(all, part.bytes, part.offset);
    return all;
  }

  #add(bytes: Uint8Array): string {
    const offset = this.#total;
    const length = viewLength(bytes);
    this.#last = { bytes, offset, before: this.#last };
    this.#total += length;
    return `[${offset},${length}]`;
  }
}

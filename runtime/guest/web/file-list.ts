import type { File } from './blob.ts';
import { requireArguments, shapeInterface } from './webidl.ts';

/** File API, 5. Nothing here hands one out: forms belong to documents. It exists for programs that ask what a value is. */
export class FileList {
  readonly #files: readonly File[] = [];

  constructor() {
    throw new TypeError('Illegal constructor: only documents make FileLists; use an array');
  }

  item(index: unknown): File | null {
    requireArguments(arguments.length, 1, 'FileList.item');
    return this.#files[Number(index) >>> 0] ?? null;
  }
  get length(): number {
    return this.#files.length;
  }
}

shapeInterface(FileList.prototype, 'FileList');
Object.defineProperty(FileList.prototype, Symbol.iterator, {
  // oxlint-disable-next-line typescript/unbound-method -- Web IDL 3.7.9: it is Array's own
  value: Array.prototype[Symbol.iterator],
  writable: true,
  configurable: true,
});

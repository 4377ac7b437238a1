import { type Blob, blobBytes, createFile, type File, isBlob, isFile } from './blob.ts';
import { makeIterable, requireArguments, shapeInterface, toUsvString } from './webidl.ts';

export type FormEntry = [name: string, value: string | File];

/** The entries behind a FormData, live; undefined for anything else. Never calls guest code. */
export let entriesOf: (value: unknown) => FormEntry[] | undefined;
/** A FormData over `entries`, which it takes over. */
export let createFormData: (entries: FormEntry[]) => FormData;

/** XMLHttpRequest, 4. */
export class FormData {
  #entries: FormEntry[] = [];

  static {
    entriesOf = (value) =>
      typeof value === 'object' && value !== null && #entries in value ? value.#entries : undefined;
    createFormData = (entries) => {
      const form = new FormData();
      form.#entries = entries;
      return form;
    };
  }

  constructor(form: unknown = undefined) {
    if (form !== undefined) throw new TypeError('new FormData takes no form here: there is no document');
  }

  append(name: unknown, value: unknown, filename: unknown = undefined): void {
    requireArguments(arguments.length, 2, 'FormData.append');
    this.#entries.push(toEntry(name, value, arguments.length > 2, filename));
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, 'FormData.delete');
    const key = toUsvString(name);
    const entries = this.#entries;
    for (let at = entries.length - 1; at >= 0; at--) if (entries[at]?.[0] === key) entries.splice(at, 1);
  }

  get(name: unknown): string | File | null {
    requireArguments(arguments.length, 1, 'FormData.get');
    const key = toUsvString(name);
    return this.#entries.find((entry) => entry[0] === key)?.[1] ?? null;
  }

  getAll(name: unknown): (string | File)[] {
    requireArguments(arguments.length, 1, 'FormData.getAll');
    const key = toUsvString(name);
    return this.#entries.filter((entry) => entry[0] === key).map((entry) => entry[1]);
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, 'FormData.has');
    const key = toUsvString(name);
    return this.#entries.some((entry) => entry[0] === key);
  }

  set(name: unknown, value: unknown, filename: unknown = undefined): void {
    requireArguments(arguments.length, 2, 'FormData.set');
    const entry = toEntry(name, value, arguments.length > 2, filename);
    const entries = this.#entries;
    const first = entries.findIndex((known) => known[0] === entry[0]);
    if (first < 0) {
      entries.push(entry);
      return;
    }
    entries[first] = entry;
    for (let at = entries.length - 1; at > first; at--)
      if (entries[at]?.[0] === entry[0]) entries.splice(at, 1);
  }
}

/** XMLHttpRequest, 4 "create an entry": a Blob becomes a File named "blob", or named `filename`. */
function toEntry(name: unknown, value: unknown, named: boolean, filename: unknown): FormEntry {
  const key = toUsvString(name);
  if (!isBlob(value)) {
    if (named) throw new TypeError('FormData takes a file name only with a Blob');
    return [key, toUsvString(value)];
  }
  if (isFile(value) && filename === undefined) return [key, value];
  return [key, toFile(value, filename === undefined ? 'blob' : toUsvString(filename))];
}

function toFile(blob: Blob, name: string): File {
  return createFile(blobBytes(blob), name, blob.type, isFile(blob) ? blob.lastModified : undefined);
}

shapeInterface(FormData.prototype, 'FormData');
makeIterable(FormData.prototype, 'FormData', (self) => {
  const entries = entriesOf(self);
  if (entries === undefined) throw new TypeError('Illegal invocation: this is not a FormData');
  return entries;
});

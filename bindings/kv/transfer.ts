import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import type { ErrorCode } from '#runtime/errors.ts';
import { pieceBytes } from './limits.ts';
import type { KvNamespace } from './namespace.ts';
import { parseRecord, toRecord } from './record.ts';
import { encodeHead, gatherValue } from './value.ts';

/** A line longer than this holds no value that fits: 25 MiB in base64, a key and metadata. */
const longestLine: number = 36 * 1024 * 1024;
/** Writes under way at once: they share a sync. */
const atOnce = 64;
/** And no more of their values than this. */
const bytesAtOnce: number = 8 * 1024 * 1024;
const pageKeys = 500;

export interface KvImportOptions {
  /** Leave keys that are there as they are. */
  readonly ifAbsent?: boolean;
}

export interface KvImported {
  /** Lines that were read, empty ones too. */
  readonly lines: number;
  readonly written: number;
  /** Left alone because of `ifAbsent`. */
  readonly present: number;
  /** Left out because their time was over. */
  readonly expired: number;
  /** The first line that could not go in: all before it are in; those behind it are not, but where the store refused it. */
  readonly failed?: { readonly line: number; readonly code: ErrorCode; readonly message: string };
}

/**
 * Every entry in order of keys, a line of JSON each (`record.ts`), in pieces of a few lines. Holds a page of keys and one
 * value at a time. What is written meanwhile may be in it or not.
 */
export async function* exportLines(namespace: KvNamespace, prefix: string): AsyncGenerator<Uint8Array, void> {
  let after: string | undefined;
  let text = '';
  for (;;) {
    const names = await namespace.names(prefix, after, pageKeys);
    for (const name of names) {
      const found = await namespace.get(name);
      if (found === undefined) continue;
      text += `${toRecord(name, found)}\n`;
      if (text.length < pieceBytes) continue;
      yield Buffer.from(text);
      text = '';
    }
    after = names.at(-1);
    if (names.length < pageKeys) break;
  }
  if (text !== '') yield Buffer.from(text);
}

/**
 * Puts every line. A line that is none ends it and is in the answer with its number, as is one that the store refuses;
 * what was read before is acknowledged by then. Putting the same lines again changes nothing but versions.
 */
export async function importLines(
  namespace: KvNamespace,
  pieces: AsyncIterable<Uint8Array>,
  options: KvImportOptions & { readonly now: () => number },
): Promise<KvImported> {
  const work = new Import(namespace, options);
  try {
    for await (const line of splitLines(pieces)) if (!(await work.take(line))) break;
  } catch (error) {
    if (!(error instanceof LongLine)) throw error;
    work.tooLong();
  }
  return work.finish();
}

class LongLine extends Error {}

/** Lines without their ends, as bytes; holds no more than one. Throws LongLine. */
async function* splitLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  let kept: Uint8Array[] = [];
  let length = 0;
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(10); end !== -1; end = piece.indexOf(10, from)) {
      yield Buffer.concat([...kept, piece.subarray(from, end)]);
      kept = [];
      length = 0;
      from = end + 1;
    }
    if (from === piece.length) continue;
    kept.push(piece.subarray(from));
    length += piece.length - from;
    if (length > longestLine) throw new LongLine();
  }
  if (length > 0) yield Buffer.concat(kept);
}

type Failure = NonNullable<KvImported['failed']>;

class Import {
  readonly #namespace: KvNamespace;
  readonly #ifAbsent: boolean;
  readonly #now: () => number;
  readonly #underWay: Set<Promise<void>> = new Set();
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #bytes = 0;
  #lines = 0;
  #counts = { written: 0, present: 0, expired: 0 };
  #failed: Failure | undefined;
  /** What a write failed of that is nobody's line. */
  #broken: { readonly error: unknown } | undefined;

  constructor(namespace: KvNamespace, options: KvImportOptions & { readonly now: () => number }) {
    this.#namespace = namespace;
    this.#ifAbsent = options.ifAbsent === true;
    this.#now = options.now;
  }

  /** False when no more lines are wanted. */
  async take(line: Buffer): Promise<boolean> {
    this.#lines++;
    const number = this.#lines;
    try {
      const text = this.#decoder.decode(line).trim();
      if (text === '') return true;
      const record = parseRecord(text, this.#now());
      if (record.expired) this.#counts.expired++;
      else await this.#put(record, number);
    } catch (error) {
      this.#fail(number, error);
    }
    return this.#failed === undefined && this.#broken === undefined;
  }

  tooLong(): void {
    this.#lines++;
    this.#fail(this.#lines, new TypeError(`it is longer than ${longestLine} bytes`));
  }

  async finish(): Promise<KvImported> {
    await Promise.all(this.#underWay);
    if (this.#broken !== undefined) throw this.#broken.error;
    const failed = this.#failed === undefined ? {} : { failed: this.#failed };
    return { lines: this.#failed?.line ?? this.#lines, ...this.#counts, ...failed };
  }

  async #put({ key, bytes, options }: ReturnType<typeof parseRecord>, line: number): Promise<void> {
    while (this.#underWay.size >= atOnce || (this.#bytes > bytesAtOnce && this.#underWay.size > 0)) {
      await Promise.race(this.#underWay);
    }
    if (this.#failed !== undefined) return;
    const stored = await gatherValue(encodeHead(options.metadata), bytes);
    const checked = this.#ifAbsent ? { ...options, revision: 0 } : options;
    this.#bytes += stored.length;
    const writing = this.#namespace
      .put(key, stored, checked, this.#now())
      .then(
        (version) => {
          if (version === undefined) this.#counts.present++;
          else this.#counts.written++;
        },
        (error: unknown) => this.#fail(line, error),
      )
      .finally(() => {
        this.#bytes -= stored.length;
        this.#underWay.delete(writing);
      });
    this.#underWay.add(writing);
  }

  /** Of several the first line counts: what comes before it is in. */
  #fail(line: number, error: unknown): void {
    if (this.#failed !== undefined && this.#failed.line < line) return;
    const known = error instanceof HostError;
    if (!known && !(error instanceof TypeError)) {
      this.#broken = { error };
      return;
    }
    this.#failed = { line, code: known ? error.code : 'ERR_BAD_INPUT', message: error.message };
  }
}

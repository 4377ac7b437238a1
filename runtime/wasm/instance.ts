import type { Instance, InstanceEnd, InstanceWatcher } from '#runtime/engine.ts';
import { IdTable } from '#runtime/id-table.ts';
import type { Conversation, Lines } from './lines.ts';
import type { NativeEngine, NativeEvent } from './native.ts';
import { toThrownLine } from './thrown.ts';

/** What an instance of a resident guest speaks through; undefined for guests that speak the protocol themselves. */
export type OpenLines = (conversation: Conversation) => Lines;

export interface WasmInstanceOptions {
  readonly native: NativeEngine;
  /** Its number in `native`. */
  readonly number: number;
  readonly watcher: InstanceWatcher;
  readonly lines: OpenLines | undefined;
  /** A call begins. */
  readonly running: () => void;
  /** It is disposed: the engine forgets it. */
  readonly gone: () => void;
}

/** One invocation as the cell keeps it. */
interface Run {
  readonly number: number;
  /** Residents only. */
  readonly lines: Lines | undefined;
  /** Its first line has gone to the guest, or it speaks the protocol itself. */
  begun: boolean;
  /** The whole answer, sent together with the end. */
  answer: { readonly json: string; readonly bytes: Uint8Array | undefined } | undefined;
  /** Nothing of the guest's counts any more; only the end is missing. */
  finished: boolean;
}

/** Characters of one line, at three bytes each the most, and bytes beside it: both together fit the longest frame. */
const mostText = 10 * 2 ** 20;
const mostBytes = 32 * 2 ** 20;
const tooLong = JSON.stringify([
  'RangeError',
  'The function hands over more than 10 MB of text or 32 MB of bytes at once; stream it',
  '',
  'result',
]);
const nothingUsed = { cpuMs: 0, peakBytes: 0 };

/** One loaded guest of one deployment. Its stores live on the addon's threads; this passes messages and keeps count. */
export class WasmInstance implements Instance {
  readonly #native: NativeEngine;
  readonly #number: number;
  readonly #watcher: InstanceWatcher;
  readonly #lines: OpenLines | undefined;
  readonly #running: () => void;
  readonly #gone: () => void;
  readonly #runs: IdTable<Run> = new IdTable();
  #dead = false;
  #unhealthy = false;

  constructor(options: WasmInstanceOptions) {
    this.#native = options.native;
    this.#number = options.number;
    this.#watcher = options.watcher;
    this.#lines = options.lines;
    this.#running = options.running;
    this.#gone = options.gone;
  }

  get inFlight(): number {
    return this.#runs.size;
  }

  get memoryBytes(): number {
    return this.#dead ? 0 : this.#native.memoryBytes(this.#number);
  }

  begin(invocation: number, message: string, bytes: Uint8Array): void {
    if (this.#dead) return this.#watcher.ended(invocation, { cause: 'instance', ...nothingUsed });
    this.#running();
    if (this.#lines === undefined) {
      this.#add(invocation, undefined);
      this.#native.begin(this.#number, invocation, message, some(bytes));
      return;
    }
    const lines = this.#lines({
      invocation,
      toGuest: (line) => this.#toGuest(invocation, line),
      emit: (letter, json, part) => this.#emit(invocation, letter, json, part),
      outOfStep: () => this.#abandon(invocation),
      done: () => this.#done(invocation),
    });
    this.#add(invocation, lines);
    lines.begin(message, bytes);
  }

  message(invocation: number, message: string, bytes: Uint8Array): void {
    const run = this.#runs.get(invocation);
    if (run === undefined || run.finished) return;
    if (run.lines === undefined || (run.begun && isForImports(message)))
      this.#native.message(invocation, message, some(bytes));
    else run.lines.message(message, bytes);
  }

  drop(invocation: number): void {
    const run = this.#runs.take(invocation);
    if (run?.begun === true) this.#native.drop(invocation);
  }

  dispose(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#native.unload(this.#number);
    this.#gone();
    for (const { number } of this.#runs.values()) this.#end(number, { cause: 'instance', ...nothingUsed });
  }

  /** Engine: something happened to an invocation of this instance, or to the instance. */
  event(event: NativeEvent): void {
    if (this.#dead) return;
    const { kind, invocation } = event;
    if (kind === 'unhealthy') return this.#retire();
    if (invocation === 0) {
      if (kind === 'L') this.#watcher.line(0, 'L', event.text ?? '[]');
      return;
    }
    const run = this.#runs.get(invocation);
    if (run === undefined) return;
    if (kind === 'ended') return this.#end(invocation, toEnd(event));
    if (run.finished) return;
    if (kind === 'line') return this.#line(run, event.bytes ?? new Uint8Array());
    const text = event.text ?? '[]';
    this.#emit(invocation, kind, kind === 'Z' ? toThrownLine(text) : text, event.bytes);
    if (kind === 'A') this.#end(invocation, toEnd(event));
  }

  /** One guest's line must not take the others with it, whatever is in it. */
  #line(run: Run, bytes: Uint8Array): void {
    try {
      run.lines?.line(bytes);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#emit(
        run.number,
        'Z',
        JSON.stringify(['RangeError', `A line is not usable: ${message}`, '', 'result']),
      );
      this.#abandon(run.number);
      this.#done(run.number);
    }
  }

  #add(invocation: number, lines: Lines | undefined): void {
    const begun = lines === undefined;
    this.#runs.add(invocation, { number: invocation, lines, begun, answer: undefined, finished: false });
  }

  #toGuest(invocation: number, line: Uint8Array): void {
    const run = this.#runs.get(invocation);
    if (run === undefined || run.finished) return;
    if (run.begun) return this.#native.message(invocation, '', line);
    run.begun = true;
    this.#native.begin(this.#number, invocation, '', line);
  }

  /** A line for the host; a whole answer waits for the end, which carries its CPU. */
  #emit(invocation: number, letter: string, json: string, bytes?: Uint8Array): void {
    const run = this.#runs.get(invocation);
    if (run === undefined || run.finished) return;
    if (json.length > mostText || (bytes?.length ?? 0) > mostBytes) return this.#giveUp(run);
    if (letter === 'A') run.answer = { json, bytes };
    else this.#watcher.line(invocation, letter, json, bytes);
  }

  /** It would not fit a frame, and the host would end this cell for it. */
  #giveUp(run: Run): void {
    this.#watcher.line(run.number, 'Z', tooLong);
    this.drop(run.number);
    this.#watcher.ended(run.number, { cause: 'finished', ...nothingUsed });
  }

  /** Its guest goes; the invocation itself still has its say. */
  #abandon(invocation: number): void {
    const run = this.#runs.get(invocation);
    if (run?.begun !== true) return;
    run.begun = false;
    this.#native.drop(invocation);
  }

  /** The last line of a resident's answer has come: the guest is free for the next call. */
  #done(invocation: number): void {
    const run = this.#runs.get(invocation);
    if (run === undefined || run.finished) return;
    run.finished = true;
    if (run.begun) return this.#native.finish(invocation);
    // The guest never heard of it, or is gone.
    this.#end(invocation, { cause: 'finished', ...nothingUsed });
  }

  #end(invocation: number, end: InstanceEnd): void {
    const run = this.#runs.take(invocation);
    if (run === undefined) return;
    const { answer } = run;
    if (end.cause !== 'finished' || answer === undefined) return this.#watcher.ended(invocation, end);
    this.#watcher.answered(invocation, answer.json, answer.bytes, end);
  }

  #retire(): void {
    if (this.#unhealthy) return;
    this.#unhealthy = true;
    this.#watcher.unhealthy();
  }
}

/** Operations that a resident starts through the `islet` imports are numbered from here on (native/src/ops_api.rs). */
const firstOfImports = 2 ** 20;

/** Of a message to a resident: it is for an operation its imports started, or for that one's streams. */
function isForImports(message: string): boolean {
  const [, , stream] = JSON.parse(message) as readonly unknown[];
  return typeof stream === 'number' && stream >= firstOfImports;
}

function some(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes;
}

function toEnd(event: NativeEvent): InstanceEnd {
  return { cause: event.cause ?? 'finished', cpuMs: event.cpuMs ?? 0, peakBytes: event.peakBytes ?? 0 };
}

import type { AbortSignal } from '../abort.ts';
import { isObject, requireArguments, shapeInterface } from '../webidl.ts';
import {
  type Dictionary,
  highWaterMarkOf,
  readMembers,
  runStart,
  toAction,
  toAlgorithm,
  toOptionalObject,
  toStrategy,
} from './arguments.ts';
import { promiseOf, rejected } from './promises.ts';
import { type Sink, WritableControl } from './writable-control.ts';
import { WritableState, WriterState } from './writable-state.ts';

/** What the next constructor call wraps; only this module sets it, just before it calls one. */
let next: WritableState | undefined;
let nextControl: WritableControl | undefined;

/** Brand check: what is behind a WritableStream, undefined for anything else. */
export let writableOf: (value: unknown) => WritableState | undefined;

const isWritable = (value: unknown): boolean => writableOf(value) !== undefined;
let isWriter: (value: unknown) => boolean;

const sinkNames = ['abort', 'close', 'start', 'type', 'write'] as const;
type Members = Dictionary<(typeof sinkNames)[number]>;

/** Streams, 5.2. */
export class WritableStream {
  readonly #state: WritableState;

  static {
    writableOf = (value) => (isObject(value) && #state in value ? value.#state : undefined);
  }

  constructor(underlyingSink: unknown = undefined, strategy: unknown = undefined) {
    if (next !== undefined) {
      this.#state = next;
      next = undefined;
      return;
    }
    const sink = toOptionalObject(underlyingSink, 'The sink of a stream');
    const given = toStrategy(strategy);
    const members: Members = sink === null ? {} : readMembers(sink, sinkNames);
    if (members.type !== undefined) throw new RangeError('The type of a sink must be undefined');
    this.#state = new WritableState();
    let controller!: WritableStreamDefaultController;
    const highWaterMark = highWaterMarkOf(given, 1);
    const control = new WritableControl(this.#state, {
      sink: sinkOf(sink, members, () => controller),
      highWaterMark,
      size: given.size,
    });
    controller = createController(control);
    control.start(promiseOf(runStart(sink, members.start, controller)));
  }

  get locked(): boolean {
    return this.#state.writer !== undefined;
  }

  abort(reason: unknown = undefined): Promise<unknown> {
    if (!isWritable(this)) return wrongThis('abort', 'WritableStream');
    if (this.#state.writer !== undefined)
      return rejected(new TypeError('A locked stream cannot be aborted; abort its writer'));
    return this.#state.abort(reason);
  }

  close(): Promise<undefined> {
    if (!isWritable(this)) return wrongThis('close', 'WritableStream');
    if (this.#state.writer !== undefined)
      return rejected(new TypeError('A locked stream cannot be closed; close its writer'));
    if (this.#state.closing) return rejected(new TypeError('The stream is closing already'));
    return this.#state.close();
  }

  getWriter(): WritableStreamDefaultWriter {
    void this.#state;
    return new WritableStreamDefaultWriter(this);
  }
}

/** Streams, 5.3. */
export class WritableStreamDefaultWriter {
  readonly #state: WriterState;

  static {
    isWriter = (value) => isObject(value) && #state in value;
  }

  constructor(stream: unknown) {
    requireArguments(arguments.length, 1, 'new WritableStreamDefaultWriter');
    const state = writableOf(stream);
    if (state === undefined) throw new TypeError('A writer needs a WritableStream');
    this.#state = new WriterState(state);
  }

  get closed(): Promise<undefined> {
    if (!isWriter(this)) return wrongThis('closed', 'WritableStreamDefaultWriter');
    return this.#state.closed.promise;
  }

  get desiredSize(): number | null {
    const state = this.#state;
    if (state.stream === undefined) throw released();
    return state.desiredSize;
  }

  get ready(): Promise<undefined> {
    if (!isWriter(this)) return wrongThis('ready', 'WritableStreamDefaultWriter');
    return this.#state.ready.promise;
  }

  abort(reason: unknown = undefined): Promise<unknown> {
    if (!isWriter(this)) return wrongThis('abort', 'WritableStreamDefaultWriter');
    const { stream } = this.#state;
    return stream === undefined ? rejected(released()) : stream.abort(reason);
  }

  close(): Promise<undefined> {
    if (!isWriter(this)) return wrongThis('close', 'WritableStreamDefaultWriter');
    const { stream } = this.#state;
    if (stream === undefined) return rejected(released());
    if (stream.closing) return rejected(new TypeError('The stream is closing already'));
    return stream.close();
  }

  releaseLock(): void {
    this.#state.release();
  }

  write(chunk: unknown = undefined): Promise<undefined> {
    if (!isWriter(this)) return wrongThis('write', 'WritableStreamDefaultWriter');
    if (this.#state.stream === undefined) return rejected(released());
    return this.#state.write(chunk, false).promise;
  }
}

/** Streams, 5.4. */
export class WritableStreamDefaultController {
  readonly #control: WritableControl;

  constructor() {
    if (nextControl === undefined) throw new TypeError('Illegal constructor: only a stream makes one');
    this.#control = nextControl;
    nextControl = undefined;
  }

  get signal(): AbortSignal {
    return this.#control.signal;
  }

  error(reason: unknown = undefined): void {
    this.#control.errorIfNeeded(reason);
  }
}

/** A WritableStream object around a stream of ours; once for each. */
export function wrapWritable(state: WritableState): WritableStream {
  next = state;
  return new WritableStream();
}

function createController(control: WritableControl): WritableStreamDefaultController {
  nextControl = control;
  return new WritableStreamDefaultController();
}

function sinkOf(sink: object | null, members: Members, controller: () => object): Sink {
  let write: ((chunk: unknown) => Promise<unknown>) | undefined;
  return {
    write: (chunk) => (write ??= toAlgorithm(sink, members.write, controller()))(chunk),
    close: toAction(sink, members.close),
    abort: toAlgorithm(sink, members.abort),
  };
}

function released(): TypeError {
  return new TypeError('The writer was released');
}

function wrongThis(member: string, name: string): Promise<never> {
  return rejected(new TypeError(`${member} was called on something that is no ${name}`));
}

shapeInterface(WritableStream.prototype, 'WritableStream');
shapeInterface(WritableStreamDefaultWriter.prototype, 'WritableStreamDefaultWriter');
shapeInterface(WritableStreamDefaultController.prototype, 'WritableStreamDefaultController');

import { requireArguments, shapeInterface } from '../webidl.ts';
import { bufferLength, isDetached, viewParts, type ViewParts } from './buffers.ts';
import type { ByobState, ByteControl } from './byte-control.ts';
import type { DefaultControl } from './default-control.ts';

/** What the next constructor call wraps; only this module sets it, just before it calls one. */
let next: unknown;

function take(name: string): never {
  const taken = next;
  next = undefined;
  if (taken === undefined) throw new TypeError(`Illegal constructor: only a stream makes a ${name}`);
  return taken as never;
}

/** Streams, 4.6. */
export class ReadableStreamDefaultController {
  readonly #control: DefaultControl;

  constructor() {
    this.#control = take('ReadableStreamDefaultController');
  }

  get desiredSize(): number | null {
    return this.#control.desiredSize;
  }

  close(): void {
    if (!this.#control.canEnqueue)
      throw new TypeError('The stream cannot be closed: it is closed already or has failed');
    this.#control.close();
  }

  enqueue(chunk: unknown = undefined): void {
    if (!this.#control.canEnqueue)
      throw new TypeError('Nothing can be added to the stream: it is closed or has failed');
    this.#control.enqueue(chunk);
  }

  error(reason: unknown = undefined): void {
    this.#control.error(reason);
  }
}

/** Streams, 4.7. */
export class ReadableByteStreamController {
  readonly #control: ByteControl;
  /** The object of the request that is being answered. */
  #request: ReadableStreamBYOBRequest | undefined;
  #requestState: ByobState | undefined;

  constructor() {
    this.#control = take('ReadableByteStreamController');
  }

  get byobRequest(): ReadableStreamBYOBRequest | null {
    const state = this.#control.byobRequest;
    if (state === undefined) return null;
    if (this.#request === undefined || this.#requestState !== state) {
      next = state;
      this.#request = new ReadableStreamBYOBRequest();
      this.#requestState = state;
    }
    return this.#request;
  }

  get desiredSize(): number | null {
    return this.#control.desiredSize;
  }

  close(): void {
    const control = this.#control;
    if (control.closing || control.stream.state !== 'readable')
      throw new TypeError('The stream cannot be closed: it is closed already or has failed');
    control.close();
  }

  enqueue(chunk: unknown): void {
    const control = this.#control;
    requireArguments(arguments.length, 1, 'ReadableByteStreamController.enqueue');
    const parts = requireView(chunk);
    if (parts.bytes === 0 || bufferLength(parts.buffer) === 0)
      throw new TypeError('A chunk must have at least one byte');
    if (control.closing || control.stream.state !== 'readable')
      throw new TypeError('Nothing can be added to the stream: it is closed or has failed');
    control.enqueue(parts);
  }

  error(reason: unknown = undefined): void {
    this.#control.error(reason);
  }
}

/** Streams, 4.8. */
export class ReadableStreamBYOBRequest {
  readonly #state: ByobState;

  constructor() {
    this.#state = take('ReadableStreamBYOBRequest');
  }

  get view(): Uint8Array | null {
    return this.#state.view;
  }

  respond(bytesWritten: unknown): void {
    const state = this.#state;
    requireArguments(arguments.length, 1, 'ReadableStreamBYOBRequest.respond');
    const written = Math.trunc(Number(bytesWritten));
    if (!(written >= 0 && written <= Number.MAX_SAFE_INTEGER))
      throw new TypeError('respond() needs an integer of 0 or more');
    const control = requireControl(state);
    if (isDetached((viewParts(state.view) as ViewParts).buffer))
      throw new TypeError('The buffer of the request was detached; answer with respondWithNewView');
    control.respond(written);
  }

  respondWithNewView(view: unknown): void {
    const state = this.#state;
    requireArguments(arguments.length, 1, 'ReadableStreamBYOBRequest.respondWithNewView');
    const parts = requireView(view);
    const control = requireControl(state);
    if (isDetached(parts.buffer)) throw new TypeError('The buffer of the view is detached');
    control.respondWithView(parts);
  }
}

function requireControl({ control }: ByobState): ByteControl {
  if (control === undefined) throw new TypeError('The request was answered already');
  return control;
}

function requireView(value: unknown): ViewParts {
  const parts = viewParts(value);
  if (parts === undefined) throw new TypeError('A view on an ArrayBuffer is needed, such as a Uint8Array');
  return parts;
}

export function createDefaultController(control: DefaultControl): ReadableStreamDefaultController {
  next = control;
  return new ReadableStreamDefaultController();
}

export function createByteController(control: ByteControl): ReadableByteStreamController {
  next = control;
  return new ReadableByteStreamController();
}

shapeInterface(ReadableStreamDefaultController.prototype, 'ReadableStreamDefaultController');
shapeInterface(ReadableByteStreamController.prototype, 'ReadableByteStreamController');
shapeInterface(ReadableStreamBYOBRequest.prototype, 'ReadableStreamBYOBRequest');

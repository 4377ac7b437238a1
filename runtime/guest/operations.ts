import type { Invocation, Waiting } from './invocation.ts';
import { IncomingBody, OutgoingBody } from './bodies.ts';
import {
  NativeError,
  NativePromise,
  NativeRangeError,
  NativeTypeError,
  copyBytes,
  defineProperty,
  quote,
  viewLength,
} from './primordials.ts';
import { writeBytes } from './output.ts';
import { Out, inlineBytes } from './protocol.ts';
import { createDomException } from './web/index.ts';

/** One call to env[binding], or to the runtime itself when `binding` is "". */
export interface OperationRequest {
  readonly binding: string;
  readonly method: string;
  /** JSON text. */
  readonly args: string;
  readonly bytes?: Uint8Array | undefined;
  readonly stream?: ReadableStream<Uint8Array> | undefined;
  /** Send `bytes` with the operation however long they are; for those the cell itself serves. */
  readonly whole?: boolean;
  /** Called with the operation's number: the caller sends its body, and reads the answer's, itself. */
  readonly own?: (number: number) => void;
}

export interface OperationAnswer {
  readonly value: unknown;
  readonly bytes: Uint8Array | undefined;
  readonly body: IncomingBody | undefined;
}

/** An operation under way. */
export interface Started {
  /** Rejects with the binding's error, or an AbortError when the invocation ends first. */
  readonly answer: Promise<OperationAnswer>;
  /** The guest wants no answer any more: the host is told, and `answer` rejects with the reason. */
  kill(reason: unknown): void;
}

/** Starts an operation; throws when the invocation is over. */
export function startOperation(invocation: Invocation, request: OperationRequest): Started {
  if (invocation.over) {
    throw new NativeError(
      'Cannot use a binding of an invocation that is over; use the env of the request at hand, or ctx.waitUntil to keep it alive',
    );
  }
  const number = invocation.nextOperation();
  let waiting!: WaitingOperation;
  const answer = new NativePromise<OperationAnswer>((resolve, reject) => {
    waiting = new WaitingOperation({ invocation, number, resolve, reject, own: request.own !== undefined });
  });
  send(invocation, number, request);
  return { answer, kill: (reason) => waiting.kill(reason) };
}

/** An operation whose answer is wanted whatever happens. */
export function operate(invocation: Invocation, request: OperationRequest): Promise<OperationAnswer> {
  return startOperation(invocation, request).answer;
}

function send(invocation: Invocation, number: number, request: OperationRequest): void {
  const { bytes, stream } = request;
  const length = bytes === undefined ? -1 : viewLength(bytes);
  const inline = bytes !== undefined && (request.whole === true || length <= inlineBytes);
  const offset = inline ? writeBytes(copyBytes(bytes, 0, length)) : 0;
  const streamed = request.own !== undefined || stream !== undefined || (bytes !== undefined && !inline);
  const head = `${number},${quote(request.binding)},${quote(request.method)},${request.args}`;
  invocation.emit(Out.Operation, `[${head},${offset},${inline ? length : -1},${streamed ? 1 : 0}]`);
  if (!streamed) return;
  if (request.own !== undefined) return request.own(number);
  const body = new OutgoingBody(invocation, number, () => undefined);
  if (stream !== undefined) void body.sendStream(stream);
  else if (bytes !== undefined) void body.sendBytes(copyBytes(bytes, 0, length));
}

interface Slot {
  readonly invocation: Invocation;
  readonly number: number;
  readonly resolve: (answer: OperationAnswer) => void;
  readonly reject: (reason: unknown) => void;
  readonly own: boolean;
}

class WaitingOperation implements Waiting {
  readonly #slot: Slot;

  constructor(slot: Slot) {
    this.#slot = slot;
    slot.invocation.operations[slot.number] = this;
    slot.invocation.activity++;
  }

  succeed(value: unknown, bytes: Uint8Array | undefined, body: boolean): void {
    const { invocation, number, resolve, own } = this.#slot;
    if (!this.#leave()) return;
    // A prototype-less answer: resolving must not meet a `then` that the guest put on Object.prototype.
    const answer = {
      __proto__: null,
      value,
      bytes,
      body: body && !own ? new IncomingBody(invocation, number + 1) : undefined,
    };
    resolve(answer);
  }

  fail(error: unknown): void {
    if (this.#leave()) this.#slot.reject(toError(error));
  }

  drop(reason: Error): void {
    if (this.#leave()) this.#slot.reject(reason);
  }

  kill(reason: unknown): void {
    if (!this.#leave()) return;
    const { invocation, number, reject } = this.#slot;
    invocation.emit(Out.Kill, `[${number}]`);
    invocation.outgoing[number]?.drop(reason);
    reject(reason);
  }

  #leave(): boolean {
    const { invocation, number } = this.#slot;
    if (invocation.operations[number] !== this) return false;
    delete invocation.operations[number];
    invocation.activity--;
    return true;
  }
}

/** A host's `{name, message, code}` as the guest sees it. */
export function toError(value: unknown): Error {
  const { name, message, code } = { __proto__: null, ...(value as object) } as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
  };
  const text = typeof message === 'string' ? message : 'The operation failed';
  const error = build(name, text);
  if (typeof code === 'string') set(error, 'code', code);
  return error;
}

function set(error: Error, key: string, value: string): void {
  defineProperty(error, key, { __proto__: null, value, writable: true, configurable: true } as never);
}

function build(name: unknown, message: string): Error {
  switch (name) {
    case 'TypeError':
      return new NativeTypeError(message);
    case 'RangeError':
      return new NativeRangeError(message);
    case 'AbortError':
    case 'DataError':
    case 'EncodingError':
    case 'InvalidAccessError':
    case 'NotSupportedError':
    case 'OperationError':
    case 'QuotaExceededError':
    case 'SyntaxError':
    case 'TimeoutError':
      return createDomException(message, name);
    default: {
      const error = new NativeError(message);
      if (typeof name === 'string' && name !== 'Error') set(error, 'name', name);
      return error;
    }
  }
}

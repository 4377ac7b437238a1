import { performance } from 'node:perf_hooks';
import { In } from '#runtime/guest/protocol.ts';
import type { GuestError } from '#runtime/outcome.ts';
import { SocketScanner } from '#runtime/socket-frames.ts';
import type { HostInstance } from './host-instance.ts';
import type { Invocation } from './invocation.ts';
import type { ResponseHead } from './lines.ts';

export interface AcceptedSocketOptions {
  /** Messages passed; from the client they renew what the guest may do. */
  readonly passed: (direction: 'in' | 'out', count: number) => void;
}

const periodMs = 1000;

/**
 * The connection of an invocation that is a WebSocket. It is not in flight in its instance any more, and has a clock of its
 * own; what passes is counted and held to `messageBytes`.
 */
export class AcceptedSocket {
  readonly #invocation: Invocation;
  readonly #instance: HostInstance;
  readonly #passed: AcceptedSocketOptions['passed'];
  readonly #in: SocketScanner;
  readonly #out: SocketScanner;
  #renewedAt: number = performance.now();
  /** What the invocation's deadline is for. */
  clock: 'socketMs' | 'wallMs' = 'socketMs';

  private constructor(invocation: Invocation, instance: HostInstance, options: AcceptedSocketOptions) {
    const { messageBytes, socketMs } = invocation.pool.target.deployment.limits;
    this.#invocation = invocation;
    this.#instance = instance;
    this.#passed = options.passed;
    this.#in = new SocketScanner(messageBytes);
    this.#out = new SocketScanner(messageBytes);
    instance.inFlight--;
    instance.sockets++;
    invocation.deadline = performance.now() + socketMs;
  }

  /** Ends the invocation and gives undefined where this head cannot make a WebSocket of its connection. */
  static open(
    invocation: Invocation,
    head: ResponseHead,
    options: AcceptedSocketOptions,
  ): AcceptedSocket | undefined {
    const refusal = refusalOf(invocation, head);
    const { instance, pool } = invocation;
    if (refusal !== undefined) invocation.fault(refusal);
    else if (instance !== undefined && !pool.hasSocket(instance)) invocation.exceed('sockets');
    else if (instance !== undefined) return new AcceptedSocket(invocation, instance, options);
    return undefined;
  }

  /** From the client, on to the guest. */
  received(bytes: Uint8Array): void {
    const before = this.#in.messages;
    this.#in.push(bytes);
    const count = this.#in.messages - before;
    if (count > 0) this.#passed('in', count);
    this.#invocation.send(In.Chunk, `0,0,${bytes.length}`, bytes);
  }

  /** Counts what the guest sends; false when that has ended the invocation. Throws TypeError for what is no frame. */
  count(bytes: Uint8Array): boolean {
    const before = this.#out.messages;
    this.#out.push(bytes);
    if (this.#out.tooLong) this.#invocation.exceed('messageBytes');
    else if (this.#out.messages > before) this.#passed('out', this.#out.messages - before);
    return !this.#out.tooLong;
  }

  /** True once in a second: a socket that only sends has its operations anew then. */
  renews(): boolean {
    const now = performance.now();
    if (now - this.#renewedAt < periodMs) return false;
    this.#renewedAt = now;
    return true;
  }

  /** It is closed: what follows is work after the answer, like any. */
  closed(): void {
    this.clock = 'wallMs';
    this.#invocation.shorten(this.#invocation.pool.target.deployment.limits.wallMs);
  }

  leave(): void {
    this.#instance.sockets--;
  }
}

function refusalOf({ call, pool }: Invocation, { body }: ResponseHead): GuestError | undefined {
  const refuse = (message: string): GuestError => ({ name: 'TypeError', message, phase: 'result' });
  if (body.kind !== 'stream' || pool.target.code?.kind === 'wasm')
    return refuse('Cannot answer with status 101: only a Response with a webSocket has it');
  if (call.kind === 'request' && call.upgrade === true) return undefined;
  return refuse(
    'Cannot accept a WebSocket: the request does not ask for one over HTTP; look at its upgrade header, and answer with 426',
  );
}

import type { Socket } from 'node:net';
import { KnownHead } from './known-head.ts';

/**
 * What to do with a connection that no longer speaks HTTP: `wait` for the answer under way, which then closes it;
 * `refuse` at once; `destroy`, where a refusal would be taken for another request's answer.
 */
export type Remedy = 'wait' | 'refuse' | 'destroy';

/** One request on a connection that is not fully answered yet. */
export interface Pending {
  /** The connection is gone. */
  gone(): void;
  /** What arrived after this request, or in its body, is not HTTP. Asked of the last one only. */
  broken(): Remedy;
}

/** What the gateway knows of one socket: who is at the other end, and what waits for an answer on it. */
export class Connection {
  readonly ip: string;
  /** In order of arrival; more than one when the client pipelines. */
  readonly #pending: Pending[] = [];
  #closing = false;
  #known: KnownHead | undefined;

  constructor(socket: Socket) {
    const address = socket.remoteAddress ?? '';
    this.ip = address.startsWith('::ffff:') ? address.slice(7) : address;
    socket.once('close', () => {
      for (const pending of this.#pending.splice(0)) pending.gone();
    });
  }

  add(pending: Pending): void {
    this.#pending.push(pending);
  }

  delete(pending: Pending): void {
    if (this.#pending[0] === pending) this.#pending.shift();
    else if (this.#pending.length > 0) {
      const at = this.#pending.indexOf(pending);
      if (at > 0) this.#pending.splice(at, 1);
    }
  }

  get pending(): readonly Pending[] {
    return this.#pending;
  }

  /** Reads a request's headers, or finds that they are those of the request before. */
  readHead(raw: readonly string[], trustProxy: boolean): KnownHead {
    const known = this.#known;
    if (known?.fits(raw, trustProxy) === true) return known;
    return new KnownHead(raw, trustProxy);
  }

  /** Large ones are not kept: a connection may be idle for long. */
  keepHead(head: KnownHead): void {
    if (this.#known !== head) this.#known = head.small ? head : undefined;
  }

  /** Nothing more is read here: the last answer under way shall say `connection: close`. */
  close(): void {
    this.#closing = true;
  }

  /** True when the answer to `pending` is the last one here; closing earlier would cost the others theirs. */
  closesAfter(pending: Pending, hostClosing: boolean): boolean {
    return (hostClosing || this.#closing) && this.#pending.at(-1) === pending;
  }
}

const connections = new WeakMap<Socket, Connection>();

/** The Connection of a socket, made at its first request. */
export function connectionOf(socket: Socket): Connection {
  const known = connections.get(socket);
  if (known !== undefined) return known;
  const connection = new Connection(socket);
  connections.set(socket, connection);
  return connection;
}

/** The Connection of a socket that has had a request. */
export function knownConnection(socket: Socket): Connection | undefined {
  return connections.get(socket);
}

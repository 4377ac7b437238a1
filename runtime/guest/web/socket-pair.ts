import {
  closed,
  open,
  type SocketCore,
  type SocketData,
  type SocketEnding,
  type SocketLine,
  type SocketListener,
} from './socket-core.ts';

/** Carries the messages of one end of a WebSocketPair to the other, within the isolate. */
class PairLine implements SocketLine {
  readonly #own: SocketCore;
  readonly #other: SocketCore;

  constructor(own: SocketCore, other: SocketCore) {
    this.#own = own;
    this.#other = other;
  }

  send(data: SocketData): void {
    const other = this.#other;
    this.#own.sent(data.bytes.length);
    // What is only kept makes no event, and keeps its place before what comes after the pair is parted.
    if (other.accepted) void this.#later(() => other.received(data));
    else other.received(data);
  }

  close(code: number, reason: string): void {
    const ending = { code, reason, clean: true };
    const other = this.#other;
    if (!other.accepted) other.ended(ending);
    void this.#later(() => {
      // Parted by now: the wire tells how it ended.
      if (other.relayed) return;
      if (other.accepted) other.ended(ending);
      this.#own.ended(ending);
    });
  }

  open(): void {
    // Both ends are here.
  }

  part(): SocketCore {
    return this.#other;
  }

  /** In a turn of its own, as if it had come over a network. */
  async #later(step: () => void): Promise<void> {
    // oxlint-disable-next-line typescript/await-thenable -- one round of microtasks, no promise to wait for
    await undefined;
    step();
  }
}

/** Makes two sockets each other's far end, open both. */
export function connectPair(one: SocketCore, other: SocketCore): void {
  one.line = new PairLine(one, other);
  other.line = new PairLine(other, one);
  one.state = open;
  other.state = open;
}

/** A line over a network that reports to whoever is its listener. */
export interface Wire extends SocketLine {
  listener: SocketListener;
}

/**
 * Makes `wire` the far end of what `core` was handed on as: of the guest's own end, where `core` is the other end of a
 * pair, else of the connection that `core` is.
 */
export function handOver(core: SocketCore, wire: Wire): void {
  const { line } = core;
  const far = line instanceof PairLine ? line.part() : undefined;
  core.handOn({
    received: (data) => wire.send(data),
    ended: (ending) => wire.close(toWire(ending.code), ending.reason),
    sent: () => undefined,
  });
  core.state = closed;
  if (far === undefined) {
    wire.listener = new Through(line);
    line?.open();
    wire.open();
    return;
  }
  far.line = wire;
  wire.listener = far;
  if (far.accepted) wire.open();
}

/** What comes over one wire goes out over another. */
class Through implements SocketListener {
  readonly #line: SocketLine | undefined;

  constructor(line: SocketLine | undefined) {
    this.#line = line;
  }

  received(data: SocketData): void {
    this.#line?.send(data);
  }

  ended(ending: SocketEnding): void {
    this.#line?.close(toWire(ending.code), ending.reason);
  }

  sent(): void {
    // The other side has its own account.
  }
}

/** 1006 and 1015 are never sent (RFC 6455, 7.4.1); 1005 here means that no code is. */
function toWire(code: number): number {
  return code === 1006 || code === 1015 ? 1011 : code;
}

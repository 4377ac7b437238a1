import { createBlob } from './blob.ts';
import { CloseEvent } from './close-event.ts';
import { decodeUtf8 } from './encoding.ts';
import { Event } from './event.ts';
import { type EventTarget, fire } from './event-target.ts';
import { MessageEvent } from './message-event.ts';

/** WebSockets, 3.1: readyState. */
export const connecting = 0;
export const open = 1;
export const closing = 2;
export const closed = 3;

/** A message: text is UTF-8. */
export interface SocketData {
  readonly binary: boolean;
  readonly bytes: Uint8Array;
}

/** How a socket ended. Code 1005: the close frame had none; 1006: there was no close frame. */
export interface SocketEnding {
  readonly code: number;
  readonly reason: string;
  readonly clean: boolean;
}

/** What carries the messages of a socket to the other end. */
export interface SocketLine {
  /** Takes ownership. */
  send(data: SocketData): void;
  /** Code 1005: none. The ending comes later, from the line. */
  close(code: number, reason: string): void;
  /** From now on messages are taken. */
  open(): void;
}

/** What a line tells of the other end. */
export interface SocketListener {
  received(data: SocketData): void;
  /** The last thing it tells. */
  ended(ending: SocketEnding): void;
  /** So many bytes of messages have left. */
  sent(bytes: number): void;
}

interface Kept {
  readonly data: SocketData;
  next: Kept | undefined;
}

/** One end of a WebSocket, behind the object that guests see. */
export class SocketCore implements SocketListener {
  readonly target: EventTarget;
  state: number = connecting;
  url = '';
  protocol = '';
  extensions = '';
  binaryType: 'blob' | 'arraybuffer' = 'blob';
  /** Messages become events; until then they are kept. */
  accepted = false;
  /** Of messages; what was sent after the end counts and stays. */
  buffered = 0;
  line: SocketLine | undefined;
  /** Takes everything in the guest's place: the socket was handed on with a Response. */
  #relay: SocketListener | undefined;
  #first: Kept | undefined;
  #last: Kept | undefined;
  #ending: SocketEnding | undefined;

  constructor(target: EventTarget) {
    this.target = target;
  }

  get relayed(): boolean {
    return this.#relay !== undefined;
  }

  opened(protocol: string, extensions: string): void {
    if (this.state !== connecting) return;
    this.protocol = protocol;
    this.extensions = extensions;
    this.state = open;
    fire(this.target, new Event('open'));
  }

  received(data: SocketData): void {
    if (this.#relay !== undefined) return this.#relay.received(data);
    if (this.accepted && this.#first === undefined) return this.#dispatch(data);
    const kept: Kept = { data, next: undefined };
    if (this.#last === undefined) this.#first = kept;
    else this.#last.next = kept;
    this.#last = kept;
  }

  ended(ending: SocketEnding): void {
    if (this.#relay !== undefined) return this.#relay.ended(ending);
    if (this.#first !== undefined || (!this.accepted && this.state === open)) this.#ending = ending;
    else this.#finish(ending);
  }

  sent(bytes: number): void {
    this.buffered = this.buffered > bytes ? this.buffered - bytes : 0;
  }

  /** Events from now on, what is kept first, in a later turn so that listeners can be added. */
  accept(): void {
    if (this.accepted) return;
    this.accepted = true;
    this.line?.open();
    void this.#release();
  }

  /** Hands everything to `relay`, what is kept first. */
  handOn(relay: SocketListener): void {
    this.#relay = relay;
    for (let kept = this.#takeKept(); kept !== undefined; kept = this.#takeKept()) relay.received(kept.data);
    if (this.#ending !== undefined) relay.ended(this.#ending);
  }

  async #release(): Promise<void> {
    // oxlint-disable-next-line typescript/await-thenable -- one round of microtasks, no promise to wait for
    await undefined;
    for (let kept = this.#first; kept !== undefined; kept = this.#first) {
      this.#dispatch(kept.data);
      this.#takeKept();
    }
    if (this.#ending !== undefined) this.#finish(this.#ending);
  }

  #takeKept(): Kept | undefined {
    const kept = this.#first;
    this.#first = kept?.next;
    if (this.#first === undefined) this.#last = undefined;
    return kept;
  }

  #dispatch(data: SocketData): void {
    if (this.state !== open) return;
    const init = { __proto__: null, data: this.#toData(data), origin: originOf(this.url) };
    fire(this.target, new MessageEvent('message', init));
  }

  #toData({ binary, bytes }: SocketData): unknown {
    if (!binary) return decodeUtf8(bytes);
    if (this.binaryType === 'blob') return createBlob(bytes, '');
    const { buffer, byteLength } = bytes;
    return buffer.byteLength === byteLength ? buffer : new Uint8Array(bytes).buffer;
  }

  #finish({ code, reason, clean }: SocketEnding): void {
    if (this.state === closed) return;
    this.state = closed;
    this.#ending = undefined;
    if (!clean) fire(this.target, new Event('error'));
    fire(this.target, new CloseEvent('close', { __proto__: null, code, reason, wasClean: clean }));
  }
}

/** HTML: the origin of a message is that of the socket's URL, which is serialised. */
function originOf(url: string): string {
  if (url === '') return '';
  const slash = url.indexOf('/', url.indexOf('//') + 2);
  return slash === -1 ? url : url.slice(0, slash);
}

import { blobBytes, isBlob } from './blob.ts';
import { createDomException } from './dom-exception.ts';
import { encodeUtf8 } from './encoding.ts';
import { EventTarget, handlerAttribute } from './event-target.ts';
import { io } from './io.ts';
import { closed, closing, connecting, open, SocketCore } from './socket-core.ts';
import { connectPair } from './socket-pair.ts';
import { toSocketAddress, toProtocols } from './socket-address.ts';
import { requireArguments, shapeInterface, toUsvString, viewBytes } from './webidl.ts';

/** The core behind a WebSocket of ours; undefined for anything else. Never calls guest code. */
export let socketCore: (value: unknown) => SocketCore | undefined;
/** An open WebSocket over a line that another module has opened; it waits for `accept`. */
export let createSocket: (set: (core: SocketCore) => void) => WebSocket;

const key: unique symbol = Symbol('WebSocket');
/** RFC 6455, 5.5: a control frame has 125 bytes, and the code takes two. */
const mostReasonBytes = 123;

/** WebSockets, 3.1, with `accept` as Workers have it. */
export class WebSocket extends EventTarget {
  readonly #core: SocketCore = new SocketCore(this);
  /** Made by the constructor: it may close with the standard's codes only. */
  readonly #strict: boolean;

  static {
    socketCore = (value) =>
      typeof value === 'object' && value !== null && #core in value ? value.#core : undefined;
    createSocket = (set) => {
      const socket = new WebSocket(key);
      set(socket.#core);
      return socket;
    };
  }

  constructor(url: unknown, protocols: unknown = undefined) {
    super();
    this.#strict = url !== key;
    if (url === key) {
      this.#core.state = open;
      this.#core.binaryType = 'arraybuffer';
      return;
    }
    requireArguments(arguments.length, 1, 'new WebSocket');
    const address = toSocketAddress(toUsvString(url));
    const names = toProtocols(protocols);
    this.#core.url = address.href;
    this.#core.accepted = true;
    if (io.connect === undefined) throw new TypeError('There is no network here');
    io.connect(this.#core, { ...address, protocols: names });
  }

  get url(): string {
    return this.#core.url;
  }
  get readyState(): number {
    return this.#core.state;
  }
  get bufferedAmount(): number {
    return this.#core.buffered;
  }
  get extensions(): string {
    return this.#core.extensions;
  }
  get protocol(): string {
    return this.#core.protocol;
  }
  get binaryType(): string {
    return this.#core.binaryType;
  }
  set binaryType(value: unknown) {
    const core = this.#core;
    // Web IDL: a value that the enumeration lacks is ignored.
    if (value === 'blob' || value === 'arraybuffer') core.binaryType = value;
  }

  /** Messages become events from now on; for sockets that were not made by the constructor. */
  accept(): void {
    if (this.#core.relayed)
      throw new TypeError('Cannot accept a WebSocket that was handed on with a Response');
    this.#core.accept();
  }

  send(data: unknown): void {
    requireArguments(arguments.length, 1, 'WebSocket.send');
    const core = this.#core;
    const binary = toBytes(data);
    // A copy, since the guest may go on with its own bytes.
    const bytes = binary === undefined ? encodeUtf8(toUsvString(data)) : new Uint8Array(binary);
    if (core.state === connecting)
      throw createDomException('Cannot send: the WebSocket is not open yet', 'InvalidStateError');
    if (!core.accepted) throw new TypeError('Cannot send: call accept() on the WebSocket first');
    core.buffered += bytes.byteLength;
    if (core.state === open) core.line?.send({ binary: binary !== undefined, bytes });
  }

  close(code: unknown = undefined, reason: unknown = undefined): void {
    const core = this.#core;
    const number = code === undefined ? undefined : clamp(code);
    const text = reason === undefined ? '' : toUsvString(reason);
    if (number !== undefined && !(this.#strict ? isPlain(number) : isAnyCode(number)))
      throw createDomException(
        `Cannot close with code ${number}; use 1000 or 3000 to 4999`,
        'InvalidAccessError',
      );
    if (encodeUtf8(text).byteLength > mostReasonBytes)
      throw createDomException('Cannot close: the reason is longer than 123 bytes', 'SyntaxError');
    if (core.state === closing || core.state === closed) return;
    core.state = closing;
    core.line?.close(number ?? (text === '' ? 1005 : 1000), text);
  }
}

/** Workers: two sockets that are each other's far end; one goes out with a Response. */
export class WebSocketPair {
  readonly 0: WebSocket;
  readonly 1: WebSocket;

  constructor() {
    let one: SocketCore | undefined;
    let other: SocketCore | undefined;
    this[0] = createSocket((core) => (one = core));
    this[1] = createSocket((core) => (other = core));
    if (one !== undefined && other !== undefined) connectPair(one, other);
  }
}

/** The bytes of binary data, not copied; undefined for what is sent as text. */
function toBytes(data: unknown): Uint8Array | undefined {
  return isBlob(data) ? blobBytes(data) : viewBytes(data);
}

/** Web IDL: [Clamp] unsigned short. */
function clamp(value: unknown): number {
  const number = Number(value);
  if (!(number > 0)) return 0;
  if (number >= 65_535) return 65_535;
  const floor = Math.floor(number);
  const rest = number - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function isPlain(code: number): boolean {
  return code === 1000 || (code >= 3000 && code <= 4999);
}

/** What an endpoint may send (RFC 6455, 7.4, and IANA's registry). */
function isAnyCode(code: number): boolean {
  return isPlain(code) || (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006));
}

shapeInterface(WebSocket.prototype, 'WebSocket');
shapeInterface(WebSocketPair.prototype, 'WebSocketPair');
for (const type of ['open', 'error', 'close', 'message']) {
  const attribute = { ...handlerAttribute(type), enumerable: true, configurable: true };
  Object.defineProperty(WebSocket.prototype, `on${type}`, attribute);
}
for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
  Object.defineProperty(WebSocket, name, { value, enumerable: true });
  Object.defineProperty(WebSocket.prototype, name, { value, enumerable: true });
}

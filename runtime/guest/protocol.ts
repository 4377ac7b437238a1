/**
 * What crosses between the engine (runtime/isolate) and the bootstrap inside an isolate. Both sides import this file.
 *
 * Inwards the engine calls the function the bootstrap returned, once per message, each call its own entry, so that
 * all the microtasks a message causes run before the next message and belong to that message's invocation:
 *   deliver(text, bytes | undefined, more, now)
 *     text  one JSON array, see `In`; bytes: an ArrayBuffer that [off, len] pairs in the message point into
 *     more  1 when another message follows at once: the bootstrap then keeps its output for the last one;
 *           2: text is a row of Request messages without bytes, joined by "\n". Each begins when the one before is
 *           over, with all its microtasks; one that waits ends the row, and marker[1] tells who was last;
 *           3 and 4: as 0 and 2, in an entry that runs on the cell's own thread
 *     now   milliseconds since the epoch (fraction allowed); the guest's clock stands still within an entry
 * Outwards the bootstrap calls send(text, bytes | undefined), an ignored callback (asynchronous, no result), or in an
 * entry on the cell's own thread sendNow with the same arguments, a synchronous one.
 *   text  lines joined by "\n"; each is a letter, the invocation's number, a space, and JSON text (see `Out`);
 *         JSON text never holds a raw newline. bytes: one ArrayBuffer for all [off, len] pairs of these lines.
 * The engine treats every line as hostile input.
 *
 * Invocation numbers are positive integers, unique per cell; 0 means "no invocation" (start-up, or unknown).
 * Streams are numbered within an invocation: 0 request body (in), 1 response body (out); an operation takes an
 * even number n >= 2 from the guest: n is its body (out), n + 1 its answer's body (in).
 * The sender of a stream starts with `initialCredit` bytes and may send as much as the receiver has granted.
 */
export const initialCredit: number = 256 * 1024;
/** `more` of an entry on the cell's own thread, and of a row in one. */
export const directEntry = 3;
export const directRow = 4;
/** No chunk is longer than this. */
export const chunkBytes: number = 64 * 1024;
/** Bodies that are known whole and not longer than this go inline with the head. */
export const inlineBytes: number = 256 * 1024;

/**
 * A WebSocket is a pair of streams that carry frames, each
 *   u8 kind | u32 length of what follows, little-endian | payload
 * cut into chunks as bodies are. One that the function accepted is its answer's body (stream 1), and what the client
 * sends is the request's (stream 0): an `H` line with status 101 and kind 3. One that it opens is operation "connect" of
 * binding "", with the body of the operation and that of its answer.
 */
export const SocketFrame = {
  /** UTF-8, checked by whoever reads it off a network. */
  Text: 1,
  Binary: 2,
  /** To the guest: u16 code (1005: none came, 1006: broken off), u8 1 when both sides closed it, reason; the stream ends.
   * From the guest: u16 code (1005: none), reason: close it; the stream stays open until the other one has ended. */
  Close: 8,
} as const;
export const socketHeaderBytes: number = 5;

/** First element of a message to the guest. */
export const In = {
  /** [0, inv, RequestHead, off, len] a web request; off/len used when head.b is 1 */
  Request: 0,
  /** [1, inv, stream, off, len] a body chunk */
  Chunk: 1,
  /** [2, inv, stream] end of a body */
  End: 2,
  /** [3, inv, stream, message, code?] a body failed */
  Fail: 3,
  /** [4, inv, stream, n] n more bytes may be sent on an outgoing stream */
  Credit: 4,
  /** [5, inv, stream] the receiver wants no more of an outgoing stream */
  Cancel: 5,
  /** [6, inv, op, ok, value, off, len, streamed] answer to operation op: ok 1: value is the answer's JSON value,
   * bytes when len >= 0, body on stream op + 1 when streamed is 1; ok 0: value is {name, message, code} */
  Answer: 6,
  /** [7, inv] the caller went away: abort request.signal */
  Abort: 7,
  /** [8, inv, timer] a timer is due */
  Timer: 8,
  /** [9, inv, EventHead] an event for an event handler */
  Event: 9,
  /** [10] send what is kept (after an entry was terminated) */
  Flush: 10,
  /** [11, inv] the invocation is over (limit, crash of a body …): drop its state */
  Drop: 11,
} as const;

/**
 * A web request as the host describes it. `h` is flat: name, value, name, value; names in lower case. The host writes
 * id, d, b, m, u, h in this order and without spaces, so that `request-line.ts` need not parse what nobody looks at.
 */
export interface RequestHead {
  /** method */
  readonly m: string;
  /** absolute URL as the guest sees it (prefix already stripped), normalised by the host */
  readonly u: string;
  readonly h: readonly string[];
  /** body: 0 none, 1 inline, 2 stream 0 */
  readonly b: 0 | 1 | 2;
  /** invocation id as users see it (UUID form) */
  readonly id: string;
  /** deadline, milliseconds since the epoch */
  readonly d: number;
  /** what only the host knows; for event handlers: client address */
  readonly ip?: string;
  /** runtime/caller.ts: `ctx.user` and `requestContext.authorizer`; null where a rule looked and found nobody */
  readonly user?: unknown;
}

/** An event for `handler(event, context)` or a custom event; `e` is any JSON value. */
export interface EventHead {
  readonly e: unknown;
  readonly id: string;
  readonly d: number;
  /** AWS client context, when the caller sent one */
  readonly c?: unknown;
}

/** First letter of a line from the guest; what follows the number and the space. */
export const Out = {
  /** H [status, [name, value, …], kind, body] head of the response. kind 0: no body; 1: body is text, whole;
   * 2: body is [off, len], whole; 3: body follows on stream 1; with status 101: the socket is accepted (SocketFrame) */
  Head: 'H',
  /** A: like H (kinds 0, 1, 2 only), and the invocation is finished: no waitUntil is pending */
  Answer: 'A',
  /** C [stream, off, len] */
  Chunk: 'C',
  /** E [stream] */
  End: 'E',
  /** F [stream, message] */
  Fail: 'F',
  /** G [stream, n] grant n more bytes on an incoming stream */
  Credit: 'G',
  /** X [stream] cancel an incoming stream */
  Cancel: 'X',
  /** O [op, binding, method, args, off, len, streamed] an operation on env[binding]; binding "" is the runtime
   * itself: a service of the cell (runtime/isolate/services/table.ts), else the host's (fetch, connect). len -1: no bytes;
   * streamed 1: body on stream op */
  Operation: 'O',
  /** K [op] the guest no longer wants the answer to operation op (abort) */
  Kill: 'K',
  /** T [timer, ms, repeat] repeat 0 or 1; ms 0: as soon as this turn is over */
  Timer: 'T',
  /** U [timer] clear */
  ClearTimer: 'U',
  /** L [level, text] one log line; level: debug, log, info, warn, error */
  Log: 'L',
  /** R [json text | null] an event handler's result: JSON.stringify of the value (null where that is undefined) */
  Returned: 'R',
  /** Z [name, message, stack, phase] the invocation failed; phase: startup | handler | result */
  Threw: 'Z',
  /** N [reason] no handler for this event */
  NoHandler: 'N',
  /** D [] finished: the answer is complete and every waitUntil settled. Follows H (kind 3), R, Z, N */
  Done: 'D',
  /** S [kinds] the top level ran; kinds: ["fetch", "handler", "scheduled", "queue"] as found in the exports */
  Started: 'S',
} as const;

/**
 * What the bootstrap script's value is called with, once, in a fresh isolate, before any guest code:
 * install(send, sync, marker, entropy, serve) -> { deliver, prepare, start }
 *   sync(method, text) -> text   a synchronous call to the cell (rare, cheap): "idna" (host to ASCII, "" on failure),
 *                                "entropy" (base64 of 4096 random bytes), "memory" (no answer: WebAssembly's memories
 *                                and the heap are over memoryMb, and the instance has to end)
 *   marker  an Int32Array over shared memory: the bootstrap writes marker[0] = inv when an entry begins, 0 at flush;
 *           marker[1], where there is one, is written likewise but never cleared: who ran last
 *   entropy 4096 random bytes as ArrayBuffer; refilled through sync when used up
 *   serve(method, args, bytes | undefined) -> [1, value, bytes | undefined] | [0, error]
 *           a service of the cell, for which the guest's thread waits; the same services that an operation on
 *           binding "" reaches without waiting. args: JSON text of an array; value: JSON text; error: JSON text of
 *           {name, message, code?}; bytes: ArrayBuffers, copied both ways. Both ways of calling are charged to the
 *           invocation that marker names, are done in the order asked, and take 32 MB at once at the most
 * prepare(StartHead JSON, now) comes before the guest's top level runs, so that this sees `process.env` and the time.
 * start(namespaceModule, StartHead JSON) takes the guest's module namespace and prepares handlers.
 */
export interface StartHead {
  readonly function: string;
  readonly version: number;
  readonly memoryMb: number;
  readonly vars: Readonly<Record<string, string>>;
  /** env names and the facade to build for each, e.g. { name: "KV", kind: "kv" } */
  readonly bindings: readonly { readonly name: string; readonly kind: string }[];
  /** seen as navigator.userAgent */
  readonly agent: string;
  /** what the manifest allows (runtime/allowance.ts); absent: nothing */
  readonly allow?: readonly string[];
}

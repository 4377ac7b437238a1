import type { Caller } from '#runtime/caller.ts';
import type { Origin } from '#runtime/functions.ts';
import type { Outcome } from '#runtime/outcome.ts';
import type { Usage } from '#runtime/meter.ts';
import type { Target } from './registry.ts';

/**
 * One call as its sender sees it, whoever the sender is: the HTTP gateway, `host.fetch`, `host.invoke`, the admin API.
 * `dispatch.start(target, call, sink)` takes a Call and answers through the Sink; it never throws and never rejects.
 */
export type Call = RequestCall | EventCall;

export interface RequestCall {
  readonly kind: 'request';
  readonly method: string;
  /** Absolute URL as the guest shall see it, already normalised and with its prefix stripped. */
  readonly url: string;
  /** Flat: name, value, name, value; names in lower case, hop-by-hop headers removed. */
  readonly headers: readonly string[];
  /** Method, URL, headers and address as `requestJson` makes them, from a sender that has them: requests repeat. */
  readonly json?: string;
  /** Whole body when it is already here; undefined when there is none or it is streamed. */
  readonly body?: Uint8Array;
  /** True when the body follows through `Handle.write` and `Handle.end`. */
  readonly streamed: boolean;
  /** True when it may become a WebSocket: the sink then takes a head with status 101, whose body is its frames. */
  readonly upgrade?: boolean;
  readonly ip: string;
  /** Who it is from, where an access rule asked; null where that found nobody. */
  readonly caller?: Caller | null;
  /** UUID form, where whoever took the call first gave it one. */
  readonly id?: string;
  /** Absent: it comes from outside. */
  readonly origin?: Origin;
}

export interface EventCall {
  readonly kind: 'event';
  /** The event, JSON text. Checked to be JSON by the sender. */
  readonly event: string;
  /** JSON text of AWS's client context. */
  readonly clientContext?: string;
  /** Absent: it comes from outside. */
  readonly origin?: Origin;
}

/** Where the answer goes. Exactly one `done` ends every call; `head` comes at most once before it. */
export interface Sink {
  /**
   * `headers` are flat and as the guest sent them; the sink drops what a guest may not set. `whole` is the whole body.
   * Status 101, only for a call with `upgrade`: from now on both bodies are frames (guest/protocol.ts, SocketFrame), the
   * sender writes what `wants` asks for, and ends when the socket is closed.
   */
  head(status: number, headers: readonly string[], body: Body): void;
  /** A piece of a streamed body; call `Handle.consumed` once it has been passed on. The sink owns the bytes. */
  chunk(bytes: Uint8Array): void;
  /** The streamed body is complete. */
  end(): void;
  /** Room for `bytes` more of a streamed request body. */
  wants(bytes: number): void;
  /**
   * The invocation is over, `waitUntil` included, and nothing follows. When no head was sent, the sink answers from
   * the outcome; when a streamed body was left open, the sink breaks it off.
   */
  done(outcome: Outcome, usage: Usage): void;
}

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'stream' };

/** What the sender may do with a call that is under way. Calls after `done` do nothing. */
export interface Handle {
  /** UUID form; unique. */
  readonly id: string;
  /** A piece of the streamed request body, at most what `Sink.wants` asked for. Takes ownership. */
  write(bytes: Uint8Array): void;
  end(): void;
  /** The sender's own body broke off. */
  fail(message: string): void;
  /** `bytes` of response chunks were passed on. */
  consumed(bytes: number): void;
  /** The response body is not wanted, e.g. after HEAD: its source is cancelled, the call goes on to its end. */
  discard(): void;
  /** The caller went away. */
  abort(): void;
}

/** What stands behind every door: finds an instance, runs the call in it, answers through the sink. */
export interface Dispatch {
  /** Never throws. The sink may be called before this returns. */
  start(target: Target, call: Call, sink: Sink): Handle;
}

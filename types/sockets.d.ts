/**
 * Workers: two ends of a WebSocket. A function accepts one by answering an upgrade request with
 * `new Response(null, { status: 101, webSocket: pair[0] })` and talks over `pair[1]`.
 */
export interface WebSocketPair {
  readonly 0: AcceptableWebSocket;
  readonly 1: AcceptableWebSocket;
}

/** A WebSocket that waits until it is accepted: those of a pair, and those that `fetch` gives. */
export interface AcceptableWebSocket extends WebSocket {
  /** Its messages become events from now on; before, it cannot send. */
  accept(): void;
}

declare global {
  // Workers' own declarations have the same names: projects with those take these types one by one.
  const WebSocketPair: { readonly prototype: WebSocketPair; new (): WebSocketPair };
  interface ResponseInit {
    /** With status 101: the end of a pair that goes to the client, or the socket of a Response that `fetch` gave. */
    webSocket?: WebSocket | null;
  }
  interface Response {
    /** The WebSocket that a `fetch` with `upgrade: websocket` opened; null where the server did not. */
    readonly webSocket: AcceptableWebSocket | null;
  }
}

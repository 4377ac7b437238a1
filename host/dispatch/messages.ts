import { In, type RequestHead } from '#runtime/guest/protocol.ts';
import type { Call } from '../call.ts';

/** What the first message of an invocation says beside the call itself. */
export interface FirstMessage {
  readonly number: number;
  /** UUID form. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly deadline: number;
}

/** The message that begins an invocation; its bytes, where it has some, are `call.body`. */
export function firstMessage(call: Call, { number, id, deadline }: FirstMessage): string {
  if (call.kind === 'event') {
    const rest = call.clientContext === undefined ? '' : `,"c":${call.clientContext}`;
    return `[${In.Event},${number},{"e":${call.event},"id":"${id}","d":${deadline}${rest}}]`;
  }
  const { body } = call;
  const head: RequestHead = {
    m: call.method,
    u: call.url,
    h: call.headers,
    b: call.streamed ? 2 : body === undefined ? 0 : 1,
    id,
    d: deadline,
    ip: call.ip,
  };
  return `[${In.Request},${number},${JSON.stringify(head)},0,${body?.length ?? 0}]`;
}

/** A piece of the sender's body, as the guest is told. */
export interface BodyMessage {
  readonly kind: number;
  readonly rest: string;
  readonly bytes: Uint8Array | undefined;
}

import type { Asked, Payer, Reply, ServiceDesk } from './desk.ts';
import { ServiceError } from './service.ts';

/** A call whose answer the guest's thread waits for, as it came from the isolate: hostile in every part. */
export interface BlockingCall {
  readonly method: unknown;
  /** JSON text of an array. */
  readonly args: unknown;
  readonly bytes: unknown;
}

/** [1, JSON value, bytes] or [0, JSON of {name, message, code}, undefined] (runtime/guest/protocol.ts, serve). */
export type BlockingReply = [0 | 1, string, ArrayBuffer | undefined];

/** Every call costs this thread and the guest's a visit to each other, in ms. Measured: 15 µs. */
const visitMs = 0.015;
const mostText = 2 ** 20;

/** Serves a call for whoever runs just now; nobody when its invocation is over already. Never rejects. */
export async function serveNow<Who extends Payer>(
  desk: ServiceDesk<Who>,
  payer: Who | undefined,
  call: BlockingCall,
): Promise<BlockingReply> {
  if (payer === undefined) return refuseCall();
  payer.cpuMs += visitMs;
  const asked = read(desk, call);
  const reply = asked && (await desk.ask(payer, asked));
  return toReply(reply ?? { ok: false, error: asked === undefined ? unknown : over });
}

/**
 * The same on the guest's own thread, where nobody can wait: undefined for work that cannot be done here and now, and the
 * guest must run on a thread of its own.
 */
export function serveAtOnce<Who extends Payer>(
  desk: ServiceDesk<Who>,
  payer: Who | undefined,
  call: BlockingCall,
): BlockingReply | undefined {
  if (payer === undefined) return refuseCall();
  const asked = read(desk, call);
  if (asked === undefined) return toReply({ ok: false, error: unknown });
  const reply = desk.askAtOnce(payer, asked);
  return reply && toReply(reply);
}

function read<Who extends Payer>(desk: ServiceDesk<Who>, call: BlockingCall): Asked | undefined {
  const { method } = call;
  const args = parse(call.args);
  if (args === undefined || !desk.serves(method)) return undefined;
  const bytes = call.bytes instanceof ArrayBuffer ? new Uint8Array(call.bytes) : new Uint8Array();
  return { method, args, bytes };
}

/** Before a function moves in nobody pays, and nobody is served. */
export function refuseCall(): BlockingReply {
  return toReply({ ok: false, error: over });
}

export function refuseLater(): Promise<BlockingReply> {
  return Promise.resolve(refuseCall());
}

/** What a guest is told that asks on this thread for what takes another one. */
export function needsThread(): BlockingReply {
  return toReply({ ok: false, error: notHere });
}

const over = new ServiceError('OperationError', 'The invocation is over');
const notHere = new ServiceError(
  'NotSupportedError',
  'This takes a thread of its own; import it at the top level',
);
const unknown = new ServiceError('NotSupportedError', 'The cell has no such service');

function parse(args: unknown): unknown {
  if (typeof args !== 'string' || args.length > mostText) return undefined;
  try {
    return JSON.parse(args);
  } catch {
    return undefined;
  }
}

function toReply(reply: Reply): BlockingReply {
  if (!reply.ok) {
    const { name, message, code } = reply.error;
    return [0, JSON.stringify({ name, message, code }), undefined];
  }
  const { value = null, bytes } = reply;
  return [1, JSON.stringify(value), bytes === undefined ? undefined : toBuffer(bytes)];
}

/** The bytes alone, never what lies around them. */
function toBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) return buffer;
  return buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
}

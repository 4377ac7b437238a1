import type { Payer, Reply, ServiceDesk } from './desk.ts';
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
  if (payer === undefined) return toReply({ ok: false, error: over });
  payer.cpuMs += visitMs;
  const args = parse(call.args);
  const bytes = call.bytes instanceof ArrayBuffer ? new Uint8Array(call.bytes) : new Uint8Array();
  const { method } = call;
  if (args === undefined || !desk.serves(method)) return toReply({ ok: false, error: unknown });
  const reply = await desk.ask(payer, { method, args, bytes });
  return toReply(reply ?? { ok: false, error: over });
}

/** Before a function moves in nobody pays, and nobody is served. */
export function refuseCall(): Promise<BlockingReply> {
  return Promise.resolve(toReply({ ok: false, error: over }));
}

const over = new ServiceError('OperationError', 'The invocation is over');
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

import { In } from '#runtime/guest/protocol.ts';
import type { InstanceSpec } from '#runtime/engine.ts';
import type { IdTable } from '#runtime/id-table.ts';
import type { Invocation } from './invocations.ts';

/** The streams of an invocation on which WebSocket messages come. */
export interface Sockets {
  readonly streams: Set<number>;
  /** Its own connection is one: its budgets are for a message, not for all of its life. */
  accepted: boolean;
  renewedAt: number;
}

/** What a socket that gets no messages has for its timers, it has for so long, in ms. */
const periodMs = 1000;
/** How a head with status 101 begins. */
const acceptedStart = '[101,';

/** A head that went out. */
export function noteHead(of: Invocation, json: string): void {
  if (!json.startsWith(acceptedStart)) return;
  const sockets = socketsOf(of);
  sockets.accepted = true;
  sockets.streams.add(0);
}

/** A WebSocket that the guest opens: operation `op`. */
export function noteConnect(of: Invocation, op: number): void {
  socketsOf(of).streams.add(op + 1);
}

/** The guest ended stream `number`. */
export function noteEnd(of: Invocation, number: number): void {
  of.sockets?.streams.delete(number + 1);
}

/**
 * Before messages go in: an invocation whose connection is a WebSocket has CPU and log anew for each message that comes
 * over it, or over those it opened, and for each second in which none does.
 */
export function renewBudgets(
  batch: readonly { readonly invocation: number; readonly text: string }[],
  invocations: IdTable<Invocation>,
  { cpuMs }: Pick<InstanceSpec['limits'], 'cpuMs'>,
): void {
  const now = performance.now();
  for (const { invocation, text } of batch) {
    const found = invocations.get(invocation);
    const sockets = found?.sockets;
    if (found === undefined || sockets?.accepted !== true) continue;
    if (!isMessage(sockets, invocation, text) && now - sockets.renewedAt < periodMs) continue;
    // Those of one batch are judged together: each beyond the first adds its budget to what the first has.
    const spent = sockets.renewedAt === now ? cpuMs : found.cpuMs;
    found.cpuBeforeMs += spent;
    found.cpuMs -= spent;
    found.logBytes = 0;
    found.logLines = 0;
    sockets.renewedAt = now;
  }
}

/** True for the text of a Chunk on one of the streams. */
function isMessage({ streams }: Sockets, invocation: number, text: string): boolean {
  const start = `[${In.Chunk},${invocation},`;
  if (!text.startsWith(start)) return false;
  return streams.has(Number(text.slice(start.length, text.indexOf(',', start.length))));
}

function socketsOf(of: Invocation): Sockets {
  of.sockets ??= { streams: new Set(), accepted: false, renewedAt: performance.now() };
  return of.sockets;
}

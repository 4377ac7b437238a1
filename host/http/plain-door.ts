import { randomUUID } from 'node:crypto';
import { outcomeRefusal } from './error-answer.ts';
import type { Refusal } from './error-answer.ts';
import type { Shared } from './exchange.ts';
import type { GatewayOptions } from './gateway.ts';
import type { KnownHead } from './known-head.ts';
import { PlainExchange } from './plain-exchange.ts';
import type { PlainWire } from './plain-exchange.ts';
import type { PlainRequest } from './plain-request.ts';
import { findFunction, toCall } from './request-call.ts';

/** A plain request with its headers as they were read, from the connection it came on. */
export interface PlainArrival extends PlainRequest {
  readonly known: KnownHead;
}

/** Takes a request, in the turn it came in; its answer goes over the wire. */
export type PlainTaker = (arrival: PlainArrival, wire: PlainWire) => void;

/** What the gateway does with a request of its own server, for one that node:http did not parse. */
export function takePlain(
  { options, shared }: { readonly options: GatewayOptions; readonly shared: Shared },
  arrival: PlainArrival,
  wire: PlainWire,
): void {
  const exchange = new PlainExchange(shared, wire, { method: arrival.method, last: arrival.fields.last });
  wire.begin(exchange);
  try {
    const refusal = start(options, arrival, exchange);
    if (refusal !== undefined) exchange.refuse(refusal, randomUUID());
  } catch (error) {
    const detail = error instanceof Error ? error.stack : String(error);
    const message = `Cannot take ${arrival.method} ${arrival.target}: ${detail}`;
    options.log({ level: 'error', message, at: Date.now() });
    exchange.refuse(outcomeRefusal({ kind: 'crashed', cause: 'internal' }), randomUUID());
  }
}

function start(
  { registry }: GatewayOptions,
  { method, target, known, body }: PlainArrival,
  exchange: PlainExchange,
): Refusal | undefined {
  const asked = { method, target, known, connection: exchange.connection };
  const found = findFunction(registry, asked);
  if (found.refusal !== undefined) return found.refusal;
  const call = toCall(asked, found.target, found.match);
  exchange.start(found.match.target, body === undefined ? call : { ...call, body });
  return undefined;
}

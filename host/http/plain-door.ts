import { randomUUID } from 'node:crypto';
import type { RequestCall } from '#host/call.ts';
import type { Match } from '#host/registry.ts';
import { outcomeRefusal } from './error-answer.ts';
import type { Refusal } from './error-answer.ts';
import type { Shared } from './exchange.ts';
import type { GatewayOptions } from './gateway.ts';
import type { KnownHead } from './known-head.ts';
import { PlainExchange } from './plain-exchange.ts';
import type { PlainWire } from './plain-exchange.ts';
import type { PlainRequest } from './plain-request.ts';
import { findFunction, toCall } from './request-call.ts';
import type { RequestTarget } from './request-target.ts';

/** A plain request from the connection it came on, which has it once more when it comes again. */
export interface PlainArrival {
  readonly request: PlainRequest;
  /** Its headers as they were read. */
  readonly known: KnownHead;
  /** What it became the last time. */
  call: { readonly path: RequestTarget; readonly match: Match; readonly call: RequestCall } | undefined;
}

/** Takes a request, in the turn it came in; its answer goes over the wire. */
export type PlainTaker = (arrival: PlainArrival, wire: PlainWire) => void;

/** What the gateway does with a request of its own server, for one that node:http did not parse. */
export function takePlain(
  { options, shared }: { readonly options: GatewayOptions; readonly shared: Shared },
  arrival: PlainArrival,
  wire: PlainWire,
): void {
  const { method, target, fields } = arrival.request;
  const exchange = new PlainExchange(shared, wire, { method, last: fields.last });
  wire.begin(exchange);
  try {
    const refusal = start(options, arrival, exchange);
    if (refusal !== undefined) exchange.refuse(refusal, randomUUID());
  } catch (error) {
    const detail = error instanceof Error ? error.stack : String(error);
    const message = `Cannot take ${method} ${target}: ${detail}`;
    options.log({ level: 'error', message, at: Date.now() });
    exchange.refuse(outcomeRefusal({ kind: 'crashed', cause: 'internal' }), randomUUID());
  }
}

function start(
  { registry }: GatewayOptions,
  arrival: PlainArrival,
  exchange: PlainExchange,
): Refusal | undefined {
  const before = arrival.call;
  if (before !== undefined) {
    const { path, match, call } = before;
    // Another version may answer than the last time.
    if (registry.match(path.authority.hostname, path.path) === match) {
      exchange.start(match.target, call);
      return undefined;
    }
  }
  const { method, target, body } = arrival.request;
  const asked = { method, target, known: arrival.known, connection: exchange.connection };
  const found = findFunction(registry, asked);
  if (found.refusal !== undefined) return found.refusal;
  const { match } = found;
  const call = toCall(asked, found.target, match);
  if (body === undefined) arrival.call = { path: found.target, match, call };
  exchange.start(match.target, body === undefined ? call : { ...call, body });
  return undefined;
}

import type { Change } from '#bindings/store/store.ts';
import type { Content, MessageRecord, SubscriptionRecord, SubscriptionTarget } from './records.ts';
import type { Space } from './space.ts';

/** One attempt at one delivery. */
export interface Order {
  readonly space: Space;
  readonly message: MessageRecord;
  /** Key of the delivery within its message. */
  readonly delivery: string;
  readonly content: Content;
  readonly target: SubscriptionTarget;
  /** Absent for what a send names itself. */
  readonly subscription?: SubscriptionRecord;
  readonly user?: string;
  /** Aborts when the host stops. */
  readonly signal: AbortSignal;
}

/** How it went. `detail` is for the log of deliveries: a status, a code; nothing of the receiver's secrets. */
export type Result =
  | { readonly kind: 'delivered'; readonly detail: string; readonly changes?: readonly Change[] }
  /** Another attempt may do better, not before `afterMs`. */
  | { readonly kind: 'failed'; readonly detail: string; readonly afterMs?: number }
  /** No attempt will do better. */
  | { readonly kind: 'refused'; readonly detail: string }
  /** The receiver is no more: its subscription goes. */
  | { readonly kind: 'gone'; readonly detail: string };

/** Never rejects for what the receiver does; what it rejects with is a mistake of the host, and tried again. */
export type Send = (order: Order) => Promise<Result>;

const longestWaitMs = 24 * 3_600_000;

/** RFC 9110, 10.2.3: seconds or a date. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined || value === '') return undefined;
  const wait = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now;
  return Number.isFinite(wait) && wait > 0 ? Math.min(wait, longestWaitMs) : undefined;
}

/** An answer's status as a result; what is not 2xx is a failure. */
export function failedWith(status: number, retryAfter: string | undefined, now: number): Result {
  const afterMs = parseRetryAfter(retryAfter, now);
  return { kind: 'failed', detail: `HTTP ${status}`, ...(afterMs === undefined ? {} : { afterMs }) };
}

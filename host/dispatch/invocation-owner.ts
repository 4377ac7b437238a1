import type { Outcome } from '#runtime/outcome.ts';
import type { Target } from '../registry.ts';
import type { Invocation } from './invocation.ts';

/** What an invocation needs of whoever started it: the dispatcher. */
export interface InvocationOwner {
  /** Finds an instance for it, or ends it. */
  place(invocation: Invocation): void;
  log(invocation: Invocation, level: string, text: string): void;
  /** Messages went over an accepted WebSocket. */
  messages(invocation: Invocation, direction: 'in' | 'out', count: number): void;
  /** It is over; called once, just before the sink hears of it. */
  over(invocation: Invocation, outcome: Outcome, cpuMs: number): void;
  /** Without `target` nothing in it can be its secrets. */
  failed(error: unknown, what: string, target?: Target): void;
}

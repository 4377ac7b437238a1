import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Origin } from '#runtime/functions.ts';
import type { Call } from '../call.ts';

/** W3C Trace Context, 3.2.2: version 00, and neither id all zeros. */
const traceparentPattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})$/;

/** True for a `traceparent` of the version known here. */
export function isTraceparent(value: string): boolean {
  return traceparentPattern.test(value);
}

/** How one invocation came about, for the calls it makes. The trace is made up when it is first asked for. */
export class InvocationOrigin implements Origin {
  readonly depth: number;
  readonly #call: Call;
  readonly #id: string;
  readonly #deadline: () => number;
  #traceparent: string | undefined;

  /** `id` in UUID form; `deadline` as it is when somebody asks, by `performance.now()`. */
  constructor(call: Call, id: string, deadline: () => number) {
    this.#call = call;
    this.#id = id;
    this.#deadline = deadline;
    this.depth = call.origin?.depth ?? 0;
  }

  /** Milliseconds since the epoch. */
  get deadline(): number {
    return Math.round(performance.timeOrigin + this.#deadline());
  }

  /**
   * This invocation as a span (3.2.2.4): of the trace its request is part of, or of one of its own that has the
   * invocation's id.
   */
  get traceparent(): string {
    this.#traceparent ??= this.#make();
    return this.#traceparent;
  }

  #make(): string {
    const [, trace = this.#id.replaceAll('-', ''), flags = '01'] =
      traceparentPattern.exec(headerOf(this.#call)) ??
      traceparentPattern.exec(this.#call.origin?.traceparent ?? '') ??
      [];
    return `00-${trace}-${randomBytes(8).toString('hex')}-${flags}`;
  }
}

function headerOf(call: Call): string {
  if (call.kind === 'event') return '';
  const { headers } = call;
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'traceparent') return headers[i + 1] ?? '';
  return '';
}

/** The earlier of its own limit and its caller's deadline, both by `performance.now()`. */
export function deadlineOf({ origin }: Call, limit: number): number {
  return Math.min(limit, (origin?.deadline ?? Infinity) - performance.timeOrigin);
}

import type { Invocation } from './invocation.ts';
import { fetchPath } from './fetch.ts';
import { defineProperty, guestJson } from './primordials.ts';
import { operate } from './operations.ts';

/**
 * `env.NAME` of kind "function": another function, reached without HTTP. The host checks everything. Operations and their
 * answers: bindings/function/README.md.
 */
class Service {
  readonly #invocation: Invocation;
  readonly #binding: string;

  constructor(invocation: Invocation, binding: string) {
    this.#invocation = invocation;
    this.#binding = binding;
  }

  /** As the global fetch; a path alone is one of the function's. A redirect is given back, not followed. */
  async fetch(input: unknown, init?: unknown): Promise<Response> {
    return await fetchPath(this.#invocation, this.#binding, input, init);
  }

  /** What the function's event handler returns; rejects with what it throws, without the stack. */
  async call(event?: unknown): Promise<unknown> {
    const args = `{"event":${guestJson(event) ?? 'null'}}`;
    const answer = await operate(this.#invocation, { binding: this.#binding, method: 'call', args });
    return (answer.value as { readonly value?: unknown }).value;
  }
}
defineProperty(Service.prototype, Symbol.toStringTag, { value: 'Service', configurable: true });

export function createService(invocation: Invocation, binding: string): object {
  return new Service(invocation, binding);
}

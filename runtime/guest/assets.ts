import { fetchPath } from './fetch.ts';
import type { Invocation } from './invocation.ts';
import { defineProperty } from './primordials.ts';

/** `env.NAME` of kind "assets": static files of this version. The host checks everything. */
class Assets {
  readonly #invocation: Invocation;
  readonly #binding: string;

  constructor(invocation: Invocation, binding: string) {
    this.#invocation = invocation;
    this.#binding = binding;
  }

  /** A request, a URL, of which the path counts, or a path alone. A redirect is given back, not followed. */
  async fetch(input: unknown, init?: unknown): Promise<Response> {
    return await fetchPath(this.#invocation, this.#binding, input, init);
  }
}
defineProperty(Assets.prototype, Symbol.toStringTag, { value: 'Assets', configurable: true });

export function createAssets(invocation: Invocation, binding: string): object {
  return new Assets(invocation, binding);
}

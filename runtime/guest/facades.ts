import { createAssets } from './assets.ts';
import { createAuth } from './auth.ts';
import type { Invocation } from './invocation.ts';
import { createService } from './function.ts';
import { createKv } from './kv.ts';
import { createNotify } from './notify.ts';
import { operate } from './operations.ts';
import { guestJson, toText } from './primordials.ts';

type Build = (invocation: Invocation, binding: string) => object;

/** What the guest sees as `env.NAME`, by kind. */
const facades: Readonly<Record<string, Build>> = {
  __proto__: null,
  assets: createAssets,
  auth: createAuth,
  kv: createKv,
  function: createService,
  notify: createNotify,
} as never;

/** For kinds without a facade of their own: `env.NAME.call(method, args)` sends JSON and gives JSON. */
class Capability {
  readonly #invocation: Invocation;
  readonly #binding: string;

  constructor(invocation: Invocation, binding: string) {
    this.#invocation = invocation;
    this.#binding = binding;
  }

  async call(method: unknown, args?: unknown): Promise<unknown> {
    const answer = await operate(this.#invocation, {
      binding: this.#binding,
      method: toText(method),
      args: guestJson(args) ?? 'null',
    });
    return answer.value;
  }
}

export function createFacade(kind: string): Build {
  return facades[kind] ?? ((invocation, binding) => new Capability(invocation, binding));
}

import type { Invocation } from './invocation.ts';
import type { StartHead } from './protocol.ts';
import { createFacade } from './facades.ts';

type Env = Record<string, unknown>;

interface Entry {
  readonly name: string;
  readonly build: (invocation: Invocation, binding: string) => object;
  readonly next: Entry | undefined;
}

let template: Env = {};
let facades: Entry | undefined;

/** What every invocation's env holds, and `process.env` (vars only). */
export function prepareEnvironment(head: Pick<StartHead, 'vars' | 'bindings'>): void {
  template = { ...head.vars };
  facades = undefined;
  for (let index = 0; index < head.bindings.length; index++) {
    const binding = head.bindings[index];
    if (binding === undefined) continue;
    const { name, kind } = binding;
    // Own properties from the start: the assignments below then meet no setter of the guest's.
    template = { ...template, [name]: undefined };
    facades = { name, build: createFacade(kind), next: facades };
  }
}

/** A fresh env: what one invocation writes to it no other sees. */
export function createEnv(invocation: Invocation): Env {
  const env = { ...template };
  for (let entry = facades; entry !== undefined; entry = entry.next) {
    env[entry.name] = entry.build(invocation, entry.name);
  }
  return env;
}

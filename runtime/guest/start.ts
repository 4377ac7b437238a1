import type { Handlers } from './module.ts';
import type { StartHead } from './protocol.ts';
import { thrownJson } from './answer.ts';
import { setNow } from './clock.ts';
import { hideTemporal } from './hide-temporal.ts';
import { prepareEnvironment } from './environment.ts';
import { relax } from './harden.ts';
import { setStartHead } from './start-head.ts';
import { findHandlers } from './module.ts';
import { NativeTypeError, defineProperty, parseJson, quoteList } from './primordials.ts';
import { checkMemory, setDirect, write } from './output.ts';
import { Out } from './protocol.ts';
import { limitMemories } from './wasm-limit.ts';
import { queueMicrotask } from './web/microtask.ts';

const none: Handlers = { fetch: undefined, handler: undefined, kinds: [] };

/** The guest's handlers; none before `start`. */
export let handlers: Handlers = none;
export let functionName = '';

/** Runs with other handlers for once. */
export function withHandlers(others: Handlers, run: () => void): void {
  handlers = others;
  try {
    run();
  } finally {
    handlers = none;
  }
}

const processEnv: Record<string, unknown> = {};
/** Node's, which runs before what promises do next; here it takes its turn among them. */
const nextTick = (callback: unknown, ...args: readonly unknown[]): void => {
  if (typeof callback !== 'function')
    throw new NativeTypeError('The "callback" argument must be of type function');
  queueMicrotask(() => callback(...args));
};

/** The global of this name; `userAgent` is set by `prepare`. */
export const navigator: { userAgent: string } = { userAgent: 'islet' };
let prepared = false;

/**
 * `process.env` (the vars, as Lambda users read them) and `nextTick`. The rest of Node's process is
 * in `node:process` (runtime/node), and only in bundles that import it.
 */
export const startGlobals: Readonly<Record<string, unknown>> = {
  process: { env: processEnv, nextTick },
};

/** Takes the deployment's vars and bindings. Before the guest's top level runs, so that it sees `process.env`. */
export function prepare(json: string, now?: number, direct = false): void {
  if (now !== undefined) {
    setNow(now);
    setDirect(direct);
  }
  if (prepared) return;
  prepared = true;
  const head = parseJson(json) as StartHead;
  takeHead(head);
  // What is allowed may want to know its limits, and `relax` V8's own clock.
  if (head.allow !== undefined) relax(head.allow);
  hideTemporal();
}

function takeHead(head: StartHead): void {
  functionName = head.function;
  limitMemories(head.memoryMb);
  for (const name in head.vars) {
    defineProperty(processEnv, name, plain(head.vars[name]));
  }
  defineProperty(navigator, 'userAgent', plain(head.agent));
  prepareEnvironment(head);
  setStartHead(head);
}

/** What `prepare` and `start` do for any function, for one of nobody's, of which nothing stays. */
export function rehearseStart(): void {
  const name = 'NAME';
  const head = `{"function":"f","version":1,"memoryMb":0,"vars":{"${name}":""},"bindings":[],"agent":""}`;
  takeHead(parseJson(head) as StartHead);
  prepared = true;
  start({ default: { fetch: () => undefined } }, head);
  prepared = false;
  handlers = none;
  functionName = '';
  setStartHead(undefined);
  prepareEnvironment({ vars: {}, bindings: [] });
  delete processEnv[name];
}

function plain(value: unknown): PropertyDescriptor {
  return { __proto__: null, value, writable: true, enumerable: true, configurable: true } as never;
}

/** The top level ran: finds the handlers and says which there are. */
export function start(namespace: unknown, json: string): void {
  try {
    prepare(json);
    checkMemory();
    const found = findHandlers(namespace);
    if (found.kinds.length === 0) {
      throw new NativeTypeError(
        'The module exports no handler; use "export default { fetch(request, env, ctx) { … } }" or "export const handler = async (event, context) => { … }". It also looks so when the top level awaits what never comes',
      );
    }
    handlers = found;
    write(`${Out.Started}0 [${quoteList(found.kinds)}]`);
  } catch (thrown) {
    write(`${Out.Threw}0 ${thrownJson(thrown, 'startup')}`);
  }
}

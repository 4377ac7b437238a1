import { cacheGlobals } from './caches.ts';
import { installClock, now, setNow } from './clock.ts';
import { consoleMembers } from './console.ts';
import { cryptoGlobals } from './crypto/crypto.ts';
import { fillPool, random } from './crypto/random.ts';
import { deliver } from './deliver.ts';
import { fetch } from './fetch.ts';
import { harden } from './harden.ts';
import { allOver, settleQuiet } from './invocation.ts';
import { installOpenServices } from './open-services.ts';
import { ask, connect as connectOutput } from './output.ts';
import type { Port } from './output.ts';
import { NativeDate } from './primordials.ts';
import { report } from './report.ts';
import { rehearse } from './rehearse.ts';
import { serve as serveWaiting, serveLater, toBlocking } from './services.ts';
import { connect } from './socket-connect.ts';
import { navigator, prepare, start, startGlobals } from './start.ts';
import { queueTask, timerGlobals } from './timers.ts';
import { installWeb } from './web/index.ts';

/** What the engine calls (protocol.ts). */
export interface Guest {
  /** One message is one entry. */
  readonly deliver: (text: string, bytes: ArrayBuffer | undefined, more: number, now: number) => void;
  /** StartHead JSON and the time, before the guest's top level runs. */
  readonly prepare: (json: string, now: number, direct?: boolean) => void;
  /** The guest's module namespace, after its top level ran; answers with an S or a Z line. */
  readonly start: (namespace: unknown, json: string) => void;
  /** Once, before `prepare`, where there is time for it: makes the first request quicker. */
  readonly rehearse: () => void;
}

/**
 * The value of the bootstrap script: called once in a fresh isolate, before any guest code. Defines the globals and
 * keeps everything it is given in this script's own scope.
 */
export function install(
  send: Port['send'],
  sync: Port['sync'],
  marker: Int32Array,
  ...[entropy, serve, sendNow, serveNow]: [
    entropy: ArrayBuffer,
    serve: unknown,
    sendNow?: Port['sendNow'],
    serveNow?: Port['serveNow'],
  ]
): Guest {
  setNow(NativeDate.now());
  fillPool(entropy);
  const blocking = toBlocking(serve);
  connectOutput(
    { send, sendNow: sendNow ?? send, sync, marker, serve: blocking, serveNow: serveNow ?? blocking },
    allOver,
    settleQuiet,
  );
  installWeb({
    idna: (domain) => ask('idna', domain),
    random,
    now,
    origin: now(),
    setTimeout: (callback, ms) => timerGlobals.setTimeout(callback, ms),
    queueTask,
    fetch,
    reportError: report,
    serve: serveWaiting,
    serveLater,
    connect,
  });
  harden();
  installClock();
  defineGlobals({ fetch, ...timerGlobals, ...cryptoGlobals, ...startGlobals, reportError: report });
  defineGlobals(cacheGlobals);
  installOpenServices();
  defineGlobals({ console: createConsole() });
  defineReplaceable('self', globalThis);
  defineReplaceable('navigator', navigator);
  return { deliver, prepare, start, rehearse };
}

function defineGlobals(members: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(members)) {
    const value = members[name];
    // Minification took it.
    if (typeof value === 'function')
      Object.defineProperty(value, 'name', { value: name, configurable: true });
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}

/** [Replaceable] of Web IDL: an accessor that knows its global, until somebody puts a value in its place. */
function defineReplaceable(name: string, value: unknown): void {
  const accessor = {
    get(this: unknown): unknown {
      if (this === undefined || this === null || this === globalThis) return value;
      throw new TypeError(`${name} is a property of the global scope alone`);
    },
    set(this: unknown, next: unknown): void {
      if (this !== undefined && this !== null && this !== globalThis)
        throw new TypeError(`${name} is a property of the global scope alone`);
      defineGlobals({ [name]: next });
    },
  };
  Object.defineProperty(globalThis, name, { ...accessor, configurable: true });
}

// V8's own console goes nowhere; every member it has beyond ours is taken away with it.
function createConsole(): object {
  const console = Object.create({}) as object;
  for (const name of Object.keys(consoleMembers)) {
    // Every argument is optional (Console standard), so none counts.
    Object.defineProperty(consoleMembers[name], 'length', { value: 0, configurable: true });
    Object.defineProperty(console, name, {
      value: consoleMembers[name],
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
  Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true });
  return console;
}

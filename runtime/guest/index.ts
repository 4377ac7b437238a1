import { Cache, CacheStorage, getCaches } from './caches.ts';
import { installClock, now, setNow } from './clock.ts';
import { callConsole } from './console.ts';
import { CryptoKey } from './crypto/crypto-key.ts';
import { Crypto, getCrypto } from './crypto/crypto.ts';
import { fillPool, random } from './crypto/random.ts';
import { SubtleCrypto } from './crypto/subtle-crypto.ts';
import { deliver } from './deliver.ts';
import { fetch } from './fetch.ts';
import { harden } from './harden.ts';
import { allOver, settleQuiet } from './invocation.ts';
import { installOpenServices } from './open-services.ts';
import { connectPieces } from './late.ts';
import { ask, connect as connectOutput } from './output.ts';
import type { Port } from './output.ts';
import { NativeDate, apply } from './primordials.ts';
import { report } from './report.ts';
import { rehearse } from './rehearse.ts';
import { serve as serveWaiting, serveLater, toBlocking } from './services.ts';
import { connect } from './socket-connect.ts';
import { navigator, prepare, start, startGlobals } from './start.ts';
import { queueTask, timerGlobals } from './timers.ts';
import { defineReplaceable, installWeb } from './web/index.ts';
import { defineGlobal } from './web/webidl.ts';

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
  ...[entropy, serve, pieces, sendNow, serveNow]: [
    entropy: ArrayBuffer,
    serve: unknown,
    pieces: string,
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
    fetch: (input, init) => fetch(input, init),
    reportError: report,
    serve: serveWaiting,
    serveLater,
    connect: (core, target) => connect(core, target),
  });
  harden();
  installClock();
  for (const members of [functions, timerGlobals, startGlobals, { reportError: report }])
    defineGlobals(members);
  defineGlobals({ Cache, CacheStorage, Crypto, CryptoKey, SubtleCrypto });
  installOpenServices();
  defineGlobals({ console: createConsole() });
  defineReplaceable('self', () => globalThis);
  defineReplaceable('navigator', () => navigator);
  defineReplaceable('caches', () => getCaches());
  defineReplaceable('crypto', () => getCrypto());
  connectPieces(pieces);
  return { deliver, prepare, start, rehearse };
}

const functions = {
  fetch(_input: unknown): Promise<Response> {
    return apply(fetch, undefined, arguments as never);
  },
};

function defineGlobals(members: Readonly<Record<string, unknown>>): void {
  for (const name of Object.keys(members)) defineGlobal(name, members[name]);
}

const consoleNames =
  'log info warn error debug dir dirxml trace table assert count countReset group groupCollapsed groupEnd time timeLog timeEnd clear';

// V8's own console goes nowhere; every member it has beyond ours is taken away with it.
function createConsole(): object {
  const console = Object.create({}) as object;
  for (const name of consoleNames.split(' ')) {
    // Every argument is optional (Console standard), so none counts.
    const value = { call: (...args: readonly unknown[]): void => callConsole(name, args) }.call;
    Object.defineProperty(value, 'name', { value: name, configurable: true });
    Object.defineProperty(console, name, { value, writable: true, enumerable: true, configurable: true });
  }
  Object.defineProperty(console, Symbol.toStringTag, { value: 'console', configurable: true });
  return console;
}

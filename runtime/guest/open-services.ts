import { NativeTypeError, defineProperty, guestJson, viewOf } from './primordials.ts';
import { serve, serveLater } from './services.ts';
import type { Served } from './web/io.ts';

/** Services of the cell that guests may call themselves; each takes hostile arguments and is paid by its caller. */
const open: Readonly<Record<string, true>> = {
  __proto__: null,
  cipher: true,
  hash: true,
  hkdf: true,
  keys: true,
  'keys.export': true,
  pbkdf2: true,
  scrypt: true,
  signature: true,
  zlib: true,
  'zlib.close': true,
  'zlib.write': true,
} as never;

/** Where runtime/node's modules find it: a symbol, so that no list of globals has it. */
const name = Symbol.for('islet.services');

/** For `node:crypto` and `node:zlib` of a bundle: `args` is an array of JSON values, bytes go in and come out as copies. */
export function installOpenServices(): void {
  const value = {
    __proto__: null,
    serve: (method: unknown, args: unknown, bytes?: unknown): Served =>
      serve(toMethod(method), toJson(args), viewOf(bytes)),
    serveLater: async (method: unknown, args: unknown, bytes?: unknown): Promise<Served> =>
      await serveLater(toMethod(method), toJson(args), viewOf(bytes)),
  };
  defineProperty(globalThis, name, { __proto__: null, value } as never);
}

function toMethod(method: unknown): string {
  if (typeof method === 'string' && open[method] === true) return method;
  throw new NativeTypeError('There is no such service');
}

/** The guest's own values, so JSON text only after V8 has made it: nothing else may get into a line. */
function toJson(args: unknown): string {
  return guestJson(args) ?? 'null';
}

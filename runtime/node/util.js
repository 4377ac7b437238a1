import assert from '@jspm/core/nodelibs/assert';
import library from '@jspm/core/nodelibs/util';
import { inspect as show } from '../guest/inspect.ts';
import { invalidType } from './errors.js';
import types from './util-types.js';

/** `node:util`: npm's `util`, with what newer Nodes have beside it. https://nodejs.org/api/util.html */
export const {
  _extend,
  callbackify,
  debuglog,
  deprecate,
  inherits,
  isArray,
  isBoolean,
  isBuffer,
  isDate,
  isError,
  isFunction,
  isNull,
  isNullOrUndefined,
  isNumber,
  isObject,
  isPrimitive,
  isRegExp,
  isString,
  isSymbol,
  isUndefined,
  log,
  promisify,
} = library;
export { types };
export const debug = debuglog;

const custom = Symbol.for('nodejs.util.inspect.custom');
/** As the console shows it; objects that know better are asked. */
export function inspect(value, options, given) {
  const depth = (typeof options === 'object' && options !== null ? options.depth : given) ?? 2;
  const own = typeof value === 'object' && value !== null ? value[custom] : undefined;
  if (typeof own !== 'function') return show(value, { depth: Math.min(depth, 100) });
  const made = own.call(value, depth, { ...options, depth }, inspect);
  return typeof made === 'string' ? made : inspect(made, options, given);
}
inspect.custom = custom;
inspect.defaultOptions = { depth: 2 };

export const { TextDecoder, TextEncoder } = globalThis;

const number = (value) =>
  typeof value === 'bigint' ? `${value}n` : typeof value === 'symbol' ? 'NaN' : value;
const substitutes = {
  s: (value) =>
    typeof value === 'object' || typeof value === 'function'
      ? inspect(value, { depth: 0 })
      : String(number(value)),
  d: (value) =>
    typeof value === 'object'
      ? 'NaN'
      : String(typeof value === 'bigint' ? number(value) : Number(number(value))),
  i: (value) => String(typeof value === 'bigint' ? number(value) : Number.parseInt(number(value), 10)),
  f: (value) => String(Number.parseFloat(number(value))),
  j: (value) => JSON.stringify(value),
  o: (value) => inspect(value, { depth: 4 }),
  O: (value) => inspect(value),
  c: () => '',
};
export function format(first, ...rest) {
  if (typeof first !== 'string')
    return [first, ...rest].map((value) => (typeof value === 'string' ? value : inspect(value))).join(' ');
  let next = 0;
  const text =
    rest.length === 0
      ? first
      : first.replaceAll(/%([sdifjoOc%])/g, (whole, letter) => {
          if (letter === '%') return '%';
          return next < rest.length ? substitutes[letter](rest[next++]) : whole;
        });
  return [
    text,
    ...rest.slice(next).map((value) => (typeof value === 'string' ? value : inspect(value))),
  ].join(' ');
}

export function isDeepStrictEqual(one, other) {
  try {
    assert.deepStrictEqual(one, other);
    return true;
  } catch {
    return false;
  }
}

export const formatWithOptions = (_options, ...args) => format(...args);

// Control sequences of terminals, as Node knows them (ECMA-48 CSI, and OSC up to its end).
const sequences =
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  /[\u001b\u009b][[\]()#;?]*(?:(?:(?:(?:;[-a-zA-Z\d/#&.:=?%@~_]+)*|[a-zA-Z\d]+(?:;[-a-zA-Z\d/#&.:=?%@~_]*)*)?\u0007)|(?:(?:\d{1,4}(?:;\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]))/g;

export const stripVTControlCharacters = (text) => text.replaceAll(sequences, '');
export const toUSVString = (text) => String(text).toWellFormed();

/** Resolves when the signal aborts. Nothing is held by `resource`: an instance has no such lives. */
export async function aborted(signal, resource) {
  if (typeof resource !== 'object' || resource === null) {
    throw invalidType('resource', 'of type object');
  }
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

export default {
  ...library,
  TextDecoder,
  TextEncoder,
  aborted,
  debug,
  format,
  formatWithOptions,
  inspect,
  isDeepStrictEqual,
  stripVTControlCharacters,
  toUSVString,
  types,
};

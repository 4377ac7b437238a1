import { NativeTypeError, quote, toLowerCase, toText, toUpperCase } from '../primordials.ts';
import { createDomException } from '../web/index.ts';
import { algorithms, type Algorithm, type Conversion, type Members, type Registered } from './algorithms.ts';
import { isObject, toBytes, toInteger, toUint8Array } from './conversions.ts';
import { slotsOf } from './crypto-key.ts';
import type { Packer } from './packer.ts';

/**
 * Web Cryptography, 18.4: normalises what a guest gave as an algorithm for an operation, and gives it as JSON text for
 * the cell. Throws TypeError and NotSupportedError as the standard has it, and whatever the guest's getters throw; what
 * values the members may have is the cell's to judge.
 */
export function normalize(given: unknown, operation: Registered, packer: Packer): string {
  const name = nameOf(given);
  const algorithm = find(name);
  const members = algorithm?.[operation];
  if (algorithm === undefined || members === undefined) throw unrecognized(name, operation);
  return `{"name":${quote(algorithm.name)}${membersJson(given, members, packer)}}`;
}

/** The same where an algorithm has no parameters: its name. */
export function normalizeName(given: unknown, operation: 'digest'): string {
  const name = nameOf(given);
  const algorithm = find(name);
  if (algorithm?.[operation] === undefined) throw unrecognized(name, operation);
  return algorithm.name;
}

/** The same for the first of two operations that knows the algorithm (wrapKey or encrypt). */
export function normalizeEither(
  given: unknown,
  operations: readonly [Registered, Registered],
  packer: Packer,
): string {
  const name = nameOf(given);
  const algorithm = find(name);
  const members = algorithm?.[operations[0]] ?? algorithm?.[operations[1]];
  if (algorithm === undefined || members === undefined) throw unrecognized(name, operations[0]);
  return `{"name":${quote(algorithm.name)}${membersJson(given, members, packer)}}`;
}

/** The algorithm of a key that is derived: how it is imported, and how long it is. */
export function normalizeDerived(given: unknown, packer: Packer): string {
  normalize(given, 'importKey', packer);
  // Has every member the other has.
  return normalize(given, 'length', packer);
}

function nameOf(given: unknown): string {
  if (!isObject(given)) return toText(given);
  const { name } = given as { name?: unknown };
  if (name === undefined) throw new NativeTypeError('An algorithm needs a name');
  return toText(name);
}

/** Names are told apart without regard to the case of ASCII letters, and of no others. */
function find(name: string): Algorithm | undefined {
  const found = algorithms[toUpperCase(name)];
  return found !== undefined && toLowerCase(found.name) === toLowerCase(name) ? found : undefined;
}

function unrecognized(name: string, operation: Registered): Error {
  const message = `Algorithm ${quote(name)} is not supported for ${operation === 'length' ? 'deriveKey' : operation}`;
  return createDomException(message, 'NotSupportedError');
}

function membersJson(given: unknown, members: Members, packer: Packer): string {
  let json = '';
  for (let index = 0; index < members.length; index++) {
    const member = members[index];
    if (member === undefined) continue;
    const key = member[0];
    const value = isObject(given) ? (given as Record<string, unknown>)[key] : undefined;
    const text = value === undefined ? absent(key, member[1]) : convert(value, key, member[1], packer);
    if (text !== '') json += `,${quote(key)}:${text}`;
  }
  return json;
}

function absent(key: string, conversion: Conversion): '' {
  if (conversion === 'b' || conversion === 'o' || conversion === 'l') return '';
  throw new NativeTypeError(`The algorithm needs ${key}`);
}

// oxlint-disable-next-line max-params -- what is converted, where it is from, to what, and where its bytes go
function convert(value: unknown, key: string, conversion: Conversion, packer: Packer): string {
  switch (conversion) {
    case 'B':
    case 'b':
      return packer.bytes(toBytes(value, key));
    case 'I':
      return packer.bytes(toUint8Array(value, key));
    case 'H':
      return normalize(isObject(value) ? value : toText(value), 'digest', packer);
    case 'T':
      return quote(toText(value));
    case 'K': {
      const slots = slotsOf(value);
      if (slots === undefined) throw new NativeTypeError(`${key} must be a CryptoKey`);
      return packer.key(slots.sealed);
    }
    case 'O':
    case 'o':
      return `${toInteger(value, 255, key)}`;
    case 'S':
      return `${toInteger(value, 65_535, key)}`;
    case 'L':
    case 'l':
      return `${toInteger(value, 4_294_967_295, key)}`;
  }
}

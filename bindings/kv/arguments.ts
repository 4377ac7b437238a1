import { Buffer } from 'node:buffer';
import { HostError } from '#runtime/errors.ts';
import { leastTtlSeconds, maxKeyBytes, maxMetadataBytes } from './limits.ts';

/** Checks of what guests and admin callers send. TypeError for the wrong type, HostError ERR_KV_* for the rest. */

/** The named members of an operation's arguments. */
export function parseArguments(args: unknown): Readonly<Record<string, unknown>> {
  if (typeof args === 'object' && args !== null && !Array.isArray(args)) {
    return args as Readonly<Record<string, unknown>>;
  }
  throw new TypeError('KV arguments are not an object; send named arguments');
}

export function parseKey(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`KV key is of type ${typeof value}; use a string`);
  const refuse = (state: string): HostError =>
    new HostError(
      'ERR_KV_KEY',
      `Cannot use KV key: ${state}; use 1 to ${maxKeyBytes} bytes, not "." or ".."`,
    );
  if (value === '') throw refuse('it is empty');
  if (value === '.' || value === '..') throw refuse(`it is ${JSON.stringify(value)}`);
  if (!value.isWellFormed()) throw refuse('it holds a lone surrogate, which has no UTF-8 form');
  const bytes = Buffer.byteLength(value);
  if (bytes > maxKeyBytes) throw refuse(`it has ${bytes} bytes`);
  return value;
}

/** Checked options of a put: metadata as JSON text, when to expire, and what must be there. */
export interface PutOptions {
  readonly metadata?: string;
  /** The second, since the epoch, at which the entry expires when written at `nowMs`; undefined: never. */
  readonly expiration: (nowMs: number) => number | undefined;
  /** Write only when the store has the key at this revision, 0: only when it has none. Absent: whatever is there. */
  readonly revision?: number;
}

/** When both are given `expirationTtl` wins, as in Workers KV. Fractions of seconds are dropped. */
export function parsePutOptions(args: Readonly<Record<string, unknown>>, nowMs: number): PutOptions {
  const metadata = parseMetadata(args['metadata']);
  const revision = parseCondition(args['ifVersion'], args['ifAbsent']);
  return {
    expiration: parseExpiry(args, nowMs),
    ...(metadata === undefined ? {} : { metadata }),
    ...(revision === undefined ? {} : { revision }),
  };
}

/** A version as guests see it: the store's revision in decimal digits; callers must not rely on that. */
export function toVersion(revision: number): string {
  return String(revision);
}

/** What to add to a counter: 1 by default, a safe integer. */
export function parseDelta(value: unknown): number {
  if (value === undefined) return 1;
  if (typeof value !== 'number') throw new TypeError(`KV delta is of type ${typeof value}; use a number`);
  if (Number.isSafeInteger(value)) return value;
  throw refuseOption(`delta is ${value}; use a whole number between -(2^53 - 1) and 2^53 - 1`);
}

/** `ifVersion` null, which is the version of what is not there, means the same as `ifAbsent`. */
function parseCondition(ifVersion: unknown, ifAbsent: unknown): number | undefined {
  const absent = parseFlag('ifAbsent', ifAbsent) === true || ifVersion === null;
  if (ifVersion === undefined || ifVersion === null) return absent ? 0 : undefined;
  if (typeof ifVersion !== 'string') {
    throw new TypeError(`KV ifVersion is of type ${typeof ifVersion}; use the version that get gave`);
  }
  if (absent) throw refuseOption('ifVersion and ifAbsent exclude each other; give one');
  return parseVersion('ifVersion', ifVersion);
}

/** The store's revision of a version as guests hold it. */
export function parseVersion(name: string, version: string): number {
  const revision = /^[1-9]\d{0,15}$/.test(version) ? Number(version) : 0;
  if (Number.isSafeInteger(revision) && revision > 0) return revision;
  throw refuseOption(`${name} is not one that get or put gave; pass it on unchanged`);
}

/** Undefined for undefined and null, which mean "not given"; else a boolean or TypeError. */
export function parseFlag(name: string, value: unknown): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`KV ${name} is of type ${typeof value}; use a boolean`);
}

/** Text that a store can order, '' when it is not given. */
export function parseText(name: string, value: unknown): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new TypeError(`KV ${name} is of type ${typeof value}; use a string`);
  if (value.isWellFormed()) return value;
  throw refuseOption(`${name} holds a lone surrogate; use well-formed text`);
}

function parseMetadata(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  const json = toJson(value);
  if (json === undefined) throw refuseMetadata('it has no JSON form');
  const bytes = Buffer.byteLength(json);
  if (bytes > maxMetadataBytes) throw refuseMetadata(`its JSON has ${bytes} bytes`);
  return json;
}

function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw refuseMetadata('it has no JSON form', error);
  }
}

function parseExpiry(args: Readonly<Record<string, unknown>>, nowMs: number): PutOptions['expiration'] {
  const ttl = parseOptionalWhole('expirationTtl', args['expirationTtl']);
  if (ttl !== undefined) {
    if (ttl < leastTtlSeconds)
      throw refuseOption(`expirationTtl is ${ttl}; use ${leastTtlSeconds} seconds or more`);
    return (writtenMs) => toSecond(writtenMs) + ttl;
  }
  const expiration = parseOptionalWhole('expiration', args['expiration']);
  if (expiration === undefined) return () => undefined;
  if (expiration < toSecond(nowMs) + leastTtlSeconds) {
    throw refuseOption(
      `expiration is ${expiration}; use seconds since the epoch, ${leastTtlSeconds} or more from now (${toSecond(nowMs)})`,
    );
  }
  return () => expiration;
}

function parseOptionalWhole(name: string, value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : parseWhole(name, value);
}

/** Bounded so that milliseconds stay whole numbers too; fractions are dropped. */
export function parseWhole(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`KV ${name} is of type ${typeof value}; use a number`);
  const whole = Math.trunc(value);
  if (Math.abs(whole) <= 1e11) return whole;
  throw refuseOption(`${name} is ${value}; use a whole number`);
}

const toSecond = (ms: number): number => Math.floor(ms / 1000);

export function refuseOption(state: string): HostError {
  return new HostError('ERR_KV_OPTION', `Cannot use KV option: ${state}`);
}

function refuseMetadata(state: string, cause?: unknown): HostError {
  return new HostError(
    'ERR_KV_METADATA',
    `Cannot store KV metadata: ${state}; use JSON of at most ${maxMetadataBytes} bytes`,
    { cause },
  );
}

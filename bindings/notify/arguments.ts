import { closest } from 'fastest-levenshtein';
import { HostError } from '#runtime/errors.ts';
import { longestId, longestTopic, longestUser, mostListed } from './limits.ts';

/** Checks of what guests and manifests send. TypeError for wrong types and unknown keys, HostError ERR_NOTIFY for the rest. */

export type Members = Readonly<Record<string, unknown>>;

/** ERR_NOTIFY: action, state, remedy. */
export function refuse(message: string): HostError {
  return new HostError('ERR_NOTIFY', message);
}

/** An object with no keys but these; undefined and null are an empty one. */
export function parseMembers(what: string, value: unknown, keys: readonly string[]): Members {
  const members = parseObject(what, value ?? {});
  const unknown = Object.keys(members).find((key) => !keys.includes(key));
  if (unknown === undefined) return members;
  throw new TypeError(
    `${what} has an unknown key ${JSON.stringify(unknown.slice(0, 100))}; did you mean ${JSON.stringify(closest(unknown.slice(0, 100), keys))}?`,
  );
}

export function parseObject(what: string, value: unknown): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw new TypeError(`${what} is ${describe(value)}; use an object`);
}

export function parseText(what: string, value: unknown, longest: number): string {
  if (typeof value !== 'string') throw new TypeError(`${what} is ${describe(value)}; use a string`);
  if (!value.isWellFormed())
    throw refuse(`Cannot use ${what}: it holds a lone surrogate; use well-formed text`);
  if (value.length > longest) {
    throw refuse(`Cannot use ${what}: it has ${value.length} characters; use ${longest} at most`);
  }
  return value;
}

export function optionalText(what: string, value: unknown, longest: number): string | undefined {
  return value === undefined || value === null ? undefined : parseText(what, value, longest);
}

export function parseWhole(what: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw new TypeError(`${what} is ${describe(value)}; use a number`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw refuse(`Cannot use ${what} ${value}; use a whole number from ${least} to ${most}`);
}

export function parseFlag(what: string, value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw new TypeError(`${what} is ${describe(value)}; use true or false`);
}

export function parseWord<Word extends string>(what: string, value: unknown, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  if (found !== undefined) return found;
  throw new TypeError(`${what} is ${describe(value)}; use ${words.map((word) => `"${word}"`).join(', ')}`);
}

const topicPattern = /^[A-Za-z0-9][\w.:-]*$/;

export function parseTopic(value: unknown): string {
  const topic = parseText('topic', value, longestTopic);
  if (topicPattern.test(topic)) return topic;
  throw refuse(`Cannot use topic ${JSON.stringify(topic)}; use A-Z, a-z, 0-9, "_", ".", ":" and "-"`);
}

/** Whatever names the function's users: an id, an address. */
export function parseUser(value: unknown): string {
  const user = parseText('user', value, longestUser);
  if (user !== '') return user;
  throw refuse('Cannot use an empty user; give the id your users have');
}

const idPattern = /^[\w.-]+$/;

/** An id that this binding gave. */
export function parseId(value: unknown): string {
  const id = parseText('id', value, longestId * 2);
  if (idPattern.test(id)) return id;
  throw refuse(`Cannot use id ${JSON.stringify(id)}; give one that was given to you`);
}

export interface Page {
  readonly limit: number;
  /** The last key of the page before, behind the list's prefix. */
  readonly after?: string;
}

export function parsePage(args: Members): Page {
  const limit = parseWhole('limit', args['limit'] ?? mostListed, 1, mostListed);
  const cursor = optionalText('cursor', args['cursor'], 2048) ?? '';
  return cursor === '' ? { limit } : { limit, after: decodeCursor(cursor) };
}

export function toCursor(key: string): string {
  return Buffer.from(key).toString('base64url');
}

function decodeCursor(cursor: string): string {
  const key = Buffer.from(cursor, 'base64url').toString();
  if (toCursor(key) === cursor) return key;
  throw refuse('Cannot use cursor: it is none that a list gave; pass on what the last page had');
}

export function describe(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 100))
    : value === null
      ? 'null'
      : typeof value;
}

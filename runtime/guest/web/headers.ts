import { appendNoCors, isNoCorsHeader, isNoCorsName } from './cors-safelist.ts';
import {
  getHeader,
  hasHeader,
  type HeaderList,
  normalizeName,
  normalizeValue,
  setHeader,
} from './header-list.ts';
import { makeIterable, requireArguments, shapeInterface } from './webidl.ts';

/**
 * `immutable`: every change throws TypeError. `request-no-cors`: headers of a request whose mode is no-cors. The browser's
 * forbidden names do not apply on a server, so the guards "request" and "response" are `none` here.
 */
export type HeadersGuard = 'none' | 'immutable' | 'request-no-cors';

/** What a HeadersInit holds, validated; a list of its own. */
export function fillHeaders(init: unknown): HeaderList {
  const list: HeaderList = [];
  if (init === undefined) return list;
  if ((typeof init !== 'object' && typeof init !== 'function') || init === null)
    throw new TypeError('Headers must be an object, an array of pairs or a Headers');
  const from = listOf(init);
  if (from !== undefined && iteratorOf(init) === iteratorOf(Headers.prototype)) return [...from];
  const iterator = iteratorOf(init);
  if (iterator !== undefined && iterator !== null) return fillFromPairs(init as Iterable<unknown>);
  return fillFromRecord(init as Record<string, unknown>);
}

function iteratorOf(value: object): unknown {
  return (value as { [Symbol.iterator]?: unknown })[Symbol.iterator];
}

function fillFromPairs(init: Iterable<unknown>): HeaderList {
  const list: HeaderList = [];
  for (const entry of init) {
    if (typeof entry !== 'object' || entry === null || !(Symbol.iterator in entry))
      throw new TypeError('Headers needs pairs of a name and a value');
    const pair = [...(entry as Iterable<unknown>)];
    if (pair.length !== 2)
      throw new TypeError(`Headers needs pairs of a name and a value, but one has ${pair.length} items`);
    const name = normalizeName(pair[0]);
    list.push(name, normalizeValue(pair[1], name));
  }
  return list;
}

function fillFromRecord(init: Record<string, unknown>): HeaderList {
  const list: HeaderList = [];
  for (const key of Reflect.ownKeys(init)) {
    if (typeof key === 'symbol') {
      if (!Object.prototype.propertyIsEnumerable.call(init, key)) continue;
      throw new TypeError('Header names must be strings, but one is a symbol');
    }
    if (!Object.prototype.propertyIsEnumerable.call(init, key)) continue;
    const name = normalizeName(key);
    list[list.length] = name;
    list[list.length] = normalizeValue(init[key], name);
  }
  return list;
}

/** The list behind a Headers object; undefined for anything else. Never calls guest code. */
export let listOf: (value: unknown) => HeaderList | undefined;
/** A Headers object over `list`, which it shares. */
export let createHeaders: (list: HeaderList, guard: HeadersGuard) => Headers;
let pairsOf: (value: unknown) => readonly (readonly [string, string])[];

/** Fetch, 5.1. */
export class Headers {
  #list: HeaderList;
  #guard: HeadersGuard = 'none';
  /** "Sort and combine", kept until the next change. */
  #sorted: (readonly [string, string])[] | undefined;

  static {
    listOf = (value) =>
      typeof value === 'object' && value !== null && #list in value ? value.#list : undefined;
    createHeaders = (list, guard) => {
      const headers = new Headers();
      headers.#list = list;
      headers.#guard = guard;
      return headers;
    };
    pairsOf = (value) => (value as Headers).#pairs();
  }

  constructor(init: unknown = undefined) {
    this.#list = fillHeaders(init);
  }

  append(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.append');
    const key = normalizeName(name);
    const text = normalizeValue(value, key);
    const list = this.#change();
    if (this.#guard === 'request-no-cors') appendNoCors(list, key, text);
    else list.push(key, text);
  }

  delete(name: unknown): void {
    requireArguments(arguments.length, 1, 'Headers.delete');
    const key = normalizeName(name);
    const list = this.#change();
    if (this.#guard === 'request-no-cors' && !isNoCorsName(key) && key !== 'range') return;
    for (let at = list.length - 2; at >= 0; at -= 2) if (list[at] === key) list.splice(at, 2);
  }

  get(name: unknown): string | null {
    requireArguments(arguments.length, 1, 'Headers.get');
    return getHeader(this.#list, normalizeName(name));
  }

  getSetCookie(): string[] {
    const list = this.#list;
    const cookies: string[] = [];
    for (let at = 0; at < list.length; at += 2)
      if (list[at] === 'set-cookie') cookies.push(list[at + 1] as string);
    return cookies;
  }

  has(name: unknown): boolean {
    requireArguments(arguments.length, 1, 'Headers.has');
    return hasHeader(this.#list, normalizeName(name));
  }

  set(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'Headers.set');
    const key = normalizeName(name);
    const text = normalizeValue(value, key);
    const list = this.#change();
    if (this.#guard !== 'request-no-cors' || isNoCorsHeader(key, text)) setHeader(list, key, text);
  }

  #change(): HeaderList {
    if (this.#guard === 'immutable')
      throw new TypeError('These headers are immutable; copy them with new Headers(headers) first');
    this.#sorted = undefined;
    return this.#list;
  }

  #pairs(): readonly (readonly [string, string])[] {
    if (this.#sorted) return this.#sorted;
    const list = this.#list;
    const names = new Set<string>();
    for (let at = 0; at < list.length; at += 2) names.add(list[at] as string);
    const pairs: (readonly [string, string])[] = [];
    for (const name of [...names].sort()) {
      if (name === 'set-cookie') for (const cookie of this.getSetCookie()) pairs.push([name, cookie]);
      else pairs.push([name, getHeader(list, name) as string]);
    }
    this.#sorted = pairs;
    return pairs;
  }
}

shapeInterface(Headers.prototype, 'Headers');
makeIterable(Headers.prototype, 'Headers', (self) => pairsOf(self));

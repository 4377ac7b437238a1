import { parseMalformed } from './url-machine.ts';
import { makeIterable, requireArguments, shapeInterface, toUsvString } from './webidl.ts';

type Pair = [name: string, value: string];

/** Live params of a URL: `changed` gets the new query after each change. */
export let createSearchParams: (query: string, changed: (query: string) => void) => URLSearchParams;
/** Replaces the pairs after the URL's query changed; does not call `changed`. */
export let resetSearchParams: (params: URLSearchParams, query: string) => void;
/** Brand check; never calls guest code. */
export let isSearchParams: (value: unknown) => value is URLSearchParams;
let pairsOf: (value: unknown) => readonly Pair[];

/** URL, 5.1 "application/x-www-form-urlencoded parsing" of text. */
export function parseUrlencoded(text: string): Pair[] {
  const pairs: Pair[] = [];
  const isCoded = coded.test(text);
  for (let from = 0; from < text.length;) {
    const mark = text.indexOf('&', from);
    const end = mark < 0 ? text.length : mark;
    if (end > from) {
      const token = text.slice(from, end);
      const equals = token.indexOf('=');
      const name = equals < 0 ? token : token.slice(0, equals);
      const value = equals < 0 ? '' : token.slice(equals + 1);
      pairs[pairs.length] = isCoded ? [decodeComponent(name), decodeComponent(value)] : [name, value];
    }
    from = end + 1;
  }
  return pairs;
}

const coded = /[+%]/;

function decodeComponent(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // Malformed escapes or UTF-8: the library replaces what decodeURIComponent refuses.
    return parseMalformed(text);
  }
}

const plainText = /^[\w*.-]*$/;
/** What encodeURIComponent leaves and this form does not; a space is "+". */
const others = /[!'()~]|%20/g;
const byOthers: Readonly<Record<string, string>> = {
  '!': '%21',
  "'": '%27',
  '(': '%28',
  ')': '%29',
  '~': '%7E',
  '%20': '+',
};

function encodeComponent(text: string): string {
  if (plainText.test(text)) return text;
  return encodeURIComponent(text).replace(others, (part) => byOthers[part] as string);
}

/** URL, 5.2 "application/x-www-form-urlencoded serializing". */
function serializeUrlencoded(pairs: readonly Pair[]): string {
  let text = '';
  for (const [name, value] of pairs)
    text += `${text === '' ? '' : '&'}${encodeComponent(name)}=${encodeComponent(value)}`;
  return text;
}

/** Instead of pairs, for those that come at once; no guest has it. */
const ofUrl = {};
const none: Pair[] = [];

/** URL, 6.2. */
export class URLSearchParams {
  #pairs: Pair[];
  #changed: ((query: string) => void) | undefined;

  static {
    createSearchParams = (query, changed) => {
      const params = new URLSearchParams(ofUrl);
      params.#pairs = parseUrlencoded(query);
      params.#changed = changed;
      return params;
    };
    resetSearchParams = (params, query) => {
      params.#pairs = parseUrlencoded(query);
    };
    isSearchParams = (value): value is URLSearchParams =>
      typeof value === 'object' && value !== null && #pairs in value;
    pairsOf = (value) => (value as URLSearchParams).#pairs;
  }

  constructor(init: unknown = '') {
    this.#pairs = init === ofUrl ? none : toPairs(init);
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'URLSearchParams.append');
    this.#pairs.push([toUsvString(name), toUsvString(value)]);
    this.#update();
  }

  delete(name: unknown, value: unknown = undefined): void {
    requireArguments(arguments.length, 1, 'URLSearchParams.delete');
    const matches = matcher(name, value);
    this.#pairs = this.#pairs.filter((pair) => !matches(pair));
    this.#update();
  }

  get(name: unknown): string | null {
    requireArguments(arguments.length, 1, 'URLSearchParams.get');
    const key = toUsvString(name);
    const pairs = this.#pairs;
    for (let index = 0; index < pairs.length; index++) {
      const pair = pairs[index] as Pair;
      if (pair[0] === key) return pair[1];
    }
    return null;
  }

  getAll(name: unknown): string[] {
    requireArguments(arguments.length, 1, 'URLSearchParams.getAll');
    return this.#pairs.filter(matcher(name, undefined)).map((pair) => pair[1]);
  }

  has(name: unknown, value: unknown = undefined): boolean {
    requireArguments(arguments.length, 1, 'URLSearchParams.has');
    return this.#pairs.some(matcher(name, value));
  }

  set(name: unknown, value: unknown): void {
    requireArguments(arguments.length, 2, 'URLSearchParams.set');
    const pair: Pair = [toUsvString(name), toUsvString(value)];
    const first = this.#pairs.findIndex((known) => known[0] === pair[0]);
    if (first < 0) this.#pairs.push(pair);
    else {
      this.#pairs[first] = pair;
      this.#pairs = this.#pairs.filter((known, at) => at <= first || known[0] !== pair[0]);
    }
    this.#update();
  }

  sort(): void {
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : Number(a[0] > b[0])));
    this.#update();
  }

  toString(): string {
    return serializeUrlencoded(this.#pairs);
  }

  #update(): void {
    this.#changed?.(serializeUrlencoded(this.#pairs));
  }
}

function matcher(name: unknown, value: unknown): (pair: Pair) => boolean {
  const key = toUsvString(name);
  if (value === undefined) return (pair) => pair[0] === key;
  const text = toUsvString(value);
  return (pair) => pair[0] === key && pair[1] === text;
}

function toPairs(init: unknown): Pair[] {
  if ((typeof init !== 'object' && typeof init !== 'function') || init === null) {
    const text = toUsvString(init);
    return parseUrlencoded(text.startsWith('?') ? text.slice(1) : text);
  }
  const iterator: unknown = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator];
  if (iterator === undefined || iterator === null) return fromRecord(init);
  const pairs: Pair[] = [];
  for (const entry of init as Iterable<unknown>) {
    if (typeof entry !== 'object' || entry === null || !(Symbol.iterator in entry))
      throw new TypeError('URLSearchParams needs pairs of a name and a value');
    const pair = [...(entry as Iterable<unknown>)];
    if (pair.length !== 2)
      throw new TypeError(
        `URLSearchParams needs pairs of a name and a value, but one has ${pair.length} items`,
      );
    pairs.push([toUsvString(pair[0]), toUsvString(pair[1])]);
  }
  return pairs;
}

function fromRecord(init: object): Pair[] {
  const record = new Map<string, string>();
  for (const key of Reflect.ownKeys(init)) {
    if (!Object.prototype.propertyIsEnumerable.call(init, key)) continue;
    if (typeof key === 'symbol')
      throw new TypeError('URLSearchParams names must be strings, but one is a symbol');
    record.set(toUsvString(key), toUsvString((init as Record<string, unknown>)[key]));
  }
  return [...record];
}

shapeInterface(URLSearchParams.prototype, 'URLSearchParams');
makeIterable(URLSearchParams.prototype, 'URLSearchParams', (self) => pairsOf(self));

/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import {
  NativeString,
  getOwnPropertyDescriptor,
  getPrototypeOf,
  isArray,
  ownKeys,
  quote,
  stringSlice,
  typedArrayName,
  uncurry,
} from './primordials.ts';

/** What one console line may hold: the formatter's own work is bounded, whatever a guest hands it. */
const most = { depth: 2, items: 100, text: 10_000, total: 64 * 1024 };

const errorToString = uncurry(Error.prototype.toString);
const dateToIso = uncurry(Date.prototype.toISOString);
const dateTime = uncurry(Date.prototype.getTime);
const regexpSource = uncurry(RegExp.prototype.toString);
const symbolText = uncurry(Symbol.prototype.toString);
const mapForEach = uncurry(Map.prototype.forEach as (run: (value: unknown, key: unknown) => void) => void);
const setForEach = uncurry(Set.prototype.forEach as (run: (value: unknown) => void) => void);
const sizeOf = (owner: object): ((self: object) => number) =>
  uncurry(getOwnPropertyDescriptor(owner, 'size')?.get as (this: object) => number);
const mapSize = sizeOf(Map.prototype);
const setSize = sizeOf(Set.prototype);
const bufferBytes = uncurry(
  getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get as (this: object) => number,
);

export interface InspectOptions {
  /** Levels of nested objects to show. Default 2. */
  readonly depth?: number;
}

interface State {
  readonly depth: number;
  /** Objects on the way down, newest first. */
  readonly path: Link | undefined;
  readonly budget: { left: number };
}

interface Link {
  readonly value: object;
  readonly up: Link | undefined;
}

/** A value as text, much as Node's util.inspect shows it. Never throws, never calls the guest's getters. */
export function inspect(value: unknown, options: InspectOptions = {}): string {
  const depth = options.depth ?? most.depth;
  return show(value, { depth, path: undefined, budget: { left: most.total } });
}

function show(value: unknown, state: State): string {
  const text = state.budget.left <= 0 ? '…' : showAny(value, state);
  state.budget.left -= text.length;
  return text;
}

function showAny(value: unknown, state: State): string {
  switch (typeof value) {
    case 'string':
      return quoteText(value);
    case 'number':
      return value === 0 && 1 / value < 0 ? '-0' : NativeString(value);
    case 'bigint':
      return `${NativeString(value)}n`;
    case 'symbol':
      return symbolText(value);
    case 'function':
      return showFunction(value);
    case 'object':
      if (value === null) return 'null';
      try {
        return showObject(value, state);
      } catch {
        return '[object that cannot be shown]';
      }
    case 'undefined':
    case 'boolean':
      return NativeString(value);
  }
}

function quoteText(text: string): string {
  if (text.length <= most.text) return single(text);
  return `${single(stringSlice(text, 0, most.text))}... ${text.length - most.text} more characters`;
}

const replaceAll = uncurry(String.prototype.replaceAll as (from: string, to: string) => string);

function single(text: string): string {
  const json = quote(text);
  const body = replaceAll(stringSlice(json, 1, -1), '\\"', '"');
  return `'${replaceAll(body, "'", "\\'")}'`;
}

function dataOf(object: object, key: PropertyKey): unknown {
  return getOwnPropertyDescriptor(object, key)?.value;
}

function className(object: object): string | undefined {
  let owner: object | null = object;
  for (let step = 0; owner !== null && step < 10; step++) {
    const constructor = dataOf(owner, 'constructor');
    if (typeof constructor === 'function') {
      const name = dataOf(constructor, 'name');
      if (typeof name === 'string' && name !== '') return name;
    }
    owner = getPrototypeOf(owner);
  }
  return undefined;
}

function showFunction(value: object): string {
  const name = dataOf(value, 'name');
  return typeof name === 'string' && name !== '' ? `[Function: ${name}]` : '[Function (anonymous)]';
}

function onPath(value: object, link: Link | undefined): boolean {
  for (let at = link; at !== undefined; at = at.up) if (at.value === value) return true;
  return false;
}

function showObject(value: object, state: State): string {
  if (onPath(value, state.path)) return '[Circular]';
  const inner: State = { ...state, depth: state.depth - 1, path: { value, up: state.path } };
  const special = showSpecial(value, state, inner);
  if (special !== undefined) return special;
  const name = className(value);
  const array = isArray(value);
  if (state.depth < 0) return `[${name ?? (array ? 'Array' : 'Object')}]`;
  if (array) {
    const prefix = name === 'Array' ? '' : `${name ?? ''}(${value.length}) `;
    return `${prefix}${wrap('[', showItems(value, value.length, inner), ']')}`;
  }
  const tag = name === undefined ? '[Object: null prototype] ' : name === 'Object' ? '' : `${name} `;
  return `${tag}${wrap('{', showProperties(value, inner, false), '}')}`;
}

/** Objects with a form of their own; undefined for plain ones. */
function showSpecial(value: object, state: State, inner: State): string | undefined {
  if (isError(value)) return showError(value, inner);
  const view = typedArrayName(value);
  if (view !== undefined) {
    const list = value as unknown as ArrayLike<unknown>;
    return state.depth < 0
      ? `[${view}]`
      : `${view}(${list.length}) ${wrap('[', showItems(list, list.length, inner), ']')}`;
  }
  return (
    attempt(() => {
      const size = mapSize(value);
      if (state.depth < 0) return '[Map]';
      const pairs = createList();
      mapForEach(value, (item, key) => {
        pairs.add(() => `${show(key, inner)} => ${show(item, inner)}`);
      });
      return `Map(${size}) ${wrap('{', pairs.done(), '}')}`;
    }) ??
    attempt(() => {
      const size = setSize(value);
      if (state.depth < 0) return '[Set]';
      const items = createList();
      setForEach(value, (item) => items.add(() => show(item, inner)));
      return `Set(${size}) ${wrap('{', items.done(), '}')}`;
    }) ??
    attempt(() => {
      const time = dateTime(value);
      return time === time ? dateToIso(value) : 'Invalid Date';
    }) ??
    attempt(() => `ArrayBuffer { byteLength: ${bufferBytes(value)} }`) ??
    attempt(() => (isRegExp(value) ? regexpSource(value) : undefined)) ??
    (isPromise(value) ? 'Promise {}' : undefined)
  );
}

function attempt(run: () => string | undefined): string | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}

const { isError } = Error as unknown as { isError(value: unknown): value is Error };
const sourceOf = uncurry(
  getOwnPropertyDescriptor(RegExp.prototype, 'flags')?.get as (this: object) => string,
);
const isRegExp = (value: object): boolean =>
  dataOf(value, 'lastIndex') !== undefined && sourceOf(value) !== undefined;
const { prototype: promisePrototype } = Promise;
const isPromise = (value: object): boolean => getPrototypeOf(value) === promisePrototype;

function showError(error: Error, inner: State): string {
  const stack = attempt(() => error.stack);
  const text =
    typeof stack === 'string' && stack !== ''
      ? stringSlice(stack, 0, most.text)
      : (attempt(() => `[${errorToString(error)}]`) ?? '[Error]');
  if (inner.depth < -1) return text;
  const extra = showProperties(error, inner, true);
  return extra === '' ? text : `${text} ${wrap('{', extra, '}')}`;
}

function showItems(list: ArrayLike<unknown>, length: number, inner: State): string {
  const items = createList();
  for (let index = 0; index < length && index < most.items; index++) {
    items.add(() => show(list[index], inner));
  }
  if (length > most.items) items.skip(length - most.items);
  return items.done();
}

function showProperties(value: object, inner: State, error: boolean): string {
  const keys = ownKeys(value);
  const items = createList();
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string | symbol;
    const property = getOwnPropertyDescriptor(value, key);
    const cause = error && key === 'cause';
    if (property === undefined || (property.enumerable !== true && !cause)) continue;
    if (error && key === 'stack') continue;
    items.add(() => `${showKey(key)}: ${showProperty(property, inner)}`);
  }
  return items.done();
}

function showProperty(property: PropertyDescriptor, inner: State): string {
  if (property.get === undefined && property.set === undefined) return show(property.value, inner);
  if (property.get === undefined) return '[Setter]';
  return property.set === undefined ? '[Getter]' : '[Getter/Setter]';
}

const plainKey = /^[A-Za-z_$][\w$]*$/;
const test = uncurry(RegExp.prototype.exec);

function showKey(key: string | symbol): string {
  if (typeof key === 'symbol') return `[${symbolText(key)}]`;
  return test(plainKey, key) === null ? single(key) : key;
}

interface List {
  add(item: () => string): void;
  skip(count: number): void;
  done(): string;
}

/** Joins items with commas and stops counting them out at the limit. */
function createList(): List {
  let text = '';
  let count = 0;
  let skipped = 0;
  return {
    add(item) {
      if (count >= most.items) {
        skipped++;
        return;
      }
      count++;
      text += text === '' ? item() : `, ${item()}`;
    },
    skip(more) {
      skipped += more;
    },
    done: () => (skipped === 0 ? text : `${text}, ... ${skipped} more item${skipped === 1 ? '' : 's'}`),
  };
}

function wrap(open: string, text: string, close: string): string {
  return text === '' ? `${open}${close}` : `${open} ${text} ${close}`;
}

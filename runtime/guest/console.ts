import { now } from './clock.ts';
import { inspect } from './inspect.ts';
import { log } from './invocation.ts';
import {
  apply,
  NativeError,
  NativeNumber,
  NativeString,
  getOwnPropertyDescriptor,
  guestJson,
  objectKeys,
  stringIndexOf,
  stringSlice,
  toText,
  trunc,
} from './primordials.ts';
import { describe } from './thrown.ts';

/** Longest log line in UTF-16 units; the host counts all lines of an invocation besides. */
const mostText = 64 * 1024;

const counts: Record<string, number> = { __proto__: null } as never;
const timers: Record<string, number> = { __proto__: null } as never;
let indent = '';

function print(level: string, args: readonly unknown[]): void {
  const text = format(args);
  const whole = indent === '' ? text : indent + text;
  log(level, whole.length <= mostText ? whole : `${stringSlice(whole, 0, mostText)}…`);
}

/** Console standard, Formatter: %s %d %i %f %j %o %O %c %%; what is left over follows, separated by spaces. */
export function format(args: readonly unknown[]): string {
  if (args.length === 0) return '';
  let next = 1;
  const first = args[0];
  let text = typeof first === 'string' ? '' : inspect(first);
  if (typeof first === 'string') {
    let from = 0;
    for (;;) {
      const at = stringIndexOf(first, '%', from);
      if (at === -1 || at === first.length - 1) break;
      const letter = first[at + 1] ?? '';
      const given = next < args.length;
      const shown = letter === '%' ? '%' : given ? substitute(letter, args[next]) : undefined;
      if (shown === undefined) {
        text += stringSlice(first, from, at + 2);
      } else {
        text += stringSlice(first, from, at) + shown;
        if (letter !== '%') next++;
      }
      from = at + 2;
    }
    text += stringSlice(first, from);
  }
  for (; next < args.length; next++) {
    const value = args[next];
    text += ` ${typeof value === 'string' ? value : inspect(value)}`;
  }
  return text;
}

function substitute(letter: string, value: unknown): string | undefined {
  switch (letter) {
    case 's':
      return typeof value === 'string' ? value : inspect(value, { depth: 0 });
    case 'd':
      return typeof value === 'bigint' ? inspect(value) : NativeString(toNumber(value));
    case 'i':
      return typeof value === 'bigint' ? inspect(value) : NativeString(trunc(toNumber(value)));
    case 'f':
      return NativeString(toNumber(value));
    case 'j':
      return json(value);
    case 'o':
      return inspect(value, { depth: 4 });
    case 'O':
      return inspect(value);
    case 'c':
      return '';
    default:
      return undefined;
  }
}

function toNumber(value: unknown): number {
  return typeof value === 'object' || typeof value === 'symbol' ? NaN : NativeNumber(value);
}

function json(value: unknown): string {
  try {
    return guestJson(value) ?? 'undefined';
  } catch {
    return '[Circular]';
  }
}

function table(data: unknown): void {
  if (typeof data !== 'object' || data === null) return print('log', [data]);
  const rows = objectKeys(data);
  const columns: string[] = { __proto__: null, length: 0 } as never;
  let width = 0;
  const seen: Record<string, true> = { __proto__: null } as never;
  let plain = false;
  const cell = (row: unknown, key: string): string => {
    const property = typeof row === 'object' && row !== null ? getOwnPropertyDescriptor(row, key) : undefined;
    return property === undefined ? '' : inspect(property.value, { depth: 0 });
  };
  const rowAt = (index: number): unknown => getOwnPropertyDescriptor(data, rows[index] ?? '')?.value;
  const mostRows = rows.length < 1000 ? rows.length : 1000;
  for (let index = 0; index < mostRows; index++) {
    const row = rowAt(index);
    if (typeof row !== 'object' || row === null) {
      plain = true;
      continue;
    }
    const keys = objectKeys(row);
    for (let at = 0; at < keys.length && width < 50; at++) {
      const key = keys[at] ?? '';
      if (seen[key] === true) continue;
      seen[key] = true;
      columns[width++] = key;
    }
  }
  let text = '(index)';
  for (let at = 0; at < width; at++) text += ` | ${columns[at]}`;
  if (plain) text += ' | Values';
  for (let index = 0; index < mostRows; index++) {
    const row = rowAt(index);
    text += `\n${rows[index]}`;
    for (let at = 0; at < width; at++) text += ` | ${cell(row, columns[at] ?? '')}`;
    if (plain) text += typeof row === 'object' && row !== null ? ' | ' : ` | ${inspect(row)}`;
  }
  print('log', [text]);
}

const label = (given: unknown): string => (given === undefined ? 'default' : toText(given));

function elapsed(level: string, given: unknown, rest: readonly unknown[]): boolean {
  const name = label(given);
  const began = timers[name];
  if (began === undefined) {
    print('warn', [`Timer '${name}' does not exist`]);
    return false;
  }
  const line = `${name}: ${now() - began}ms`;
  print(level, [rest.length === 0 ? line : `${line} ${format(rest)}`]);
  return true;
}

const members: Readonly<Record<string, (...args: unknown[]) => void>> = {
  __proto__: null as never,
  log: (...args: unknown[]) => print('log', args),
  info: (...args: unknown[]) => print('info', args),
  warn: (...args: unknown[]) => print('warn', args),
  error: (...args: unknown[]) => print('error', args),
  debug: (...args: unknown[]) => print('debug', args),
  dir: (value: unknown) => print('log', [inspect(value)]),
  dirxml: (...args: unknown[]) => print('log', args),
  trace(...args: unknown[]) {
    const { stack } = describe(new NativeError(format(args)));
    print('debug', [`Trace${stringSlice(stack, 'Error'.length)}`]);
  },
  table,
  assert(condition: unknown, ...args: unknown[]) {
    if (condition) return;
    const text = format(args);
    print('error', [text === '' ? 'Assertion failed' : `Assertion failed: ${text}`]);
  },
  count(given: unknown) {
    const name = label(given);
    counts[name] = (counts[name] ?? 0) + 1;
    print('log', [`${name}: ${counts[name]}`]);
  },
  countReset(given: unknown) {
    counts[label(given)] = 0;
  },
  group(...args: unknown[]) {
    if (args.length > 0) print('log', args);
    if (indent.length < 100) indent += '  ';
  },
  groupCollapsed(...args: unknown[]) {
    if (args.length > 0) print('log', args);
    if (indent.length < 100) indent += '  ';
  },
  groupEnd() {
    indent = stringSlice(indent, 2);
  },
  time(given: unknown) {
    timers[label(given)] = now();
  },
  timeLog(given: unknown, ...rest: unknown[]) {
    elapsed('log', given, rest);
  },
  timeEnd(given: unknown) {
    if (elapsed('log', given, [])) delete timers[label(given)];
  },
  clear: () => undefined,
};

/** Console standard; every line belongs to the invocation at work, and is cut at 64 K characters. */
export function callConsole(name: string, args: readonly unknown[]): void {
  const member = members[name];
  if (member !== undefined) apply(member, undefined, args);
}

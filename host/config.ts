import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { HostError } from '#runtime/errors.ts';
import { defaultCaps, leastLimits, limitNames, type Limits } from '#runtime/limits.ts';
import type { HostLogLine, HostOptions } from './host.ts';

/** HostOptions with every default filled in. */
export interface HostConfig {
  readonly dir: string;
  readonly isolation: 'cells' | 'none';
  readonly cells: number;
  readonly sandbox: 'auto' | 'require' | 'off';
  /** File of the SQLite store. */
  readonly storeFile: string | undefined;
  readonly caps: Limits;
  readonly warmBytes: number;
  readonly idleMs: number;
  readonly spares: number;
  readonly trustProxy: boolean;
  readonly log: (line: HostLogLine) => void;
}

const names: readonly (keyof HostOptions)[] = [
  'dir',
  'isolation',
  'cells',
  'sandbox',
  'store',
  'caps',
  'warmBytes',
  'idleMs',
  'spares',
  'trustProxy',
  'log',
];

/** Checks what was given and fills in the rest. Throws HostError ERR_BAD_INPUT that says what would work. */
export function parseHostOptions(options: HostOptions = {}): HostConfig {
  for (const key of Object.keys(options))
    if (!(names as readonly string[]).includes(key)) refuseKey(key, names);
  return {
    dir: resolve(options.dir ?? '.islet'),
    isolation: oneOf('isolation', options.isolation ?? 'cells', ['cells', 'none']),
    cells: whole('cells', options.cells ?? availableParallelism(), 1, 256),
    sandbox: oneOf('sandbox', options.sandbox ?? 'auto', ['auto', 'require', 'off']),
    storeFile: parseStore(options.store),
    caps: parseCaps(options.caps ?? {}),
    warmBytes: whole('warmBytes', options.warmBytes ?? 512 * 2 ** 20, 2 ** 20, 2 ** 40),
    idleMs: whole('idleMs', options.idleMs ?? 600_000, 1, 2 ** 31 - 1),
    spares: whole('spares', options.spares ?? 2, 0, 64),
    trustProxy: options.trustProxy === true,
    log: options.log ?? (() => undefined),
  };
}

function parseStore(store: string | undefined): string | undefined {
  if (store === undefined || store === 'sqlite') return undefined;
  // A bare word is more likely the name of a store that does not exist than a file to make in the current folder.
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(store) || !/[./\\]/.test(store))
    bad(
      `store is ${JSON.stringify(store)}; this version knows "sqlite" and the path of a database file, e.g. "./islet.db"`,
    );
  return resolve(store);
}

function parseCaps(caps: Partial<Limits>): Limits {
  for (const key of Object.keys(caps))
    if (!(limitNames as readonly string[]).includes(key)) refuseKey(key, limitNames);
  const merged: Record<string, number> = { ...defaultCaps };
  for (const name of limitNames) {
    const given = caps[name];
    if (given !== undefined)
      merged[name] = whole(`caps.${name}`, given, leastLimits[name], Number.MAX_SAFE_INTEGER);
  }
  return merged as unknown as Limits;
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  return bad(`${name} is ${JSON.stringify(value)}; give a whole number from ${least} to ${most}`);
}

function oneOf<Word extends string>(name: string, value: unknown, words: readonly Word[]): Word {
  const found = words.find((word) => word === value);
  return (
    found ?? bad(`${name} is ${JSON.stringify(value)}; use ${words.map((word) => `"${word}"`).join(' or ')}`)
  );
}

function refuseKey(key: string, known: readonly string[]): never {
  const nearest = [...known].sort((a, b) => distance(key, a) - distance(key, b))[0] ?? '';
  return bad(`there is no option "${key}"; the nearest is "${nearest}"`);
}

function bad(message: string): never {
  throw new HostError('ERR_BAD_INPUT', `Cannot create host: ${message}`);
}

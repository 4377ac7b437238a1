import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { allowances, type Allowance } from '#runtime/allowance.ts';
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
  readonly forbid: readonly Allowance[];
  readonly warmBytes: number;
  readonly idleMs: number;
  readonly spares: number;
  readonly trustProxy: boolean;
  /** For openMailer. */
  readonly mail: { readonly smtpUrl?: string; readonly from?: string };
  /** An origin, without a slash at its end. */
  readonly publicUrl: string | undefined;
  readonly privateEgress: boolean;
  readonly log: (line: HostLogLine) => void;
}

const names: readonly (keyof HostOptions)[] = [
  'dir',
  'isolation',
  'cells',
  'sandbox',
  'store',
  'caps',
  'forbid',
  'warmBytes',
  'idleMs',
  'spares',
  'trustProxy',
  'smtpUrl',
  'mailFrom',
  'publicUrl',
  'privateEgress',
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
    forbid: parseForbid(options.forbid ?? []),
    warmBytes: whole('warmBytes', options.warmBytes ?? 512 * 2 ** 20, 2 ** 20, 2 ** 40),
    idleMs: whole('idleMs', options.idleMs ?? 600_000, 1, 2 ** 31 - 1),
    spares: whole('spares', options.spares ?? 2, 0, 64),
    trustProxy: options.trustProxy === true,
    mail: parseMail(options),
    publicUrl: options.publicUrl === undefined ? undefined : parsePublicUrl(options.publicUrl),
    privateEgress: yesOrNo('privateEgress', options.privateEgress ?? true),
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

function parseMail({ smtpUrl, mailFrom }: HostOptions): HostConfig['mail'] {
  const url = smtpUrl === undefined ? undefined : URL.parse(smtpUrl);
  const usable = url === undefined || (/^smtps?:$/.test(url?.protocol ?? '') && url?.hostname !== '');
  if (!usable)
    // Not quoted: it may hold a password.
    bad('smtpUrl is no address of a mail server; use e.g. "smtp://user:password@mail.example.com:587"');
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (mailFrom !== undefined && (mailFrom === '' || /[\u0000-\u001f]/.test(mailFrom)))
    bad(`mailFrom is ${JSON.stringify(mailFrom)}; give an address, e.g. "Shop <shop@example.com>"`);
  return {
    ...(smtpUrl === undefined ? {} : { smtpUrl }),
    ...(mailFrom === undefined ? {} : { from: mailFrom }),
  };
}

function parsePublicUrl(value: string): string {
  const url = URL.parse(value);
  const plain =
    url !== null && url.search === '' && url.hash === '' && url.username === '' && url.password === '';
  if (plain && (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/')
    return url.origin;
  return bad(`publicUrl is ${JSON.stringify(value)}; give scheme and host, e.g. "https://example.com"`);
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

function parseForbid(forbid: unknown): readonly Allowance[] {
  if (!Array.isArray(forbid)) return bad(`forbid is ${JSON.stringify(forbid)}; give a list, e.g. ["eval"]`);
  return forbid.map((word) => oneOf('forbid', word as Allowance, allowances));
}

function whole(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  return bad(`${name} is ${JSON.stringify(value)}; give a whole number from ${least} to ${most}`);
}

function yesOrNo(name: string, value: unknown): boolean {
  return typeof value === 'boolean' ? value : bad(`${name} is ${JSON.stringify(value)}; use true or false`);
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

import { isFileName } from '#bindings/assets/lookup.ts';
import { isRecord, text, toKind } from './manifest-values.ts';
import type { Report } from './manifest-values.ts';
import { didYouMean } from './nearest.ts';

/** `assets` of a manifest. */
export interface AssetsManifest {
  /** Folder, relative to the manifest, with "/". */
  readonly dir: string;
  /** Path of the file that answers pages which are no file, with 200; with 404. At most one of the two. */
  readonly fallback?: string;
  readonly notFound?: string;
  readonly first?: 'assets' | 'function';
  /** cache-control by pattern. */
  readonly cache?: Readonly<Record<string, string>>;
  /** Headers by pattern; names in lower case. */
  readonly headers?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const keys: readonly string[] = ['dir', 'fallback', 'notFound', 'first', 'cache', 'headers'];
/** What the host says itself, or HTTP forbids. */
const ownHeaders: ReadonlySet<string> = new Set(
  (
    'accept-ranges cache-control connection content-encoding content-length content-range date etag keep-alive location ' +
    'set-cookie te trailer transfer-encoding upgrade vary'
  ).split(' '),
);
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valuePattern = /^[\t\u0020-\u007e]*$/;

/** `"public"` or an object; undefined and problems for what is neither. */
export function checkAssets(value: unknown, report: Report): AssetsManifest | undefined {
  if (typeof value === 'string') return checkAssets({ dir: value }, report);
  if (!isRecord(value))
    return report(
      ['assets'],
      `assets is a folder such as "public", or an object with a dir, this is ${toKind(value)}`,
    );
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) report(['assets', key], `unknown key "${key}"${didYouMean(key, keys)}`);
  }
  const dir = checkDir(value['dir'], report);
  const { fallback, notFound, first, cache, headers } = value;
  if (fallback !== undefined && notFound !== undefined)
    report(
      ['assets', 'notFound'],
      'notFound has nothing to answer where there is a fallback; leave one of them out',
    );
  if (first !== undefined && first !== 'assets' && first !== 'function')
    report(['assets', 'first'], 'assets.first is "assets" or "function"');
  if (dir === undefined) return undefined;
  return {
    dir,
    ...optional('fallback', fallback === undefined ? undefined : checkFile('fallback', fallback, report)),
    ...optional('notFound', notFound === undefined ? undefined : checkFile('notFound', notFound, report)),
    ...(first === 'function' ? { first } : {}),
    ...optional('cache', cache === undefined ? undefined : checkCache(cache, report)),
    ...optional('headers', headers === undefined ? undefined : checkHeaders(headers, report)),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });
}

function checkDir(value: unknown, report: Report): string | undefined {
  if (text(value, ['assets', 'dir'], report) === undefined) return undefined;
  const dir = String(value).replace(/^\.\//, '').replace(/\/+$/, '');
  if (dir.split('/').every(isFileName)) return dir;
  return report(
    ['assets', 'dir'],
    `${JSON.stringify(value)} is not a folder below this one; use e.g. "public"`,
  );
}

function checkFile(key: 'fallback' | 'notFound', value: unknown, report: Report): string | undefined {
  if (text(value, ['assets', key], report) === undefined) return undefined;
  const path = String(value);
  if (path.startsWith('/') && path.slice(1).split('/').every(isFileName)) return path.normalize('NFC');
  return report(
    ['assets', key],
    `${JSON.stringify(value)} is not the path of a file; use e.g. "/index.html"`,
  );
}

function checkCache(value: unknown, report: Report): Record<string, string> | undefined {
  if (!isRecord(value))
    return report(['assets', 'cache'], `assets.cache is an object, this is ${toKind(value)}`);
  const cache: Record<string, string> = {};
  for (const [pattern, entry] of Object.entries(value)) {
    const path = ['assets', 'cache', pattern];
    if (!isPattern(pattern)) report(path, patternText(pattern));
    else if (typeof entry !== 'string' || !valuePattern.test(entry))
      report(
        path,
        `${path.join('.')} is a value of cache-control, e.g. "public, max-age=31536000, immutable"`,
      );
    else cache[pattern] = entry;
  }
  return cache;
}

function checkHeaders(value: unknown, report: Report): Record<string, Record<string, string>> | undefined {
  if (!isRecord(value))
    return report(['assets', 'headers'], `assets.headers is an object, this is ${toKind(value)}`);
  const table: Record<string, Record<string, string>> = {};
  for (const [pattern, entry] of Object.entries(value)) {
    const path = ['assets', 'headers', pattern];
    if (!isPattern(pattern)) report(path, patternText(pattern));
    else if (!isRecord(entry))
      report(path, `${path.join('.')} is an object of headers, this is ${toKind(entry)}`);
    else table[pattern] = checkOwn(entry, path, report);
  }
  return table;
}

function checkOwn(
  value: Readonly<Record<string, unknown>>,
  path: readonly string[],
  report: Report,
): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, entry] of Object.entries(value)) {
    const key = name.toLowerCase();
    if (!tokenPattern.test(name)) report([...path, name], `"${name}" is not the name of a header`);
    else if (key === 'cache-control') report([...path, name], 'cache-control is set in assets.cache');
    else if (ownHeaders.has(key) || key.startsWith('x-islet-'))
      report([...path, name], `${name} is the host's to set; leave it out`);
    else if (typeof entry !== 'string' || !valuePattern.test(entry))
      report([...path, name], `${name} is a text of visible ASCII characters`);
    else own[key] = entry;
  }
  return own;
}

function isPattern(pattern: string): boolean {
  return pattern.startsWith('/') && pattern.indexOf('*') === pattern.lastIndexOf('*');
}

function patternText(pattern: string): string {
  return `${JSON.stringify(pattern)} is not a pattern; use a file's path with one "*" at the most, e.g. "/assets/*"`;
}

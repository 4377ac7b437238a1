import { createHash } from 'node:crypto';

/** Where a request's responses lie: hashes keep keys short whatever the URL. */
export interface Place {
  /** All of one cache. */
  readonly cache: string;
  /** All of one address, whatever its query. */
  readonly path: string;
  /** All of one address with its query. */
  readonly exact: string;
}

/** The caches of one function begin so; function names and cordons hold no "/". */
export function spacePrefix(cordon: string, name: string): string {
  return `cache/${cordon}/${name}/`;
}

/** @param cache undefined: `caches.default` */
export function cachePrefix(space: string, cache: string | undefined): string {
  return `${space}e/${cache === undefined ? 'default' : hash(cache)}/`;
}

/** The fragment of `url` does not count. */
export function placeOf(cache: string, whole: string): Place {
  const url = withoutFragment(whole);
  const query = url.indexOf('?');
  const path = `${cache}${hash(query < 0 ? url : url.slice(0, query))}/`;
  return { cache, path, exact: `${path}${hash(query < 0 ? '' : url.slice(query))}/` };
}

/** Ids are numbers in an order that text keeps. */
export function toId(number: number): string {
  return number.toString(36).padStart(11, '0');
}

export function pieceKey(space: string, id: string, index: number): string {
  return `${bodyPrefix(space, id)}${index.toString().padStart(6, '0')}`;
}

export function bodyPrefix(space: string, id: string): string {
  return `${space}b/${id}/`;
}

export function withoutFragment(url: string): string {
  const at = url.indexOf('#');
  return at < 0 ? url : url.slice(0, at);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

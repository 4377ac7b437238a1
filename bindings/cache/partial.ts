import { parseRange } from '../range.ts';
import { headerOf, type Head, type Headers } from './head.ts';

/** What of a stored response is answered: all of it, a part of its body, or that it has not changed. */
export type View =
  | { readonly kind: 'whole' }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number };

const whole: View = { kind: 'whole' };

/** As Workers' match: If-None-Match and If-Modified-Since (RFC 9110, 13.1), then one range (14.2), of a 200 only. */
export function viewOf(head: Head, asked: Headers): View {
  if (head.status !== 200) return whole;
  const tags = headerOf(asked, 'if-none-match');
  const since = headerOf(asked, 'if-modified-since');
  if (tags !== undefined ? hasTag(head, tags) : since !== undefined && !isModified(head, since))
    return { kind: 'not-modified' };
  const range = headerOf(asked, 'range');
  if (range === undefined || !sameAs(head, headerOf(asked, 'if-range'))) return whole;
  const wanted = parseRange(range, head.bodyBytes);
  // A range beyond its end is answered whole: a cache has no 416 of its own to give.
  return wanted.kind === 'part' ? wanted : whole;
}

function hasTag(head: Head, tags: string): boolean {
  const etag = headerOf(head.headers, 'etag');
  if (etag === undefined) return false;
  if (tags.trim() === '*') return true;
  return (tags.match(/(?:W\/)?"[^"]*"/g) ?? []).some((tag) => weak(tag) === weak(etag));
}

function weak(tag: string): string {
  return tag.replace(/^W\//, '');
}

function isModified(head: Head, since: string): boolean {
  const modified = Date.parse(headerOf(head.headers, 'last-modified') ?? '');
  return !(modified <= Date.parse(since));
}

/** If-Range: the part counts only when it is of the same representation. */
function sameAs(head: Head, validator: string | undefined): boolean {
  if (validator === undefined) return true;
  const own = validator.includes('"') ? 'etag' : 'last-modified';
  return !validator.startsWith('W/') && validator === headerOf(head.headers, own);
}

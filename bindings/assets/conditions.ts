export type Verdict = 'go-on' | 'not-modified' | 'failed';

/** If-Match and If-None-Match for a representation that exists (RFC 9110, 13.2.2); `etag` is strong, with its quotes. */
export function judge(etag: string, ifMatch: string | undefined, ifNoneMatch: string | undefined): Verdict {
  if (ifMatch !== undefined && !lists(ifMatch, (given) => given === etag)) return 'failed';
  if (ifNoneMatch !== undefined && lists(ifNoneMatch, (given) => given.replace(/^W\//, '') === etag))
    return 'not-modified';
  return 'go-on';
}

function lists(header: string, same: (given: string) => boolean): boolean {
  if (header.trim() === '*') return true;
  return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).some(same);
}

import { headerOf, type Head, type Headers } from './head.ts';

/** The names a response varies by, in lower case; "*" among them: by everything. */
export function varyNames(headers: Headers): readonly string[] {
  const vary = headerOf(headers, 'vary') ?? '';
  return vary
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
}

/** Service Workers, "request matches cached item", step 6 to 8. */
export function variesAlike(head: Pick<Head, 'headers' | 'requestHeaders'>, asked: Headers): boolean {
  return varyNames(head.headers).every(
    (name) => name !== '*' && headerOf(head.requestHeaders, name) === headerOf(asked, name),
  );
}

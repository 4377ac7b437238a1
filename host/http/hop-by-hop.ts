const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** True for headers that belong to one connection (RFC 9110, 7.6.1) and for `proxy-*`; `name` in lower case. */
export function isHopByHop(name: string): boolean {
  return hopByHop.has(name) || name.startsWith('proxy-');
}

/** The names a Connection header lists, in lower case, without the two every peer sends. */
export function listedNames(connection: string): string[] {
  return connection
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'close' && name !== 'keep-alive');
}

/** Flat headers without those named; `headers` itself when none is named. */
export function withoutNames(headers: string[], names: readonly string[]): string[] {
  if (names.length === 0) return headers;
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (!names.includes(headers[i]!)) kept.push(headers[i]!, headers[i + 1]!);
  }
  return kept;
}

/** A host of the outside as a manifest names it. */
export interface Peer {
  /** As URLs have it: lower case, punycode, IPv6 in brackets; `*.` and a domain for any name below it. */
  readonly host: string;
  /** Absent: the scheme's own, or any. */
  readonly port?: number;
}

const written = /^(\*\.)?(\[[^\]]*\]|[^:/?#@[\]\\\s]+)(?::(\d{1,5}))?$/;

/** `host`, `host:port` or `*.domain`, or what would work. */
export function parsePeer(text: string): Peer | string {
  const parts = written.exec(text);
  if (parts === null) return suggest(text);
  const [, star = '', name = '', digits] = parts;
  const url = URL.parse(`http://${name}/`);
  if (url === null || url.hostname === '' || name.includes('*')) return suggest(text);
  if (star !== '' && /^[\d.[]+/.test(url.hostname)) return 'addresses have no names below them';
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return 'ports are 1 to 65535';
  return { host: star + url.hostname, ...(port === undefined ? {} : { port }) };
}

export function formatPeer({ host, port }: Peer): string {
  return port === undefined ? host : `${host}:${port}`;
}

function suggest(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.host !== '')
    return `use ${JSON.stringify(url.host)}`;
  if (URL.canParse(`http://[${text}]/`)) return `use "[${text}]"`;
  return 'use e.g. "api.example.com", "*.example.org" or "127.0.0.1:9000"';
}

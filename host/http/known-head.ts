import { readHead } from './request-head.ts';
import type { RequestHead } from './request-head.ts';

/** A request's headers as the guest gets them. */
export interface GuestHeaders {
  readonly list: readonly string[];
  /** The list as JSON text. */
  readonly json: string;
}

/** Where the guest's headers depend on more than what was sent. */
export interface HeadContext {
  /** Of the URL the guest sees. */
  readonly host: string;
  /** What was stripped from its path. */
  readonly prefix: string;
  /** The peer's address. */
  readonly ip: string;
}

/** Characters of JSON up to which headers are kept for the next request. */
const mostKept = 4096;

/** The headers of one request, read. Those of the next request on its connection are mostly the same, and use it again. */
export class KnownHead {
  readonly head: RequestHead;
  readonly #raw: readonly string[];
  readonly #trustProxy: boolean;
  #guest: (GuestHeaders & { readonly host: string; readonly prefix: string }) | undefined;

  constructor(raw: readonly string[], trustProxy: boolean) {
    this.head = readHead(raw, trustProxy);
    this.#raw = raw;
    this.#trustProxy = trustProxy;
  }

  /** True when `raw` holds the same headers and would be read alike. */
  fits(raw: readonly string[], trustProxy: boolean): boolean {
    const own = this.#raw;
    if (own.length !== raw.length || this.#trustProxy !== trustProxy) return false;
    // From the end: what changes from request to request tends to be there.
    for (let i = own.length - 1; i >= 0; i--) if (own[i] !== raw[i]) return false;
    return true;
  }

  get small(): boolean {
    return this.#guest !== undefined && this.#guest.json.length <= mostKept;
  }

  /** Adds the host's own headers. On one connection `ip` never changes. */
  forGuest({ host, prefix, ip }: HeadContext): GuestHeaders {
    const known = this.#guest;
    if (known?.host === host && known.prefix === prefix) return known;
    const { headers, forwarded } = this.head;
    const list = [...headers, 'host', host];
    list.push('x-forwarded-for', forwarded.for === '' ? ip : `${forwarded.for}, ${ip}`);
    list.push('x-forwarded-proto', forwarded.proto === 'https' ? 'https' : 'http');
    if (prefix !== '' || forwarded.prefix !== '') list.push('x-forwarded-prefix', forwarded.prefix + prefix);
    this.#guest = { host, prefix, list, json: JSON.stringify(list) };
    return this.#guest;
  }
}

import type { UrlRecord } from 'whatwg-url/lib/url-state-machine.js';
import { createObjectUrl, revokeObjectUrl } from './blob-url.ts';
import { isSimple, parsePieces, parseRecord, serializeUrl } from './parse-url.ts';
import { createSearchParams, resetSearchParams, type URLSearchParams } from './url-search-params.ts';
import { machine } from './url-machine.ts';
import {
  encodeFragment,
  encodeQuery,
  parsePath,
  type Pieces,
  serializeOrigin,
  serializePath,
  toRecord,
} from './special-url.ts';
import { requireArguments, shapeInterface, toUsvString } from './webidl.ts';

/**
 * The address of a Request: parsed, absolute, serialised with its fragment.
 * Throws TypeError for relative addresses and those with a user name or password.
 */
export function toRequestUrl(value: unknown): string {
  const text = toUsvString(value);
  const pieces = parsePieces(text);
  const record = pieces === undefined ? parseRecord(text) : undefined;
  if (pieces === undefined && record === undefined)
    throw new TypeError(
      `Cannot parse URL ${JSON.stringify(text)}; use an absolute one such as https://example.com/`,
    );
  const username = pieces?.[7] ?? record?.username ?? '';
  const password = pieces?.[8] ?? record?.password ?? '';
  if (username !== '' || password !== '')
    throw new TypeError(
      'The URL of a request may not hold a user name or password; use an authorization header',
    );
  return record === undefined ? (pieces?.[0] as string) : serializeUrl(record);
}

/** The serialised URL of `value`, undefined when it cannot be parsed. */
export function toAbsoluteUrl(value: unknown): string | undefined {
  const text = toUsvString(value);
  const pieces = parsePieces(text);
  if (pieces !== undefined) return pieces[0];
  const record = parseRecord(text);
  return record && serializeUrl(record);
}

/** Brand check; never calls guest code. */
export let isUrl: (value: unknown) => value is URL;

/** URL, 6.1. */
export class URL {
  /** Serialisation; undefined after a change until somebody asks. */
  #href: string | undefined;
  /** The pieces of a URL that needs no machine, until its first change. */
  #pieces: Pieces | undefined;
  #parsed: UrlRecord | undefined;
  #params: URLSearchParams | undefined;

  static {
    isUrl = (value): value is URL => typeof value === 'object' && value !== null && #href in value;
  }

  static canParse(url: unknown, base: unknown = undefined): boolean {
    requireArguments(arguments.length, 1, 'URL.canParse');
    const text = toUsvString(url);
    const baseText = base === undefined ? undefined : toUsvString(base);
    return parsePieces(text, baseText) !== undefined || parseRecord(text, baseText) !== undefined;
  }

  static createObjectURL(value: unknown): string {
    requireArguments(arguments.length, 1, 'URL.createObjectURL');
    return createObjectUrl(value);
  }

  static revokeObjectURL(value: unknown): void {
    requireArguments(arguments.length, 1, 'URL.revokeObjectURL');
    revokeObjectUrl(value);
  }

  static parse(url: unknown, base: unknown = undefined): URL | null {
    requireArguments(arguments.length, 1, 'URL.parse');
    try {
      return new URL(toUsvString(url), base === undefined ? undefined : toUsvString(base));
    } catch {
      return null;
    }
  }

  constructor(url: unknown, base: unknown = undefined) {
    requireArguments(arguments.length, 1, 'new URL');
    const text = toUsvString(url);
    const baseText = base === undefined ? undefined : toUsvString(base);
    this.#pieces = parsePieces(text, baseText);
    if (this.#pieces) {
      this.#href = this.#pieces[0];
      return;
    }
    this.#parsed = parseRecord(text, baseText);
    if (this.#parsed === undefined)
      throw new TypeError(
        `Invalid URL: ${JSON.stringify(text)}${baseText === undefined ? '' : ` with base ${JSON.stringify(baseText)}`}`,
      );
  }

  get #record(): UrlRecord {
    return (this.#parsed ??= toRecord(this.#pieces as Pieces));
  }

  /** Runs a setter's steps on the record. */
  #change(steps: (record: UrlRecord) => void): void {
    const record = this.#record;
    steps(record);
    this.#pieces = undefined;
    this.#href = undefined;
  }

  #parseInto(value: unknown, stateOverride: string): void {
    const text = toUsvString(value);
    this.#change((url) => void machine().basicURLParse(text, { url, stateOverride }));
  }

  get #text(): string {
    return (this.#href ??= serializeUrl(this.#record));
  }

  get href(): string {
    return this.#text;
  }
  set href(value: unknown) {
    const text = toUsvString(value);
    const pieces = parsePieces(text);
    const record = pieces === undefined ? parseRecord(text) : undefined;
    if (pieces === undefined && record === undefined)
      throw new TypeError(`Invalid URL: ${JSON.stringify(text)}`);
    this.#pieces = pieces;
    this.#parsed = record;
    this.#href = pieces?.[0];
    if (this.#params) resetSearchParams(this.#params, this.#query);
  }

  get origin(): string {
    if (this.#pieces) {
      const [, scheme, host, port] = this.#pieces;
      return port === undefined ? `${scheme}://${host}` : `${scheme}://${host}:${port}`;
    }
    return serializeOrigin(this.#record) ?? machine().serializeURLOrigin(this.#record);
  }

  get protocol(): string {
    return `${this.#pieces?.[1] ?? this.#record.scheme}:`;
  }
  set protocol(value: unknown) {
    this.#parseInto(`${toUsvString(value)}:`, 'scheme start');
  }

  get username(): string {
    return this.#pieces ? (this.#pieces[7] ?? '') : this.#record.username;
  }
  set username(value: unknown) {
    const text = toUsvString(value);
    if (!machine().cannotHaveAUsernamePasswordPort(this.#record))
      this.#change((record) => machine().setTheUsername(record, text));
  }

  get password(): string {
    return this.#pieces ? (this.#pieces[8] ?? '') : this.#record.password;
  }
  set password(value: unknown) {
    const text = toUsvString(value);
    if (!machine().cannotHaveAUsernamePasswordPort(this.#record))
      this.#change((record) => machine().setThePassword(record, text));
  }

  get host(): string {
    const hostname = this.#hostname;
    const port = this.#port;
    return port === '' ? hostname : `${hostname}:${port}`;
  }
  set host(value: unknown) {
    if (!machine().hasAnOpaquePath(this.#record)) this.#parseInto(value, 'host');
  }

  get #hostname(): string {
    if (this.#pieces) return this.#pieces[2] as string;
    const { host } = this.#record;
    if (typeof host === 'string') return host;
    return host === null ? '' : machine().serializeHost(host);
  }

  get hostname(): string {
    return this.#hostname;
  }
  set hostname(value: unknown) {
    if (!machine().hasAnOpaquePath(this.#record)) this.#parseInto(value, 'hostname');
  }

  get #port(): string {
    if (this.#pieces) return this.#pieces[3] ?? '';
    const { port } = this.#record;
    return port === null ? '' : `${port}`;
  }

  get port(): string {
    return this.#port;
  }
  set port(value: unknown) {
    const text = toUsvString(value);
    if (machine().cannotHaveAUsernamePasswordPort(this.#record)) return;
    if (text !== '') this.#parseInto(text, 'port');
    else
      this.#change((record) => {
        record.port = null;
      });
  }

  get pathname(): string {
    return this.#pieces?.[4] ?? serializePath(this.#record);
  }
  set pathname(value: unknown) {
    if (machine().hasAnOpaquePath(this.#record)) return;
    const text = toUsvString(value);
    this.#change((url) => {
      if (isSimple(url, text)) {
        url.path = parsePath(text);
        return;
      }
      url.path = [];
      machine().basicURLParse(text, { url, stateOverride: 'path start' });
    });
  }

  get #query(): string {
    return (this.#pieces ? this.#pieces[5] : this.#record.query) ?? '';
  }

  get search(): string {
    const query = this.#query;
    return query === '' ? '' : `?${query}`;
  }
  set search(value: unknown) {
    const text = toUsvString(value);
    this.#change((url) => {
      url.query = text === '' ? null : '';
      if (text === '') return;
      if (isSimple(url, text)) {
        url.query = encodeQuery(text.startsWith('?') ? text.slice(1) : text);
        return;
      }
      machine().basicURLParse(text.startsWith('?') ? text.slice(1) : text, { url, stateOverride: 'query' });
    });
    if (this.#params) resetSearchParams(this.#params, this.#query);
  }

  get searchParams(): URLSearchParams {
    return (this.#params ??= createSearchParams(this.#query, (query) => {
      this.#change((record) => {
        record.query = query === '' ? null : query;
      });
    }));
  }

  get hash(): string {
    const fragment = (this.#pieces ? this.#pieces[6] : this.#record.fragment) ?? '';
    return fragment === '' ? '' : `#${fragment}`;
  }
  set hash(value: unknown) {
    const text = toUsvString(value);
    this.#change((url) => {
      url.fragment = text === '' ? null : '';
      if (text === '') return;
      if (isSimple(url, text)) {
        url.fragment = encodeFragment(text.startsWith('#') ? text.slice(1) : text);
        return;
      }
      machine().basicURLParse(text.startsWith('#') ? text.slice(1) : text, {
        url,
        stateOverride: 'fragment',
      });
    });
  }

  toString(): string {
    return this.#text;
  }
  toJSON(): string {
    return this.#text;
  }
}

shapeInterface(URL.prototype, 'URL');

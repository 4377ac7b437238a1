/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import type { Reply } from './answer.ts';
import type { RequestHead } from './protocol.ts';
import { toAuthorizer } from './authorizer.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { now } from './clock.ts';
import {
  NativeDate,
  NativeNumber,
  NativeTypeError,
  floor,
  guestJson,
  hasOwn,
  isArray,
  isInteger,
  parseJson,
  quote,
  quoteList,
  stringIndexOf,
  stringSlice,
  toLowerCase,
  toText,
  trimString,
  uncurry,
  viewLength,
} from './primordials.ts';
import { decodeUtf8, encodeUtf8 } from './web/index.ts';
import { inspect } from './inspect.ts';

type Table = Record<string, unknown>;

const empty = (): Table => ({ __proto__: null });
const dateToUtc = uncurry(NativeDate.prototype.toUTCString);
const decodeComponent = decodeURIComponent;
const replaceAll = uncurry(String.prototype.replaceAll as (from: string, to: string) => string);
const search = uncurry(RegExp.prototype.exec);

/** Content types whose bodies an event carries as text, if they are UTF-8; all others as base64. */
const textual =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|javascript|graphql|x-www-form-urlencoded|x-ndjson)\b|[\w.+-]+\/[\w.-]+\+(?:json|xml)\b)/i;

/** An HTTP request as an API Gateway HTTP API sends it to Lambda (payload format version 2.0). */
export function toGatewayEvent(
  head: RequestHead,
  functionName: string,
  body: Uint8Array | undefined,
): unknown {
  const { path, query, authority } = splitUrl(head.u);
  const headers = empty();
  let cookies: string[] | undefined;
  for (let index = 0; index + 1 < head.h.length; index += 2) {
    const name = head.h[index] ?? '';
    const value = head.h[index + 1] ?? '';
    if (name === 'cookie') cookies = addCookies(cookies, value);
    else append(headers, name, value);
  }
  const parameters = toParameters(query);
  const time = floor(now());
  const host = (headers['host'] as string | undefined) ?? authority;
  const domainName = stripPort(host);
  const authorizer = toAuthorizer(head.user);
  const event: Table = {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: { ...headers },
    requestContext: {
      accountId: '000000000000',
      apiId: functionName,
      ...(authorizer === undefined ? {} : { authorizer }),
      domainName,
      domainPrefix: before(domainName, '.'),
      http: {
        method: head.m,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: head.ip ?? '127.0.0.1',
        userAgent: (headers['user-agent'] as string | undefined) ?? '',
      },
      requestId: head.id,
      routeKey: '$default',
      stage: '$default',
      time: toClf(time),
      timeEpoch: time,
    },
    isBase64Encoded: false,
  };
  const optional = empty();
  if (cookies !== undefined) optional['cookies'] = cookies;
  if (parameters !== undefined) optional['queryStringParameters'] = parameters;
  if (body === undefined || viewLength(body) === 0) return { ...event, ...optional };
  const text = toBodyText(headers['content-type'], body);
  return {
    ...event,
    ...optional,
    body: text ?? toBase64(body),
    isBase64Encoded: text === undefined,
  };
}

function splitUrl(url: string): { path: string; query: string; authority: string } {
  const start = stringIndexOf(url, '://') + 3;
  const slash = stringIndexOf(url, '/', start);
  const question = stringIndexOf(url, '?', start);
  const authorityEnd = slash === -1 ? (question === -1 ? url.length : question) : slash;
  const pathEnd = question === -1 ? url.length : question;
  return {
    authority: stringSlice(url, start, authorityEnd),
    path: stringSlice(url, authorityEnd, pathEnd) || '/',
    query: question === -1 ? '' : stringSlice(url, question + 1),
  };
}

function before(text: string, mark: string): string {
  const at = stringIndexOf(text, mark);
  return at === -1 ? text : stringSlice(text, 0, at);
}

function stripPort(host: string): string {
  if (host[0] === '[') return `${before(host, ']')}]`;
  return before(host, ':');
}

function append(table: Table, name: string, value: string): void {
  const earlier = table[name];
  table[name] = earlier === undefined ? value : `${earlier as string},${value}`;
}

function addCookies(cookies: string[] | undefined, header: string): string[] {
  let json = cookies === undefined ? '' : stringSlice(quoteList(cookies), 1, -1);
  eachPart(header, ';', (part) => {
    const cookie = trimString(part);
    if (cookie !== '') json += `${json === '' ? '' : ','}${quote(cookie)}`;
  });
  return parseJson(`[${json}]`) as string[];
}

function eachPart(text: string, mark: string, visit: (part: string) => void): void {
  let from = 0;
  for (;;) {
    const at = stringIndexOf(text, mark, from);
    visit(at === -1 ? stringSlice(text, from) : stringSlice(text, from, at));
    if (at === -1) return;
    from = at + 1;
  }
}

function toParameters(query: string): Table | undefined {
  if (query === '') return undefined;
  const table = empty();
  eachPart(query, '&', (part) => {
    if (part === '') return;
    const equals = stringIndexOf(part, '=');
    const name = equals === -1 ? part : stringSlice(part, 0, equals);
    append(table, unescape(name), equals === -1 ? '' : unescape(stringSlice(part, equals + 1)));
  });
  return { ...table };
}

function unescape(text: string): string {
  const spaced = replaceAll(text, '+', ' ');
  try {
    return decodeComponent(spaced);
  } catch {
    return spaced;
  }
}

/** Common Log Format: 12/Mar/2020:19:03:58 +0000. */
function toClf(time: number): string {
  const utc = dateToUtc(new NativeDate(time));
  return `${stringSlice(utc, 5, 7)}/${stringSlice(utc, 8, 11)}/${stringSlice(utc, 12, 16)}:${stringSlice(utc, 17, 25)} +0000`;
}

function toBodyText(contentType: unknown, body: Uint8Array): string | undefined {
  if (typeof contentType !== 'string' || search(textual, contentType) === null) return undefined;
  const text = decodeUtf8(body);
  return stringIndexOf(text, '\uFFFD') === -1 || sameBytes(encodeUtf8(text), body) ? text : undefined;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  const length = viewLength(one);
  if (length !== viewLength(other)) return false;
  for (let index = 0; index < length; index++) if (one[index] !== other[index]) return false;
  return true;
}

/**
 * A handler's result as a response (payload format version 2.0). An object with `statusCode` says it all; any other
 * value is 200, application/json, with the value as the body (a string as it is). Throws TypeError for garbage.
 */
export function toGatewayReply(result: unknown): Reply {
  const json = guestJson(result);
  const data = json === undefined ? null : parseJson(json);
  if (typeof data === 'object' && data !== null && hasOwn(data, 'statusCode'))
    return structured(data as Table);
  const text = typeof data === 'string' ? data : (json ?? 'null');
  return { status: 200, headers: ['content-type', 'application/json'], body: { kind: 'text', text } };
}

const own = (table: Table, key: string): unknown => (hasOwn(table, key) ? table[key] : undefined);

function structured(data: Table): Reply {
  const status = toStatus(data['statusCode']);
  const list = new HeaderList();
  addHeaders(list, own(data, 'headers'), 'headers');
  addHeaders(list, own(data, 'multiValueHeaders'), 'multiValueHeaders');
  const cookies = own(data, 'cookies');
  if (isArray(cookies)) {
    for (let index = 0; index < cookies.length; index++) list.add('set-cookie', cookies[index], 'cookies');
  }
  const body = own(data, 'body') ?? '';
  if (typeof body !== 'string') {
    throw new NativeTypeError(
      `The handler's result has a body that is no string (${inspect(body, { depth: 0 })}); use JSON.stringify, or base64 with isBase64Encoded: true`,
    );
  }
  if (status === 204 || status === 205 || status === 304) {
    return { status, headers: list.flat(), body: { kind: 'none' } };
  }
  if (!list.hasType && body !== '') list.add('content-type', 'text/plain;charset=UTF-8', 'headers');
  if (own(data, 'isBase64Encoded') !== true) {
    return { status, headers: list.flat(), body: { kind: 'text', text: body } };
  }
  return { status, headers: list.flat(), body: { kind: 'bytes', bytes: decodeBody(body) } };
}

function toStatus(given: unknown): number {
  const status = typeof given === 'string' && search(/^\d{3}$/, given) !== null ? NativeNumber(given) : given;
  if (typeof status === 'number' && isInteger(status) && status >= 200 && status <= 599) return status;
  throw new NativeTypeError(
    `The handler's result has statusCode ${inspect(given, { depth: 0 })}; use a number from 200 to 599`,
  );
}

function decodeBody(body: string): Uint8Array {
  try {
    return fromBase64(body);
  } catch {
    throw new NativeTypeError("The handler's result has isBase64Encoded: true, but its body is not base64");
  }
}

function addHeaders(list: HeaderList, given: unknown, where: string): void {
  if (typeof given !== 'object' || given === null) return;
  for (const name in given) {
    if (!hasOwn(given, name)) continue;
    const value = (given as Table)[name];
    if (!isArray(value)) {
      list.add(name, value, where);
      continue;
    }
    for (let index = 0; index < value.length; index++) list.add(name, value[index], where);
  }
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const controls = /[\0\r\n]|[^\0-\xff]/;

/** Flat headers, kept as JSON text so that nothing of the guest's sees them being pushed. */
class HeaderList {
  #json = '';
  hasType = false;

  add(name: string, given: unknown, where: string): void {
    const lower = toLowerCase(name);
    const scalar = typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean';
    const value = scalar ? trimString(toText(given)) : '';
    if (!scalar || search(token, lower) === null || search(controls, value) !== null) {
      throw new NativeTypeError(
        `The handler's result has ${where} that cannot be sent: ${quote(name)}: ${inspect(given, { depth: 0 })}`,
      );
    }
    if (lower === 'content-type') this.hasType = true;
    this.#json += `${this.#json === '' ? '' : ','}${quote(lower)},${quote(value)}`;
  }

  flat(): string[] {
    return parseJson(`[${this.#json}]`) as string[];
  }
}

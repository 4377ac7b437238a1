import { isUtf8 } from 'node:buffer';
import { toAuthorizer } from './authorizer.ts';
import type { RequestHead } from '#runtime/guest/protocol.ts';

/** Content types whose bodies an event carries as text, if they are UTF-8; all others as base64. */
const textual =
  /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|javascript|graphql|x-www-form-urlencoded|x-ndjson)\b|[\w.+-]+\/[\w.-]+\+(?:json|xml)\b)/i;

/**
 * An HTTP request as an API Gateway HTTP API sends it to Lambda (payload format version 2.0); the same event that
 * runtime/guest/api-gateway.ts makes inside isolates, where nothing of the guest's may be trusted.
 */
export function toGatewayEvent(head: RequestHead, functionName: string, body: Buffer | undefined): object {
  const { path, query, authority } = splitUrl(head.u);
  const headers: Map<string, string> = new Map();
  let cookies: string[] | undefined;
  for (let index = 0; index + 1 < head.h.length; index += 2) {
    const name = head.h[index] ?? '';
    const value = head.h[index + 1] ?? '';
    if (name === 'cookie') cookies = [...(cookies ?? []), ...cookiesIn(value)];
    else append(headers, name, value);
  }
  const now = Date.now();
  const domainName = withoutPort(headers.get('host') ?? authority);
  const authorizer = toAuthorizer(head.user);
  const text = body === undefined ? undefined : toBodyText(headers.get('content-type'), body);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: Object.fromEntries(headers),
    requestContext: {
      accountId: '000000000000',
      apiId: functionName,
      ...(authorizer === undefined ? {} : { authorizer }),
      domainName,
      domainPrefix: domainName.split('.')[0],
      http: {
        method: head.m,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: head.ip ?? '127.0.0.1',
        userAgent: headers.get('user-agent') ?? '',
      },
      requestId: head.id,
      routeKey: '$default',
      stage: '$default',
      time: toClf(new Date(now)),
      timeEpoch: now,
    },
    ...(cookies === undefined ? {} : { cookies }),
    ...(query === '' ? {} : { queryStringParameters: toParameters(query) }),
    ...(body === undefined || body.length === 0 ? {} : { body: text ?? body.toString('base64') }),
    isBase64Encoded: body !== undefined && body.length > 0 && text === undefined,
  };
}

function splitUrl(url: string): { path: string; query: string; authority: string } {
  const match = /^[^:]*:\/\/([^/?]*)([^?]*)\??(.*)$/s.exec(url);
  return { authority: match?.[1] ?? '', path: match?.[2] || '/', query: match?.[3] ?? '' };
}

function withoutPort(host: string): string {
  return host.startsWith('[') ? `${host.split(']')[0] ?? ''}]` : (host.split(':')[0] ?? '');
}

function append(table: Map<string, string>, name: string, value: string): void {
  const earlier = table.get(name);
  table.set(name, earlier === undefined ? value : `${earlier},${value}`);
}

function cookiesIn(header: string): string[] {
  return header
    .split(';')
    .map((part) => part.trim())
    .filter((cookie) => cookie !== '');
}

function toParameters(query: string): object {
  const table: Map<string, string> = new Map();
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    append(table, unescape(name), equals === -1 ? '' : unescape(part.slice(equals + 1)));
  }
  return Object.fromEntries(table);
}

function unescape(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

/** Common Log Format: 12/Mar/2020:19:03:58 +0000. */
function toClf(date: Date): string {
  const utc = date.toUTCString();
  return `${utc.slice(5, 7)}/${utc.slice(8, 11)}/${utc.slice(12, 16)}:${utc.slice(17, 25)} +0000`;
}

function toBodyText(contentType: string | undefined, body: Buffer): string | undefined {
  return contentType !== undefined && textual.test(contentType) && isUtf8(body)
    ? body.toString('utf8')
    : undefined;
}

/** A response: headers flat, the body whole. */
export interface GatewayReply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string | Buffer | undefined;
}

type Table = Readonly<Record<string, unknown>>;

/**
 * A handler's result, JSON text, as a response (payload format version 2.0). An object with `statusCode` says it all;
 * any other value is 200, application/json, with the value as the body (a string as it is). Throws TypeError for
 * garbage, SyntaxError where it is no JSON.
 */
export function toGatewayReply(json: string): GatewayReply {
  const data: unknown = JSON.parse(json);
  if (typeof data === 'object' && data !== null && Object.hasOwn(data, 'statusCode'))
    return structured(data as Table);
  const body = typeof data === 'string' ? data : json;
  return { status: 200, headers: ['content-type', 'application/json'], body };
}

function structured(data: Table): GatewayReply {
  const status = toStatus(data['statusCode']);
  const headers = [
    ...headersIn(own(data, 'headers'), 'headers'),
    ...headersIn(own(data, 'multiValueHeaders'), 'multiValueHeaders'),
  ];
  const cookies = own(data, 'cookies');
  if (Array.isArray(cookies))
    for (const cookie of cookies) headers.push(...toHeader('set-cookie', cookie, 'cookies'));
  const body = own(data, 'body') ?? '';
  if (typeof body !== 'string')
    throw new TypeError(
      `The handler's result has a body that is no string (${shown(body)}); use JSON text, or base64 with isBase64Encoded: true`,
    );
  if (status === 204 || status === 205 || status === 304) return { status, headers, body: undefined };
  const typed = headers.some((name, index) => index % 2 === 0 && name === 'content-type');
  if (!typed && body !== '') headers.push('content-type', 'text/plain;charset=UTF-8');
  if (own(data, 'isBase64Encoded') !== true) return { status, headers, body };
  return { status, headers, body: decodeBody(body) };
}

function own(table: Table, key: string): unknown {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

function toStatus(given: unknown): number {
  const status = typeof given === 'string' && /^\d{3}$/.test(given) ? Number(given) : given;
  if (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599) return status;
  throw new TypeError(`The handler's result has statusCode ${shown(given)}; use a number from 200 to 599`);
}

/** Forgiving base64, as `atob` has it (Infra, section 8): white space does not count, padding may be left out. */
function decodeBody(body: string): Buffer {
  const digits = body.replaceAll(/[\t\n\f\r ]/g, '');
  const bare = digits.length % 4 === 0 ? digits.replace(/={1,2}$/, '') : digits;
  if (/^[A-Za-z0-9+/]*$/.test(bare) && bare.length % 4 !== 1) return Buffer.from(bare, 'base64');
  throw new TypeError("The handler's result has isBase64Encoded: true, but its body is not base64");
}

function headersIn(given: unknown, where: string): string[] {
  if (typeof given !== 'object' || given === null) return [];
  return Object.entries(given).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).flatMap((one: unknown) => toHeader(name, one, where)),
  );
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const controls = /[\0\r\n]|[^\0-\xff]/;

function toHeader(name: string, given: unknown, where: string): readonly [string, string] {
  const scalar = typeof given === 'string' || typeof given === 'number' || typeof given === 'boolean';
  const value = scalar ? String(given).trim() : '';
  if (scalar && token.test(name) && !controls.test(value)) return [name.toLowerCase(), value];
  throw new TypeError(
    `The handler's result has ${where} that cannot be sent: ${JSON.stringify(name)}: ${shown(given)}`,
  );
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

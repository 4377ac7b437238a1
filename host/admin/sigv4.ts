import { createHash, createHmac } from 'node:crypto';
import { equalSecrets } from './guard.ts';

/** The access key id callers put into their credentials; the secret access key is the admin token. */
export const accessKeyId = 'islet';

/** AWS refuses signatures older or younger than this. */
const skewMs = 15 * 60_000;

export interface SignedRequest {
  readonly method: string;
  /** As on the wire, still percent-encoded. */
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/** Why a signature is refused, by AWS's own names. */
export interface SignatureRefusal {
  readonly type:
    | 'MissingAuthenticationTokenException'
    | 'IncompleteSignatureException'
    | 'UnrecognizedClientException'
    | 'InvalidSignatureException';
  readonly message: string;
}

interface Authorization {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/**
 * Checks AWS Signature Version 4 (IAM User Guide, "Create a signed AWS API request"): the `Authorization` header
 * form, any region, service `lambda`. Undefined when the signature holds. The hash of the body is always taken from
 * the body. Callers may replay a request within the 15 minutes AWS allows too.
 */
export function refuseSignature(
  request: SignedRequest,
  secret: string,
  now: number,
): SignatureRefusal | undefined {
  const header = request.headers.get('authorization');
  if (header === null) {
    return { type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' };
  }
  const authorization = parseAuthorization(header);
  const scope = authorization?.credential.split('/') ?? [];
  const date = request.headers.get('x-amz-date') ?? '';
  if (authorization === undefined || scope.length !== 5 || toMs(date) === undefined) {
    return {
      type: 'IncompleteSignatureException',
      message: 'Authorization needs Credential, SignedHeaders and Signature, and X-Amz-Date must be sent',
    };
  }
  const [id, day, region, service, end] = scope as [string, string, string, string, string];
  if (id !== accessKeyId) {
    return {
      type: 'UnrecognizedClientException',
      message: `The access key id is not known here; use "${accessKeyId}", with the admin token as the secret`,
    };
  }
  if (service !== 'lambda' || end !== 'aws4_request' || !date.startsWith(day)) {
    return {
      type: 'InvalidSignatureException',
      message: `The credential scope ${scope.slice(1).join('/')} is not usable`,
    };
  }
  if (!['host', 'x-amz-date'].every((name) => authorization.signedHeaders.includes(name))) {
    return { type: 'InvalidSignatureException', message: 'Sign at least the headers host and x-amz-date' };
  }
  if (Math.abs((toMs(date) ?? 0) - now) > skewMs) {
    return {
      type: 'InvalidSignatureException',
      message: `Signature expired: ${date} is not within 15 minutes of now`,
    };
  }
  const text = [
    'AWS4-HMAC-SHA256',
    date,
    scope.slice(1).join('/'),
    hash(canonicalRequest(request, authorization)),
  ];
  const key = [day, region, service, end].reduce<string | Buffer>(
    (key, part) => hmac(key, part),
    `AWS4${secret}`,
  );
  if (equalSecrets(authorization.signature, hmac(key, text.join('\n')).toString('hex'))) return undefined;
  return {
    type: 'InvalidSignatureException',
    message: 'The signature does not match; use the admin token as the secret access key',
  };
}

function parseAuthorization(header: string): Authorization | undefined {
  const [algorithm, ...rest] = header.trim().split(/\s+/);
  if (algorithm !== 'AWS4-HMAC-SHA256') return undefined;
  const parts = new Map<string, string>();
  for (const part of rest.join('').split(',')) {
    const at = part.indexOf('=');
    parts.set(part.slice(0, at), part.slice(at + 1));
  }
  const credential = parts.get('Credential');
  const signedHeaders = parts.get('SignedHeaders');
  const signature = parts.get('Signature');
  if (credential === undefined || signedHeaders === undefined || signature === undefined) return undefined;
  return { credential, signedHeaders: signedHeaders.split(';'), signature };
}

function canonicalRequest(request: SignedRequest, authorization: Authorization): string {
  const headers = authorization.signedHeaders.map(
    (name) => `${name}:${(request.headers.get(name) ?? '').trim().replace(/ +/g, ' ')}\n`,
  );
  return [
    request.method,
    request.url.pathname.split('/').map(encode).join('/'),
    canonicalQuery(request.url.search.slice(1)),
    headers.join(''),
    authorization.signedHeaders.join(';'),
    hash(request.body),
  ].join('\n');
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair) => {
    const at = pair.includes('=') ? pair.indexOf('=') : pair.length;
    return `${encode(decode(pair.slice(0, at)))}=${encode(decode(pair.slice(at + 1)))}`;
  });
  return pairs.sort().join('&');
}

/** RFC 3986: everything but unreserved characters. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `20261123T213200Z` to milliseconds. */
function toMs(date: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date);
  if (parts === null) return undefined;
  const ms = Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}T${parts[4]}:${parts[5]}:${parts[6]}Z`);
  return Number.isNaN(ms) ? undefined : ms;
}

function hash(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

import type { Body } from '#host/call.ts';
import { isHopByHop, listedNames, withoutNames } from './hop-by-hop.ts';

/** A guest's response head as it may be sent. */
export interface ResponseHead {
  /** Flat; `x-islet-id` first, then the guest's own, then `content-length` where the size is known. */
  readonly headers: string[];
  /** False when a header value holds a byte above 0x7e; node:http would write it as UTF-8 before a text body. */
  readonly ascii: boolean;
  /** False when nothing may follow the head: HEAD, 204, 205, 304. */
  readonly hasBody: boolean;
  /** Bytes a streamed body must have, as the guest declared; -1 when it did not. */
  readonly contentLength: number;
}

const tokenPattern = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// oxlint-disable-next-line no-control-regex -- tab is allowed in a value
const plainPattern = /^[\t\u0020-\u007e]*$/;
// oxlint-disable-next-line no-control-regex -- as above
const valuePattern = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;
const lengthPattern = /^[0-9]{1,15}$/;

/**
 * Checks and filters what a guest answers. Undefined when it cannot be sent: a status outside 200 to 599, a name that
 * is no token, a value with control characters (RFC 9110, 5.1 and 5.5). Hop-by-hop headers and those Connection lists,
 * `x-islet-*` and a content-length that the body contradicts are left out: they are the host's to write.
 */
export function toResponseHead(answer: {
  readonly id: string;
  readonly method: string;
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Body;
}): ResponseHead | undefined {
  const checked = check(answer);
  if (checked === undefined) return undefined;
  const headers = ['x-islet-id', answer.id];
  for (const part of checked.sendable) headers.push(part);
  const hasBody = mayHaveBody(answer);
  const contentLength = sendableLength(answer, hasBody, checked.declared);
  if (contentLength >= 0) headers.push('content-length', String(contentLength));
  return { headers, ascii: checked.ascii, hasBody, contentLength };
}

/** A guest's response head for who writes it to a socket. */
export interface ResponseLines extends Omit<ResponseHead, 'headers'> {
  /** Header lines, each with its end: the guest's own, without `x-islet-id` and `content-length`. */
  readonly lines: string;
  /** The guest gave a `date`. */
  readonly dated: boolean;
}

/** As `toResponseHead`. */
export function toResponseLines(answer: {
  readonly method: string;
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Body;
}): ResponseLines | undefined {
  const checked = check(answer);
  if (checked === undefined) return undefined;
  const { ascii, dated } = checked;
  const hasBody = mayHaveBody(answer);
  const contentLength = sendableLength(answer, hasBody, checked.declared);
  checked.lines ??= toLines(checked.sendable);
  return { lines: checked.lines, dated, ascii, hasBody, contentLength };
}

/** Flat headers as they are written. */
export function toLines(headers: readonly string[]): string {
  let lines = '';
  for (let i = 0; i < headers.length; i += 2) lines += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return lines;
}

function check(answer: {
  readonly status: number;
  readonly headers: readonly string[];
}): CheckedHeaders | undefined {
  const { status, headers } = answer;
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
  if (headers.length % 2 !== 0) return undefined;
  return checkedBefore(headers) ?? checkHeaders(headers);
}

function mayHaveBody({ method, status }: { readonly method: string; readonly status: number }): boolean {
  return method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
}

/** A guest's headers that passed. */
interface CheckedHeaders {
  /** The list that was checked. */
  readonly of: readonly string[];
  readonly sendable: readonly string[];
  /** The same as lines, made when first asked for. */
  lines: string | undefined;
  readonly dated: boolean;
  readonly ascii: boolean;
  /** The content-length among them, or -1. */
  readonly declared: number;
}

function checkHeaders(of: readonly string[]): CheckedHeaders | undefined {
  const sendable: string[] = [];
  let ascii = true;
  let declared = -1;
  let listed: string[] = [];
  let size = 0;
  for (let i = 0; i < of.length; i += 2) {
    const name = of[i]!.toLowerCase();
    const value = of[i + 1]!;
    size += name.length + value.length;
    if (!plainPattern.test(value)) {
      if (!valuePattern.test(value)) return undefined;
      ascii = false;
    }
    if (!tokenPattern.test(name)) return undefined;
    if (name === 'content-length') declared = lengthPattern.test(value) ? Number(value) : -1;
    else if (name === 'connection') listed = listed.concat(listedNames(value));
    else if (!isHopByHop(name) && !name.startsWith('x-islet-')) sendable.push(name, value);
  }
  const kept = withoutNames(sendable, listed);
  const dated = kept.some((part, i) => i % 2 === 0 && part === 'date');
  const checked = { of, sendable: kept, lines: undefined, dated, ascii, declared };
  if (size <= mostKept) {
    recent[next] = checked;
    next = (next + 1) % recentMost;
  }
  return checked;
}

/** The last lists checked, in a ring: a dispatch hands over the very same list when a function repeats itself. */
const recent: CheckedHeaders[] = [];
const recentMost = 8;
let next = 0;
/** Characters of a list that is kept. */
const mostKept = 4096;

function checkedBefore(headers: readonly string[]): CheckedHeaders | undefined {
  for (const checked of recent) if (checked.of === headers) return checked;
  return undefined;
}

/** RFC 9110, 8.6: none on 204, what GET would have sent on HEAD and 304, else the size of the body that follows. */
function sendableLength(
  answer: { readonly status: number; readonly method: string; readonly body: Body },
  hasBody: boolean,
  declared: number,
): number {
  if (answer.status === 204) return -1;
  if (answer.status === 205) return 0;
  if (!hasBody && declared >= 0) return declared;
  switch (answer.body.kind) {
    case 'none':
      return hasBody ? 0 : -1;
    case 'text':
      return Buffer.byteLength(answer.body.text);
    case 'bytes':
      return answer.body.bytes.byteLength;
    case 'stream':
      return declared;
  }
}

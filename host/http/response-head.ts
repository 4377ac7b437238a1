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
  const { status } = answer;
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
  if (answer.headers.length % 2 !== 0) return undefined;
  let headers = ['x-islet-id', answer.id];
  let ascii = true;
  let declared = -1;
  let listed: string[] = [];
  for (let i = 0; i < answer.headers.length; i += 2) {
    const name = answer.headers[i]!.toLowerCase();
    const value = answer.headers[i + 1]!;
    if (!plainPattern.test(value)) {
      if (!valuePattern.test(value)) return undefined;
      ascii = false;
    }
    if (!tokenPattern.test(name)) return undefined;
    if (name === 'content-length') declared = lengthPattern.test(value) ? Number(value) : -1;
    else if (name === 'connection') listed = listed.concat(listedNames(value));
    else if (!isHopByHop(name) && !name.startsWith('x-islet-')) headers.push(name, value);
  }
  headers = withoutNames(headers, listed);
  const hasBody = answer.method !== 'HEAD' && status !== 204 && status !== 205 && status !== 304;
  const contentLength = sendableLength(answer, hasBody, declared);
  if (contentLength >= 0) headers.push('content-length', String(contentLength));
  return { headers, ascii, hasBody, contentLength };
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

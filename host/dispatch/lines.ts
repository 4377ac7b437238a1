import type { GuestError, Outcome } from '#runtime/outcome.ts';
import type { Body } from '../call.ts';

/** The head of a response as a guest sent it; shapes are checked here, meanings by whoever sends it on. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: Body;
}

/** [status, [name, value, …], kind, body]. Throws TypeError when it is not. */
export function parseHead(json: string, bytes: Uint8Array): ResponseHead {
  const [status, headers, kind, text] = JSON.parse(json) as readonly unknown[];
  if (!Number.isInteger(status) || !Array.isArray(headers) || headers.length % 2 !== 0)
    throw new TypeError('response head');
  for (const part of headers) if (typeof part !== 'string') throw new TypeError('response header');
  return { status: status as number, headers: headers as readonly string[], body: toBody(kind, text, bytes) };
}

/**
 * Reads the response heads of one function. It mostly answers with the same status and headers: from the second time on
 * these are not parsed again, and the list of headers handed out is the same one, so that others may know it by that.
 */
export class HeadReader {
  #last: Pick<ResponseHead, 'status' | 'headers'> | undefined;
  /** What a line begins with that has the last head again; "" until it came twice. */
  #start = '';

  /** As `parseHead`. */
  read(json: string, bytes: Uint8Array): ResponseHead {
    const last = this.#last;
    const start = this.#start;
    // Quicker than `startsWith`, which compares one character at a time.
    if (last !== undefined && start !== '' && json.slice(0, start.length) === start) {
      const plain = plainBody(json, this.#start.length);
      if (plain !== undefined)
        return { status: last.status, headers: last.headers, body: { kind: 'text', text: plain } };
      const [kind, text] = JSON.parse(`[${json.slice(this.#start.length)}`) as readonly unknown[];
      return { status: last.status, headers: last.headers, body: toBody(kind, text, bytes) };
    }
    const head = parseHead(json, bytes);
    const { status, headers } = head;
    const again = last !== undefined && last.status === status && isSame(last.headers, headers);
    this.#start = again ? `[${status},${JSON.stringify(headers)},` : '';
    this.#last = isSmall(headers) ? { status, headers } : undefined;
    return head;
  }
}

/** The text of `1,"text"]` at the end of `json`, where it has no escapes; else undefined. */
function plainBody(json: string, from: number): string | undefined {
  const start = from + 3;
  const end = json.length - 2;
  if (end < start || !json.startsWith('1,"', from) || !json.endsWith('"]')) return undefined;
  if (json.indexOf('"', start) !== end || json.includes('\\', start)) return undefined;
  return json.slice(start, end);
}

/** Characters of a list of headers that is kept. */
const mostKept = 4096;

function isSmall(headers: readonly string[]): boolean {
  let size = 0;
  for (const part of headers) size += part.length;
  return size <= mostKept;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at]);
}

function toBody(kind: unknown, text: unknown, bytes: Uint8Array): Body {
  if (kind === 0) return { kind: 'none' };
  if (kind === 1 && typeof text === 'string') return { kind: 'text', text };
  if (kind === 2) return { kind: 'bytes', bytes };
  if (kind === 3) return { kind: 'stream' };
  throw new TypeError('response body');
}

/** An array of finite numbers. Throws TypeError when it is not. */
export function parseNumbers(json: string): readonly number[] {
  const value: unknown = JSON.parse(json);
  if (!Array.isArray(value)) throw new TypeError('numbers');
  for (const part of value) if (typeof part !== 'number' || !(part >= 0)) throw new TypeError('number');
  return value as readonly number[];
}

/** A log line: its level and its text. */
export function parseLog(json: string): readonly [level: string, text: string] {
  const [level, text] = JSON.parse(json) as readonly unknown[];
  return [String(level), String(text)];
}

/** An event handler's result: [JSON text], or [null] where there is none. */
export function parseReturned(json: string): Outcome {
  const [value] = JSON.parse(json) as readonly unknown[];
  return { kind: 'returned', value: typeof value === 'string' ? value : 'null' };
}

const phases: ReadonlySet<unknown> = new Set(['startup', 'handler', 'result']);
const longestText = 64 * 1024;

/** [name, message, stack, phase]. */
export function parseError(json: string): GuestError {
  const [name, message, stack, phase] = JSON.parse(json) as readonly unknown[];
  return {
    name: toText(name, 'Error'),
    message: toText(message, ''),
    ...(typeof stack === 'string' ? { stack: stack.slice(0, longestText) } : {}),
    phase: phases.has(phase) ? (phase as GuestError['phase']) : 'handler',
  };
}

function toText(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value.slice(0, longestText) : otherwise;
}

/** It is over, and said nothing. */
export const noAnswer: GuestError = {
  name: 'Error',
  message: 'The function ended without an answer',
  phase: 'result',
};
/** Its body broke off on the guest's side. */
export function bodyFailed(message: string): GuestError {
  return { name: 'Error', message: `The response body failed: ${message}`, phase: 'handler' };
}

/** It is over in the middle of its body. */
export const brokenOff: GuestError = {
  name: 'Error',
  message: 'The response body was not finished',
  phase: 'handler',
};

/** Bytes of a body that came with its head. */
export function bodyBytes(body: Body): number {
  if (body.kind === 'text') return Buffer.byteLength(body.text);
  return body.kind === 'bytes' ? body.bytes.length : 0;
}

import type { GuestError } from '#runtime/outcome.ts';
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

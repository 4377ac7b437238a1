import { Buffer } from 'node:buffer';
import type { Grant } from '#runtime/binding.ts';
import { drained } from '#test/contract/binding.ts';

export interface Called {
  readonly value: unknown;
  /** The answer's bytes as text; undefined when it has none. */
  readonly text: string | undefined;
}

/** One operation as a guest of any kind sends it: JSON and perhaps a body. */
export async function call(grant: Grant, method: string, args: object, body?: string): Promise<Called> {
  const bytes = body === undefined ? {} : { bytes: new Uint8Array(Buffer.from(body)) };
  const answer = await grant.call({ method, args, ...bytes });
  const all = await drained(answer);
  return { value: answer.value ?? null, text: all === undefined ? undefined : Buffer.from(all).toString() };
}

export async function put(grant: Grant, key: string, text: string, options: object = {}): Promise<string> {
  const { value } = await call(grant, 'put', { key, ...options }, text);
  return (value as { readonly version: string }).version;
}

/** The text, or null. */
export async function get(grant: Grant, key: string): Promise<string | null> {
  const { value, text } = await call(grant, 'get', { key });
  return value === null ? null : (text ?? '');
}

export interface Listed {
  readonly keys: readonly {
    readonly name: string;
    readonly expiration?: number;
    readonly metadata?: unknown;
    readonly version?: string;
    readonly value?: string;
  }[];
  readonly list_complete: boolean;
  readonly cursor?: string;
}

/** A page, values cut from the answer's bytes where they were asked for. */
export async function list(grant: Grant, args: object = {}): Promise<Listed> {
  const answer = await grant.call({ method: 'list', args });
  const { keys, ...end } = answer.value as Listed & { readonly keys: readonly { readonly size?: number }[] };
  const bytes = Buffer.from((await drained(answer)) ?? []);
  let at = 0;
  return {
    ...end,
    keys: keys.map((key) => {
      const { size, ...rest } = key as Listed['keys'][number] & { readonly size?: number };
      if (size === undefined) return rest;
      at += size;
      return { ...rest, value: bytes.toString('utf8', at - size, at) };
    }),
  };
}

/** The names on all pages. */
export async function names(grant: Grant, args: object = {}): Promise<readonly string[]> {
  const found: string[] = [];
  for (let cursor: string | undefined = ''; cursor !== undefined;) {
    const page: Listed = await list(grant, { ...args, cursor });
    found.push(...page.keys.map(({ name }) => name));
    ({ cursor } = page);
  }
  return found;
}

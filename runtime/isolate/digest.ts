import { webcrypto } from 'node:crypto';

export type DigestResult =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly error: { readonly name: string; readonly message: string } };

const algorithms: ReadonlySet<string> = new Set(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']);

/** `crypto.subtle.digest` for a guest, off its thread. `args` is [algorithm name]. Web Cryptography API, 14.3.5. */
export async function digest(args: unknown, data: Uint8Array): Promise<DigestResult> {
  const given = Array.isArray(args) ? (args as readonly unknown[])[0] : undefined;
  const name = typeof given === 'string' ? given.toUpperCase() : '';
  if (!algorithms.has(name)) {
    const message = `Unrecognized digest ${JSON.stringify(given)}; use SHA-1, SHA-256, SHA-384 or SHA-512`;
    return { ok: false, error: { name: 'NotSupportedError', message } };
  }
  const copy = new Uint8Array(data);
  return { ok: true, bytes: new Uint8Array(await webcrypto.subtle.digest(name, copy)) };
}

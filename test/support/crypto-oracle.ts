import { webcrypto } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import type { Test } from 'tap';
import { openEngineGuest } from './engine-guest.ts';

/** One call of crypto.subtle as data (test/guests/crypto-steps.js). */
export interface Step {
  readonly operation: string;
  readonly args: readonly unknown[];
}

export interface Hex {
  readonly hex: string;
}

/** Holds a guest's crypto.subtle against Node's. */
export interface Oracle {
  /** The same calls give the same in both, errors included; but for those steps whose results are random. */
  agree(t: Test, steps: readonly Step[], chance?: readonly number[]): Promise<void>;
  close(): void;
}

export async function openOracle(): Promise<Oracle> {
  const file = new URL('../guests/crypto-steps.js', import.meta.url);
  const { perform } = (await import(file.href)) as {
    readonly perform: (subtle: unknown, steps: readonly Step[]) => Promise<unknown[]>;
  };
  const guest = await openEngineGuest(await readFile(file, 'utf8'));
  return {
    async agree(t, steps, chance = []) {
      const ours = JSON.parse((await guest.request(JSON.stringify(steps))).body) as unknown[];
      const theirs = JSON.parse(JSON.stringify(await perform(webcrypto.subtle, steps))) as unknown[];
      for (const index of chance) ours[index] = theirs[index] = 'random';
      t.same(ours, theirs, JSON.stringify(steps).slice(0, 300));
    },
    close: () => guest.close(),
  };
}

export const step = (operation: string, ...args: unknown[]): Step => ({ operation, args });
export const hex = (bytes: Uint8Array): Hex => ({ hex: Buffer.from(bytes).toString('hex') });
export const bytes: fc.Arbitrary<Hex> = fc.uint8Array({ maxLength: 80 }).map(hex);
export const bytesOf = (length: number): fc.Arbitrary<Hex> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(hex);
// Where two things are wrong Node may name the other first, so that what is odd is odd alone.
export const hash: fc.Arbitrary<string> = fc.constantFrom('SHA-1', 'SHA-256', 'sha-384', 'SHA-512');
export const anyHash: fc.Arbitrary<string> = fc.constantFrom('SHA-1', 'SHA-512', 'SHA-3', 'MD5', '', 'SHA1');
export const curve: fc.Arbitrary<string> = fc.constantFrom('P-256', 'P-384', 'P-521', 'K-256');
export const usages: fc.Arbitrary<string[]> = fc.subarray([
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
]);
export const runs = { numRuns: 60 } as const;

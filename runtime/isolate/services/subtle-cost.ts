import { createCipheriv, getHashes, hkdfSync, pbkdf2Sync } from 'node:crypto';
import { hashCpuMs } from './digest.ts';
import { ServiceError } from './service.ts';
import type { SubtleOperation } from './subtle.ts';
import { machineFactor, msPerByte, quickestMs } from './yardstick.ts';

/** The way to a thread of the pool and back, and a key taken out of its seal, in ms. Measured: 18 µs and 30 µs. */
const callMs = 0.05;
/** More than this nobody derives or generates, in bytes. */
const mostBytes = 2 ** 20;

/** By curve: to make a key or to sign, and to verify or to agree, in ms on the machine of the design's figures. */
const curves: Readonly<Record<string, readonly [number, number]>> = {
  'P-256': [0.04, 0.09],
  'P-384': [0.8, 0.8],
  'P-521': [1.8, 1.8],
  Ed25519: [0.06, 0.13],
  X25519: [0.05, 0.05],
  Ed448: [0.06, 0.18],
  X448: [0.06, 0.17],
};

/** CPU that an operation will take, in ms: what a machine like this one was seen to take, by what it depends on. */
export function subtleCpuMs(operation: SubtleOperation, given: readonly unknown[]): number {
  return callMs + costOf(operation, given);
}

function costOf(operation: SubtleOperation, given: readonly unknown[]): number {
  const [first, second, third, fourth] = given;
  switch (operation) {
    case 'encrypt':
    case 'decrypt':
      return cipherMs(second, lengthOf(third), operation === 'encrypt');
    case 'sign':
      return signMs(first, second, { bytes: lengthOf(third), isSigning: true });
    case 'verify':
      return signMs(first, second, { bytes: lengthOf(fourth), isSigning: false });
    case 'generateKey':
      return generateMs(first);
    case 'importKey':
      return importMs(third, lengthOf(second));
    case 'exportKey':
      return 0.05;
    case 'wrapKey':
      return 0.1 + cipherMs(third, 4096, true);
    case 'unwrapKey':
      return 0.1 + cipherMs(third, lengthOf(second), false) + importMs(given[4], 0);
    case 'deriveBits':
      return deriveMs(first, second, bitsOf(third) / 8);
    case 'deriveKey':
      return 0.05 + deriveMs(first, second, bitsOf(third === null ? 0 : member(third, 'length')) / 8 || 128);
  }
}

/** `hash` as a KeyAlgorithm has it. Two blocks more, which HMAC and signatures add. */
function hashMs(hash: unknown, bytes: number): number {
  try {
    return hashCpuMs(nodeHash(nameOf(hash)), bytes + 256);
  } catch {
    return 0; // One this Node does not have: refused when it is tried.
  }
}

function cipherMs(key: unknown, bytes: number, isEncrypting: boolean): number {
  if (nameOf(algorithmOf(key)).startsWith('RSA')) return rsaMs(modulusOf(key), !isEncrypting);
  return bytes * msPerByte('aes-256-cbc', encryptSample);
}

function encryptSample(data: Uint8Array): void {
  const cipher = createCipheriv('aes-256-cbc', new Uint8Array(32), new Uint8Array(16));
  cipher.update(data);
  cipher.final();
}

interface Signing {
  readonly bytes: number;
  readonly isSigning: boolean;
}

function signMs(algorithm: unknown, key: unknown, { bytes, isSigning }: Signing): number {
  const own = algorithmOf(key);
  const name = nameOf(own);
  if (name.startsWith('RSA')) return hashMs(member(own, 'hash'), bytes) + rsaMs(modulusOf(key), isSigning);
  const curve = curveOf(own);
  if (curve === undefined) return hashMs(member(own, 'hash'), bytes);
  // Edwards curves hash twice with SHA-512 or SHAKE256.
  const hash = member(algorithm, 'hash') ?? { name: 'SHA3-512' };
  return machineFactor() * curve[isSigning ? 0 : 1] + 2 * hashMs(hash, bytes);
}

function generateMs(algorithm: unknown): number {
  const modulusLength = member(algorithm, 'modulusLength');
  // Primes are luck: this is the mean.
  if (typeof modulusLength === 'number') return machineFactor() * (10 + 110 * (modulusLength / 2048) ** 4);
  if (nameOf(algorithm) === 'HMAC') bitsOf(member(algorithm, 'length'));
  return machineFactor() * (curveOf(algorithm)?.[0] ?? 0.01);
}

function importMs(algorithm: unknown, bytes: number): number {
  const curve = curveOf(algorithm);
  // Short forms leave the public point out, or half of it: it is computed.
  return 0.05 + machineFactor() * (curve?.[0] ?? 0) + bytes * 1e-6;
}

function deriveMs(algorithm: unknown, key: unknown, bytes: number): number {
  const hash = nameOf(member(algorithm, 'hash'));
  const curve = curveOf(algorithmOf(key));
  if (curve !== undefined) return machineFactor() * curve[1];
  // A hash this Node does not have is refused when it is tried.
  if (!getHashes().includes(nodeHash(hash))) return 0;
  const blocks = Math.ceil(bytes / 20) + 1;
  if (nameOf(algorithm) === 'HKDF')
    return blocks * quickestMs(`hkdf ${hash}`, () => hkdfSync(nodeHash(hash), 'k', 's', 'i', 20));
  const iterations = Number(member(algorithm, 'iterations') ?? 1);
  const perIteration =
    quickestMs(`pbkdf2 ${hash}`, () => pbkdf2Sync('p', 's', 100, 20, nodeHash(hash))) / 100;
  return iterations * perIteration * Math.max(1, Math.ceil(bytes / hashBytes(hash)));
}

function hashBytes(name: string): number {
  return name === 'SHA-1' ? 20 : Number(name.slice(-3)) / 8 || 32;
}

function nodeHash(name: string): string {
  return name.replace('SHA-', 'sha').toLowerCase() || 'sha256';
}

/** An operation with an RSA key of so many bits, in ms. */
export function rsaMs(bits: number, isPrivate: boolean): number {
  const size = bits / 2048;
  return machineFactor() * (isPrivate ? 0.1 + 0.3 * size ** 3 : 0.01 + 0.02 * size ** 2);
}

/** To sign with a key on a curve, and to verify, before the machine's factor; the dearest for a curve nobody measured. */
export function curveMs(name: string): readonly [number, number] {
  return curveOf({ name }) ?? curveOf({ name: toWebName(name) }) ?? [1.8, 1.8];
}

function toWebName(name: string): string {
  if (name === 'prime256v1') return 'P-256';
  return name === 'secp384r1' ? 'P-384' : name;
}

function modulusOf(key: unknown): number {
  return Number(member(algorithmOf(key), 'modulusLength') ?? 2048);
}

function curveOf(algorithm: unknown): readonly [number, number] | undefined {
  const name = member(algorithm, 'namedCurve') ?? nameOf(algorithm);
  return typeof name === 'string' && Object.hasOwn(curves, name) ? curves[name] : undefined;
}

/** A length in bits that somebody wants made; 0 when there is none. */
function bitsOf(value: unknown): number {
  if (typeof value !== 'number') return 0;
  if (value > mostBytes * 8)
    throw new ServiceError('OperationError', `A length of ${value} bits is beyond ${mostBytes * 8}`);
  return value;
}

function algorithmOf(key: unknown): unknown {
  return key instanceof CryptoKey ? key.algorithm : undefined;
}

function nameOf(algorithm: unknown): string {
  const name = typeof algorithm === 'string' ? algorithm : member(algorithm, 'name');
  return typeof name === 'string' ? name : '';
}

function lengthOf(value: unknown): number {
  return value instanceof Uint8Array ? value.length : 0;
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
}

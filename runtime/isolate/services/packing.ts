import type { webcrypto } from 'node:crypto';
import { ServiceError } from './service.ts';

/** Opens a sealed key. */
export type OpenKey = (sealed: Uint8Array) => webcrypto.CryptoKey;

/**
 * JSON values as the guest's runtime packs them (runtime/guest/crypto/packer.ts): `{"b":[offset,length]}` stands for bytes
 * of the call, `{"k":[offset,length]}` for a key. Throws ServiceError for a part that is not there.
 */
export function unpack(value: unknown, bytes: Uint8Array<ArrayBuffer>, open: OpenKey): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item, bytes, open));
  const { b, k } = value as { b?: unknown; k?: unknown };
  if (Array.isArray(b)) return partOf(bytes, b);
  if (Array.isArray(k)) return open(partOf(bytes, k));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item, bytes, open)]));
}

function partOf(
  bytes: Uint8Array<ArrayBuffer>,
  [offset, length]: readonly unknown[],
): Uint8Array<ArrayBuffer> {
  const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && (count as number) >= 0;
  if (!isCount(offset) || !isCount(length) || offset + length > bytes.length)
    throw new ServiceError('DataError', 'The call names bytes it did not bring');
  return bytes.subarray(offset, offset + length);
}

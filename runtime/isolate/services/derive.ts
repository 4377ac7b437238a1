import { hkdf, hkdfSync, pbkdf2, pbkdf2Sync, scrypt, scryptSync } from 'node:crypto';
import { promisify } from 'node:util';
import { isHash } from './hash.ts';
import { ServiceError, type ServiceCall, type Work } from './service.ts';
import { quickestMs } from './yardstick.ts';

const callMs = 0.02;
const mostLength = 2 ** 20;
/** What scrypt may take of the cell; Node's own default is 32 MB. */
const mostMemory = 64 * 2 ** 20;

const later = { pbkdf2: promisify(pbkdf2), hkdf: promisify(hkdf), scrypt: promisify(scrypt) } as const;

/**
 * `pbkdf2` of `node:crypto`. args: [digest, iterations, length, bytes of the password]; bytes: password and salt.
 */
export function derivePbkdf2({ args, bytes }: ServiceCall): Work {
  const [digest, iterations, length, split] = args;
  const hash = toHash(digest);
  const rounds = toCount(iterations, 2 ** 31 - 1, 'iterations');
  const size = toCount(length, mostLength, 'keylen');
  const [password, salt] = splitAt(bytes, split);
  const roundMs = quickestMs(`pbkdf2 ${hash}`, () => pbkdf2Sync('p', 's', 100, 20, hash)) / 100;
  return {
    // A block is at least 20 bytes, of SHA-1; more are done one after the other.
    cpuMs: callMs + rounds * roundMs * Math.ceil((size + 1) / 20),
    run: async () => ({ bytes: await later.pbkdf2(password, salt, rounds, size, hash) }),
  };
}

/** `scrypt` of `node:crypto`. args: [N, r, p, maxmem, length, bytes of the password]; bytes: password and salt. */
export function deriveScrypt({ args, bytes }: ServiceCall): Work {
  const [cost, blockSize, parallelization, maxmem, length, split] = args;
  const N = toCount(cost, 2 ** 31, 'cost');
  const r = toCount(blockSize, 2 ** 20, 'blockSize');
  const p = toCount(parallelization, 2 ** 20, 'parallelization');
  const memory = Math.min(toCount(maxmem, Number.MAX_SAFE_INTEGER, 'maxmem'), mostMemory);
  const size = toCount(length, mostLength, 'keylen');
  const [password, salt] = splitAt(bytes, split);
  const isPower = N > 1 && Number.isInteger(Math.log2(N));
  if (!isPower || r === 0 || p === 0 || 128 * N * r > memory)
    throw new ServiceError(
      'RangeError',
      `Invalid scrypt params: memory limit is ${memory} bytes`,
      'ERR_CRYPTO_INVALID_SCRYPT_PARAMS',
    );
  const unitMs = quickestMs('scrypt', () => scryptSync('p', 's', 20, { N: 512, r: 8, p: 1 })) / (512 * 8);
  return {
    cpuMs: callMs + N * r * p * unitMs,
    run: async () => {
      // Node wants a little more than what it counts itself.
      const options = { N, r, p, maxmem: 2 * memory };
      return {
        bytes: await new Promise<Buffer>((resolve, reject) => {
          scrypt(password, salt, size, options, (error, key) =>
            error === null ? resolve(key) : reject(error),
          );
        }),
      };
    },
  };
}

/** `hkdf` of `node:crypto`. args: [digest, length, bytes of the key, bytes of the salt]; bytes: key, salt and info. */
export function deriveHkdf({ args, bytes }: ServiceCall): Work {
  const [digest, length, keyLength, saltLength] = args;
  const hash = toHash(digest);
  const size = toCount(length, mostLength, 'keylen');
  const [key, rest] = splitAt(bytes, keyLength);
  const [salt, info] = splitAt(rest, saltLength);
  const blockMs = quickestMs(`hkdf ${hash}`, () => hkdfSync(hash, 'k', 's', 'i', 20));
  return {
    cpuMs: callMs + blockMs * Math.ceil((size + 1) / 20),
    run: async () => {
      try {
        return { bytes: new Uint8Array(await later.hkdf(hash, key, salt, info, size)) };
      } catch (error) {
        const { name, message, code } = error as Error & { code?: string };
        throw new ServiceError(name, message, code);
      }
    },
  };
}

function toHash(digest: unknown): string {
  if (isHash(digest)) return digest.toLowerCase();
  throw new ServiceError('TypeError', `Invalid digest: ${String(digest)}`, 'ERR_CRYPTO_INVALID_DIGEST');
}

function toCount(value: unknown, most: number, what: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most)
    return value as number;
  throw new ServiceError(
    'RangeError',
    `${what} must be a whole number from 0 to ${most}`,
    'ERR_OUT_OF_RANGE',
  );
}

function splitAt(bytes: Uint8Array, at: unknown): readonly [Uint8Array, Uint8Array] {
  const length = toCount(at, bytes.length, 'a length');
  return [bytes.subarray(0, length), bytes.subarray(length)];
}

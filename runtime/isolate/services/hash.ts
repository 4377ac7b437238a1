import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { hashCpuMs } from './digest.ts';
import type { Handles } from './handles.ts';
import { ServiceError, type ServiceAnswer, type ServiceCall, type Work } from './service.ts';
import { eachSlice } from './slices.ts';

const callMs = 0.01;
/** What a hash under way takes of the cell: OpenSSL's context and Node's object. */
const stateBytes = 2048;
const mostOutput = 64 * 1024;

/** A hash or HMAC under way in the cell, for those who have more bytes than they keep. */
class HashState {
  readonly hash: Hash | Hmac;

  constructor(hash: Hash | Hmac) {
    this.hash = hash;
  }

  close(): void {
    // Freed with the object.
  }
}

/**
 * `createHash` and `createHmac` of `node:crypto`. args: [algorithm, bytes of the key at the front or -1, state or 0,
 * "more" or "end" or "copy", output length or null]. "more" keeps what came and answers with its state's number, "end"
 * answers with the digest, "copy" with the number of a copy. A hash that comes whole needs one call.
 */
export function hash({ args, bytes, handles }: ServiceCall): Work {
  const [algorithm, keyLength, state, what, outputLength] = args;
  const name = typeof algorithm === 'string' ? algorithm.toLowerCase() : '';
  if (!isHash(name)) throw unknownHash(name, keyLength !== -1);
  const length = typeof outputLength === 'number' && outputLength <= mostOutput ? outputLength : undefined;
  const hasKey = typeof keyLength === 'number' && keyLength >= 0 && keyLength <= bytes.length;
  return {
    cpuMs: callMs + hashCpuMs(name, bytes.length + (length ?? 0)),
    run: () => {
      const data = hasKey && state === 0 ? bytes.subarray(keyLength) : bytes;
      const key = hasKey ? bytes.subarray(0, keyLength) : undefined;
      const hash = state === 0 ? open(name, key, length) : find(handles, state);
      if (what === 'copy') return { value: keep(handles, (hash as Hash).copy()) };
      const end = (): ServiceAnswer => {
        if (what === 'more') return { value: state === 0 ? keep(handles, hash) : state };
        handles.close(state);
        return { bytes: hash.digest() };
      };
      return eachSlice(data, (slice) => hash.update(slice))?.then(end) ?? end();
    },
  };
}

/** OpenSSL's names, in whatever spelling it takes. */
export function isHash(name: unknown): name is string {
  try {
    return typeof name === 'string' && name !== '' && createHash(name) !== undefined;
  } catch {
    return false;
  }
}

function unknownHash(name: string, isHmac: boolean): ServiceError {
  if (isHmac) return new ServiceError('TypeError', `Invalid digest: ${name}`, 'ERR_CRYPTO_INVALID_DIGEST');
  return new ServiceError('Error', 'Digest method not supported');
}

function open(name: string, key: Uint8Array | undefined, outputLength: number | undefined): Hash | Hmac {
  try {
    if (key !== undefined) return createHmac(name, key);
    return createHash(name, outputLength === undefined ? {} : { outputLength });
  } catch (error) {
    const { message, code } = error as Error & { code?: string };
    throw new ServiceError('Error', message, code);
  }
}

function keep(handles: Handles, hash: Hash | Hmac): number {
  return handles.open(new HashState(hash), stateBytes);
}

function find(handles: Handles, state: unknown): Hash | Hmac {
  const found = handles.find(state, HashState);
  if (found !== undefined) return found.hash;
  const message =
    'The hash was begun in another invocation; one larger than 1 MB belongs to the one it was begun in';
  throw new ServiceError('Error', message, 'ERR_CRYPTO_HASH_FINALIZED');
}

import { createCipheriv, createDecipheriv, getCipherInfo } from 'node:crypto';
import { ServiceError, type ServiceAnswer, type ServiceCall, type Work } from './service.ts';
import { eachSlice } from './slices.ts';
import { msPerByte } from './yardstick.ts';

const callMs = 0.02;
const stateBytes = 4096;
/** What of OpenSSL's list a function gets. */
const allowed = /^(?:aes-(?:128|192|256)-(?:cbc|ctr|gcm|ecb|cfb8?|ofb|ocb|ccm)|chacha20-poly1305)$/;

type Aead = ReturnType<typeof createCipheriv> & {
  setAAD?(aad: Uint8Array): unknown;
  setAuthTag?(tag: Uint8Array): unknown;
  getAuthTag?(): Buffer;
};

class CipherState {
  readonly cipher: Aead;
  readonly isEncrypting: boolean;

  constructor(cipher: Aead, isEncrypting: boolean) {
    this.cipher = cipher;
    this.isEncrypting = isEncrypting;
  }

  close(): void {
    // Freed with the object.
  }
}

/**
 * `createCipheriv` and `createDecipheriv` of `node:crypto`, step by step. args: ["open", name, true to encrypt, bytes of
 * the key, bytes of the iv or -1, length of the tag or null] answers with the cipher's number; ["update", number],
 * ["aad", number], ["tag", number], ["padding", number, on]; ["final", number] answers with the last bytes and, where
 * there is one, the length of the tag behind them.
 */
export function cipher({ args, bytes, handles }: ServiceCall): Work {
  const [step, target] = args;
  const perByte = msPerByte('aes-256-cbc', sample);
  const run = (): ServiceAnswer | Promise<ServiceAnswer> => {
    try {
      if (step === 'open') return { value: handles.open(open(args, bytes), stateBytes) };
      const state = handles.find(target, CipherState);
      if (state === undefined)
        throw new ServiceError(
          'Error',
          'The cipher is finished, or of another invocation',
          'ERR_CRYPTO_INVALID_STATE',
        );
      if (step !== 'final') return act(state, args, bytes);
      handles.close(target);
      return finish(state);
    } catch (error) {
      throw toServiceError(error);
    }
  };
  return { cpuMs: callMs + bytes.length * perByte, run };
}

function sample(data: Uint8Array): void {
  const cipher = createCipheriv('aes-256-cbc', new Uint8Array(32), new Uint8Array(16));
  cipher.update(data);
  cipher.final();
}

function open(args: readonly unknown[], bytes: Uint8Array): CipherState {
  const [, given, isEncrypting, keyLength, ivLength, tagLength] = args;
  const name = typeof given === 'string' ? given.toLowerCase() : '';
  if (!allowed.test(name) || getCipherInfo(name) === undefined)
    throw new ServiceError('Error', 'Unknown cipher', 'ERR_CRYPTO_UNKNOWN_CIPHER');
  const end = typeof keyLength === 'number' ? keyLength : 0;
  const key = bytes.subarray(0, end);
  const iv = typeof ivLength === 'number' && ivLength >= 0 ? bytes.subarray(end, end + ivLength) : null;
  const options = (typeof tagLength === 'number' ? { authTagLength: tagLength } : undefined) as never;
  const create = isEncrypting === true ? createCipheriv : createDecipheriv;
  return new CipherState(create(name, key, iv, options), isEncrypting === true);
}

function act(
  { cipher }: CipherState,
  [step, , value]: readonly unknown[],
  bytes: Uint8Array,
): ServiceAnswer | Promise<ServiceAnswer> {
  switch (step) {
    case 'update':
      return update(cipher, bytes);
    case 'aad':
      cipher.setAAD?.(bytes);
      return {};
    case 'tag':
      cipher.setAuthTag?.(bytes);
      return {};
    case 'padding':
      cipher.setAutoPadding(value === true);
      return {};
    default:
      throw new ServiceError('NotSupportedError', 'A cipher has no such step');
  }
}

function update(cipher: Aead, bytes: Uint8Array): ServiceAnswer | Promise<ServiceAnswer> {
  const parts: Buffer[] = [];
  const end = (): ServiceAnswer => ({
    bytes: parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts),
  });
  const take = (slice: Uint8Array): void => void parts.push(cipher.update(slice));
  return eachSlice(bytes, take)?.then(end) ?? end();
}

function finish({ cipher, isEncrypting }: CipherState): ServiceAnswer {
  const last = cipher.final();
  const tag = isEncrypting ? tagOf(cipher) : undefined;
  return tag === undefined
    ? { value: 0, bytes: last }
    : { value: tag.length, bytes: Buffer.concat([last, tag]) };
}

function tagOf(cipher: Aead): Buffer | undefined {
  try {
    return cipher.getAuthTag?.();
  } catch {
    return undefined; // A mode without one.
  }
}

function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { name, message, code } = error as Error & { code?: string };
  return new ServiceError(name, message, code);
}

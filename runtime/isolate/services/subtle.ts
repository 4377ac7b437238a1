import { webcrypto } from 'node:crypto';
import { KeyRing, type NewKey } from './key-ring.ts';
import { keyMakers } from './new-keys.ts';
import { unpack } from './packing.ts';
import { ServiceError, type ServiceAnswer, type ServiceCall, type Work } from './service.ts';
import { subtleCpuMs } from './subtle-cost.ts';

const operations = [
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'generateKey',
  'deriveKey',
  'deriveBits',
  'importKey',
  'exportKey',
  'wrapKey',
  'unwrapKey',
] as const;
export type SubtleOperation = (typeof operations)[number];

/**
 * `crypto.subtle` for a guest, by Node's own (but for digest: digest.ts). args: [operation, …its arguments], packed; algorithms were normalised by
 * the guest's runtime, and all that is left to check of the standard is checked here, in its order. Answers with bytes,
 * with a JSON value, or with keys: a list of what each is, and their sealed forms one after the other.
 */
export function subtle({ args, bytes, shared }: ServiceCall): Work {
  const operation = operations.find((one) => one === args[0]);
  if (operation === undefined)
    throw new ServiceError('NotSupportedError', 'crypto.subtle has no such operation');
  const ring = KeyRing.of(shared);
  const given = args.slice(1).map((value) => unpack(value, bytes, (sealed) => ring.open(sealed)));
  return {
    cpuMs: subtleCpuMs(operation, given),
    run: async () => {
      try {
        return await perform(operation, given, ring);
      } catch (error) {
        throw toServiceError(error);
      }
    },
  };
}

async function perform(
  operation: SubtleOperation,
  given: readonly unknown[],
  ring: KeyRing,
): Promise<ServiceAnswer> {
  const make = Object.hasOwn(keyMakers, operation) ? keyMakers[operation] : undefined;
  if (make !== undefined) return keysAnswer(await make(given), ring);
  const method = webcrypto.subtle[operation] as (...given: readonly unknown[]) => Promise<unknown>;
  const result = await method.apply(webcrypto.subtle, [...given]);
  return result instanceof ArrayBuffer ? { bytes: new Uint8Array(result) } : { value: result };
}

function keysAnswer(keys: readonly NewKey[], ring: KeyRing): ServiceAnswer {
  const sealed = keys.map((key) => ring.seal(key));
  const value = keys.map(({ type, extractable, algorithm, usages }, index) => ({
    type,
    extractable,
    algorithm: JSON.stringify(algorithm, (_key, part: unknown) =>
      part instanceof Uint8Array ? [...part] : part,
    ),
    usages: JSON.stringify(usages),
    length: sealed[index]?.length ?? 0,
  }));
  return { value, bytes: Buffer.concat(sealed) };
}

const passed: ReadonlySet<string> = new Set([
  'DataError',
  'InvalidAccessError',
  'NotSupportedError',
  'OperationError',
  'QuotaExceededError',
  'SyntaxError',
  'TypeError',
]);

function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { name, message } = error as { name?: unknown; message?: unknown };
  const known = typeof name === 'string' && passed.has(name) ? name : 'OperationError';
  return new ServiceError(known, typeof message === 'string' ? message : 'The operation failed');
}

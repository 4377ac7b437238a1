import { NativeTypeError, NativeUint8Array, defineProperty, parseJson } from '../primordials.ts';
import { registerCloneable } from '../web/index.ts';
import { shape } from './shape.ts';

/** What the cell says of a key. */
export interface KeySlots {
  readonly type: string;
  readonly extractable: boolean;
  /** JSON text of the KeyAlgorithm; a publicExponent is an array of bytes there. */
  readonly algorithm: string;
  /** JSON text of a list of KeyUsage. */
  readonly usages: string;
  /** The key, sealed by the cell: what this isolate holds of it tells nobody anything. Never written to. */
  readonly sealed: Uint8Array;
}

/** The slots of the key that is being made; whoever else calls the constructor finds none. */
let next: KeySlots | undefined;

/**
 * The slots of a CryptoKey, undefined for anything else; never calls guest code. They are handed to nothing of the
 * guest's.
 */
export let slotsOf: (value: unknown) => KeySlots | undefined;

/** Web Cryptography, 13. `algorithm` and `usages` are made once, are the guest's to change, and mean nothing here. */
export class CryptoKey {
  readonly #slots: KeySlots;
  #algorithm: object | undefined;
  #usages: object | undefined;

  static {
    slotsOf = (value) =>
      typeof value === 'object' && value !== null && #slots in value ? value.#slots : undefined;
  }

  constructor() {
    if (next === undefined) throw new NativeTypeError('Illegal constructor; use crypto.subtle');
    this.#slots = next;
    next = undefined;
  }

  get type(): string {
    return this.#slots.type;
  }

  get extractable(): boolean {
    return this.#slots.extractable;
  }

  get algorithm(): object {
    return (this.#algorithm ??= toAlgorithm(this.#slots.algorithm));
  }

  get usages(): object {
    return (this.#usages ??= parseJson(this.#slots.usages) as object);
  }
}

shape(CryptoKey, 'CryptoKey');

export function createKey(slots: KeySlots): CryptoKey {
  next = slots;
  return new CryptoKey();
}

function toAlgorithm(json: string): object {
  const algorithm = parseJson(json) as { publicExponent?: readonly number[]; length: number };
  const { publicExponent } = { __proto__: null, ...algorithm } as typeof algorithm;
  if (publicExponent === undefined) return algorithm;
  const { length } = publicExponent;
  const bytes = new NativeUint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = publicExponent[index] ?? 0;
  const value = { __proto__: null, value: bytes, writable: true, enumerable: true, configurable: true };
  return defineProperty(algorithm, 'publicExponent', value as never);
}

registerCloneable((value) => {
  const slots = slotsOf(value);
  return slots === undefined ? undefined : createKey(slots);
});

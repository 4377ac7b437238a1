/* oxlint-disable typescript/unbound-method -- methods are captured before guest code runs and called through uncurry or apply */
import { fromBase64 } from './base64.ts';
import {
  NativeError,
  NativeTypeError,
  NativeUint8Array,
  copyBytes,
  defineProperty,
  fillBytes,
  min,
  setBytes,
  toText,
  toUpperCase,
  typedArrayName,
  viewBuffer,
  viewLength,
  viewOf,
} from './primordials.ts';
import { ask } from './output.ts';
import { quote } from './primordials.ts';
import { serveLater } from './services.ts';
import { createDomException } from './web/index.ts';

/** Web Cryptography, getRandomValues: more at once is refused. */
const mostRandomBytes = 65_536;

let pool = new NativeUint8Array(0);
let used = 0;

export function fillPool(entropy: ArrayBuffer): void {
  pool = new NativeUint8Array(entropy);
  used = 0;
}

/** Random bytes from the cell's pool, which is refilled when used up; what was given out is wiped. */
export function random(target: Uint8Array): void {
  const total = viewLength(target);
  let done = 0;
  while (done < total) {
    if (used === viewLength(pool)) {
      pool = fromBase64(ask('entropy', ''));
      used = 0;
      if (viewLength(pool) === 0) throw new NativeError('No random bytes are available');
    }
    const length = min(total - done, viewLength(pool) - used);
    setBytes(target, copyBytes(pool, used, length), done);
    fillBytes(pool, 0, used, used + length);
    used += length;
    done += length;
  }
}

const integerArrays: Readonly<Record<string, true>> = {
  __proto__: null,
  Int8Array: true,
  Uint8Array: true,
  Uint8ClampedArray: true,
  Int16Array: true,
  Uint16Array: true,
  Int32Array: true,
  Uint32Array: true,
  BigInt64Array: true,
  BigUint64Array: true,
} as never;

let building = true;

function illegal(name: string): void {
  if (!building) throw new NativeTypeError(`${name} cannot be constructed; use the global crypto`);
}

const hex: string[] = [];
for (let byte = 0; byte < 256; byte++) hex[byte] = (byte + 256).toString(16).slice(1);

/** Web Cryptography, Crypto interface. */
class Crypto {
  constructor() {
    illegal('Crypto');
  }

  get subtle(): SubtleCrypto {
    return subtle;
  }

  getRandomValues<View>(view: View): View {
    const name = typeof view === 'object' && view !== null ? typedArrayName(view) : undefined;
    if (name === undefined || integerArrays[name] === undefined) {
      throw createDomException('getRandomValues needs an integer typed array', 'TypeMismatchError');
    }
    const bytes = viewOf(view) as Uint8Array;
    if (viewLength(bytes) > mostRandomBytes) {
      throw createDomException(
        `getRandomValues gives ${mostRandomBytes} bytes at most, asked for ${viewLength(bytes)}; call it again for more`,
        'QuotaExceededError',
      );
    }
    random(bytes);
    return view;
  }

  /** RFC 9562, version 4. */
  randomUUID(): string {
    const bytes = new NativeUint8Array(16);
    random(bytes);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    let text = '';
    for (let index = 0; index < 16; index++) {
      if (index === 4 || index === 6 || index === 8 || index === 10) text += '-';
      text += hex[bytes[index] ?? 0];
    }
    return text;
  }
}

const digests: Readonly<Record<string, true>> = {
  __proto__: null,
  'SHA-1': true,
  'SHA-256': true,
  'SHA-384': true,
  'SHA-512': true,
} as never;

/** Web Cryptography, SubtleCrypto interface: digest runs in the host, the rest is not supported yet. */
class SubtleCrypto {
  constructor() {
    illegal('SubtleCrypto');
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    const given =
      typeof algorithm === 'object' && algorithm !== null ? (algorithm as { name: unknown }).name : algorithm;
    const name = toUpperCase(toText(given));
    if (digests[name] === undefined) {
      throw createDomException(
        `Digest algorithm ${quote(toText(given))} is not supported; use SHA-1, SHA-256, SHA-384 or SHA-512`,
        'NotSupportedError',
      );
    }
    const bytes = viewOf(data);
    if (bytes === undefined) throw new NativeTypeError('digest needs an ArrayBuffer or a view on one');
    const answer = await serveLater('digest', `[${quote(name)}]`, bytes);
    if (answer.bytes === undefined) throw createDomException('The digest failed', 'OperationError');
    return viewBuffer(answer.bytes);
  }
}

const later = [
  'encrypt decrypt sign verify generateKey deriveKey deriveBits',
  'importKey exportKey wrapKey unwrapKey',
]
  .join(' ')
  .split(' ');
for (const method of later) {
  const refuse = {
    async [method](): Promise<never> {
      throw createDomException(`crypto.subtle.${method} is not supported yet`, 'NotSupportedError');
    },
  }[method];
  defineProperty(SubtleCrypto.prototype, method, { value: refuse, writable: true, configurable: true });
}
for (const [prototype, name] of [
  [Crypto.prototype, 'Crypto'],
  [SubtleCrypto.prototype, 'SubtleCrypto'],
] as const) {
  defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
}

const subtle = new SubtleCrypto();
const crypto = new Crypto();
building = false;

export const cryptoGlobals: Readonly<Record<string, unknown>> = { crypto, Crypto, SubtleCrypto };

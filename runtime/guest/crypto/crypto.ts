import {
  NativeTypeError,
  NativeUint8Array,
  isView,
  typedArrayName,
  viewLength,
  viewOf,
} from '../primordials.ts';
import { createDomException, requireArguments } from '../web/index.ts';
import { random } from './random.ts';
import { shape } from './shape.ts';
import { getSubtle, type SubtleCrypto } from './subtle-crypto.ts';

/** Web Cryptography, getRandomValues: more at once is refused. */
const mostRandomBytes = 65_536;

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
let check: (self: unknown) => void;

const hex: string[] = [];
for (let byte = 0; byte < 256; byte++) hex[byte] = (byte + 256).toString(16).slice(1);

/** Web Cryptography, 10: the Crypto interface. */
export class Crypto {
  // oxlint-disable-next-line no-unused-private-class-members -- asked for with `in`
  readonly #brand = true;

  static {
    check = (self) => {
      if (typeof self !== 'object' || self === null || !(#brand in self))
        throw new NativeTypeError('Illegal invocation: this is no Crypto');
    };
  }

  constructor() {
    if (!building) throw new NativeTypeError('Illegal constructor; use the global crypto');
  }

  get subtle(): SubtleCrypto {
    check(this);
    return getSubtle();
  }

  getRandomValues<View>(array: View): View {
    check(this);
    requireArguments(arguments.length, 1, 'getRandomValues');
    if (!isView(array)) throw new NativeTypeError('getRandomValues needs a typed array');
    const name = typedArrayName(array);
    if (name === undefined || integerArrays[name] === undefined)
      throw createDomException('getRandomValues needs an integer typed array', 'TypeMismatchError');
    const bytes = viewOf(array) as Uint8Array;
    if (viewLength(bytes) > mostRandomBytes) {
      throw createDomException(
        `getRandomValues gives ${mostRandomBytes} bytes at most, asked for ${viewLength(bytes)}; call it again for more`,
        'QuotaExceededError',
      );
    }
    random(bytes);
    return array;
  }

  /** RFC 9562, version 4. */
  randomUUID(): string {
    check(this);
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

shape(Crypto, 'Crypto');
const crypto = new Crypto();
building = false;

/** The global `crypto`. */
export function getCrypto(): Crypto {
  return crypto;
}

import { cipher } from './cipher.ts';
import { decode } from './decode.ts';
import { deriveHkdf, derivePbkdf2, deriveScrypt } from './derive.ts';
import { digest } from './digest.ts';
import { hash } from './hash.ts';
import type { Service } from './service.ts';
import { exportKey, keys, signature } from './signature.ts';
import { subtle } from './subtle.ts';
import { zlibClose, zlibWrite } from './zlib-stream.ts';
import { zlibWhole } from './zlib-whole.ts';

/** What the cell does for a guest's runtime, by method (runtime/guest/protocol.ts). Names are fixed here and nowhere else. */
export const services: ReadonlyMap<string, Service> = new Map<string, Service>([
  ['cipher', cipher],
  ['decode', decode],
  ['digest', digest],
  ['hash', hash],
  ['hkdf', deriveHkdf],
  ['keys', keys],
  ['keys.export', exportKey],
  ['pbkdf2', derivePbkdf2],
  ['scrypt', deriveScrypt],
  ['signature', signature],
  ['subtle', subtle],
  ['zlib', zlibWhole],
  ['zlib.close', zlibClose],
  ['zlib.write', zlibWrite],
]);

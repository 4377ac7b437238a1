import { createMultibyteDecoder } from '@exodus/bytes/multi-byte.js';

/** Gives the text of the next bytes; `stream`: more follow. Throws when it is fatal and the bytes are malformed. */
export type Decode = (bytes: Uint8Array, stream: boolean) => string;

export type MultiByte = 'big5' | 'euc-jp' | 'euc-kr' | 'gb18030' | 'gbk' | 'iso-2022-jp' | 'shift_jis';

export function isMultiByte(name: unknown): name is MultiByte {
  return typeof name === 'string' && (names as readonly string[]).includes(name);
}

const names: readonly MultiByte[] = [
  'big5',
  'euc-jp',
  'euc-kr',
  'gb18030',
  'gbk',
  'iso-2022-jp',
  'shift_jis',
];

/** A decoder at the beginning of a text. */
export function createDecoder(encoding: MultiByte, fatal: boolean): Decode {
  return createMultibyteDecoder(encoding, !fatal);
}

/**
 * A clone's cell reads the tables from the package's file, which must be now, while it may still read. The published
 * package carries them in this file (host/cli/build.ts), where V8 compiles them when somebody decodes.
 */
if (import.meta.url.endsWith('.ts')) createDecoder('euc-kr', false)(new Uint8Array([0xb0, 0xa1]), false);

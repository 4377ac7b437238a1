import { decode } from './decode.ts';
import { digest } from './digest.ts';
import type { Service } from './service.ts';
import { subtle } from './subtle.ts';
import { zlibClose, zlibWrite } from './zlib-stream.ts';
import { zlibWhole } from './zlib-whole.ts';

/** What the cell does for a guest's runtime, by method (runtime/guest/protocol.ts). Names are fixed here and nowhere else. */
export const services: ReadonlyMap<string, Service> = new Map<string, Service>([
  ['decode', decode],
  ['digest', digest],
  ['subtle', subtle],
  ['zlib', zlibWhole],
  ['zlib.close', zlibClose],
  ['zlib.write', zlibWrite],
]);

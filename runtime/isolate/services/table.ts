import { decode } from './decode.ts';
import { digest } from './digest.ts';
import type { Service } from './service.ts';

/** What the cell does for a guest's runtime, by method (runtime/guest/protocol.ts). Names are fixed here and nowhere else. */
export const services: ReadonlyMap<string, Service> = new Map<string, Service>([
  ['decode', decode],
  ['digest', digest],
]);

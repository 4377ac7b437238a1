import * as lite from '@exodus/bytes/encoding-lite.js';

/** One character per byte. */
export const decodeLatin1: (bytes: Uint8Array) => string = lite.isomorphicDecode;

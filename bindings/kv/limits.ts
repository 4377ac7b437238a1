/** What Workers KV documents (https://developers.cloudflare.com/kv/platform/limits/); units in the names. */
export const maxKeyBytes = 512;
export const maxValueBytes: number = 25 * 1024 * 1024;
export const maxMetadataBytes = 1024;
/** An expiry nearer than this is refused. */
export const leastTtlSeconds = 60;
export const maxListKeys = 1000;

/** Values up to this size are answered inline, larger ones as a stream: the channel's own bound. */
export const inlineValueBytes: number = 256 * 1024;
/** A piece of a streamed value. */
export const pieceBytes: number = 64 * 1024;
/**
 * Large values one deployment may have in the host's memory at once, for reading and again for writing; a further one
 * waits its turn. Five of the largest: what a function asks for at once is its own queue, not the host's memory.
 */
export const heldBytes: number = 128 * 1024 * 1024;

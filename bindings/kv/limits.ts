/** What Workers KV documents (https://developers.cloudflare.com/kv/platform/limits/); units in the names. */
export const maxKeyBytes = 512;
export const maxValueBytes: number = 25 * 1024 * 1024;
export const maxMetadataBytes = 1024;
/** An expiry nearer than this is refused. */
export const leastTtlSeconds = 60;
export const maxListKeys = 1000;

/** Text up to this size travels within the message where the guest asks for text. */
export const shortTextBytes = 4096;
/** Values up to this size are answered inline, larger ones as a stream: the channel's own bound. */
export const inlineValueBytes: number = 256 * 1024;
/** A piece of a streamed value. */
export const pieceBytes: number = 64 * 1024;
/**
 * Large values one deployment may have in the host's memory at once, for reading and again for writing; a further one
 * waits its turn. Five of the largest: what a function asks for at once is its own queue, not the host's memory.
 */
export const heldBytes: number = 128 * 1024 * 1024;

/** Keys that one get may ask for; their values together may be as large as one value. */
export const maxGetKeys = 100;
/** Checks, and writes, of one commit; its values together may be as large as one value. */
export const maxCommitKeys = 128;
/** A page of `list` with values ends with the value that takes it over this. */
export const pageValueBytes: number = 4 * 1024 * 1024;

/** Changes, and bytes of their lines, that a watch may leave unread before it is broken off. */
export const maxWatchChanges = 1000;
export const maxWatchBytes: number = 1024 * 1024;
/** Watches of one deployment at once. */
export const maxWatches = 1000;
/** The longest wait that can be asked for: as long as an invocation may take. */
export const maxWatchMs: number = 15 * 60 * 1000;

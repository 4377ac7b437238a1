/** Bytes that all caches of one function may hold; over it the longest unused responses go. */
export const maxSpaceBytes: number = 64 * 1024 * 1024;
/** The largest body of one response. */
export const maxBodyBytes: number = 32 * 1024 * 1024;
/** Responses that all caches of one function may hold. */
export const maxEntries = 10_000;
/** Names of caches of one function, and the longest one in UTF-16 units. */
export const maxCaches = 1000;
export const maxNameLength = 512;
/** URL and header lists of one entry, as JSON, in UTF-16 units. */
export const maxHeadLength: number = 128 * 1024;
/** What nothing says an end of is kept so long. */
export const longestMs: number = 30 * 24 * 60 * 60 * 1000;

/**
 * A piece of a body in the store. A body that is no longer lies with its head and is answered inline: the channel's own
 * bound.
 */
export const pieceBytes: number = 256 * 1024;

/** Bytes of one part: a range reads little beside what it asks for, and it fits one message of every store. */
export const partBytes: number = 256 * 1024;

/** Keys of all blobs of a function: `asset/<function>/<SHA-256>/<part>`. */
export function assetsOf(name: string): string {
  return `asset/${name}/`;
}

/** Keys of one blob. */
export function blobKeys(name: string, hash: string): string {
  return `${assetsOf(name)}${hash}/`;
}

/** Parts are numbered from 0; an empty blob has one. */
export function partKey(name: string, hash: string, part: number): string {
  return blobKeys(name, hash) + String(part).padStart(4, '0');
}

/** The parts a blob of this length has. */
export function partsOf(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / partBytes));
}

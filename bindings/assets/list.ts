import { createHash } from 'node:crypto';

/** The static files of one version, and how they are answered. Stored under its own hash (keys.ts). */
export interface AssetList {
  readonly format: 1;
  /** Answered with 200 for pages that are no file, e.g. `/index.html`. */
  readonly fallback?: string;
  /** Answered with 404 for pages that are no file, e.g. `/404.html`. */
  readonly notFound?: string;
  /** Values of cache-control by pattern; the most specific one counts. */
  readonly cache: Readonly<Record<string, string>>;
  /** Further headers by pattern; all that fit are set, the more specific one wins. Names in lower case. */
  readonly headers: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Sorted by path. */
  readonly files: readonly AssetFile[];
}

export interface AssetFile {
  /** As a decoded URL path, NFC, e.g. `/img/a b.png`. */
  readonly path: string;
  /** Hex SHA-256 of the bytes. */
  readonly hash: string;
  readonly bytes: number;
  /** Compressed at deploy, where that makes it smaller. */
  readonly brotli?: AssetBlob;
  readonly gzip?: AssetBlob;
}

export interface AssetBlob {
  readonly hash: string;
  readonly bytes: number;
}

/** The bytes to store; their hash names the list. */
export function encodeList(list: AssetList): Uint8Array {
  return Buffer.from(JSON.stringify(list));
}

/** What encodeList made. */
export function decodeList(bytes: Uint8Array): AssetList {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()) as AssetList;
}

/** Every blob that a list needs. */
export function blobsOf(list: AssetList): readonly AssetBlob[] {
  return list.files.flatMap(({ hash, bytes, brotli, gzip }) => [
    { hash, bytes },
    ...(brotli === undefined ? [] : [brotli]),
    ...(gzip === undefined ? [] : [gzip]),
  ]);
}

/** Hex SHA-256: the name of a blob in the store. */
export function hashOfBlob(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

import { constants, createBrotliCompress, createBrotliDecompress, createDeflate } from 'node:zlib';
import { createDeflateRaw, createGunzip, createGzip, createInflate } from 'node:zlib';
import { createInflateRaw, createUnzip, deflateRawSync, type ZlibOptions } from 'node:zlib';
import { ServiceError } from './service.ts';
import { msPerByte } from './yardstick.ts';

/** A stream of `node:zlib`. */
export type ZlibStream = ReturnType<typeof createDeflate> | ReturnType<typeof createBrotliCompress>;

/** What a guest may choose, checked. */
export interface ZlibSettings {
  readonly level: number | undefined;
  readonly windowBits: number | undefined;
  readonly memLevel: number | undefined;
  readonly strategy: number | undefined;
  /** Brotli's. */
  readonly quality: number;
}

/** One way to compress or to decompress. */
export interface ZlibFormat {
  readonly compresses: boolean;
  /** Most bytes of the cell that its state takes. */
  readonly stateBytes: number;
  open(settings: ZlibSettings): ZlibStream;
  /** CPU for a byte that goes in, in ms. */
  inputMs(settings: ZlibSettings): number;
  /** CPU for a byte that comes out, in ms. */
  readonly outputMs: () => number;
}

const KiB = 1024;
const highWaterMark = 64 * KiB;
const chunkSize = 32 * KiB;
/** How many times as long as level 6 a level takes, on text. */
const byLevel = [0.1, 0.4, 0.4, 0.5, 0.6, 0.8, 1, 1.3, 2, 3] as const;
const byQuality = [0.1, 0.2, 0.4, 0.5, 0.8, 1.3, 1.8, 3, 4, 6, 20, 60] as const;

const text = new TextEncoder().encode(
  Array.from({ length: 9000 }, (_, at) => ((at * at * 2654435761) % 1e9).toString(32)).join(' '),
);
const deflateMs = (): number =>
  msPerByte('deflate', (data) => deflateRawSync(text.subarray(0, data.length), { level: 6 }));
/** Measured: a tenth of what compressing takes. */
const inflateMs = (): number => deflateMs() / 10;

/** zlib's own formats: gzip, deflate (RFC 1950) and raw deflate. */
function deflating(create: (options: ZlibOptions) => ZlibStream): ZlibFormat {
  return {
    compresses: true,
    stateBytes: 300 * KiB,
    open: ({ level, windowBits, memLevel, strategy }) =>
      create({ chunkSize, ...pools, ...defined({ level, windowBits, memLevel, strategy }) }),
    inputMs: ({ level = 6 }) => deflateMs() * (byLevel[level < 0 ? 6 : level] ?? 3),
    outputMs: () => 0,
  };
}

function inflating(create: (options: ZlibOptions) => ZlibStream): ZlibFormat {
  return {
    compresses: false,
    stateBytes: 64 * KiB,
    open: ({ windowBits }) => create({ chunkSize, ...pools, ...strict, ...defined({ windowBits }) }),
    inputMs: inflateMs,
    outputMs: inflateMs,
  };
}

const pools = { readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark };
/** Compression, 6: what follows the end of the data is an error. */
const strict = { rejectGarbageAfterEnd: true };

function defined(options: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(options).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}

/** By the names of the Compression standard, and of `node:zlib` where that has more. */
export const formats: ReadonlyMap<unknown, ZlibFormat> = new Map<unknown, ZlibFormat>([
  ['gzip', deflating(createGzip)],
  ['deflate', deflating(createDeflate)],
  ['deflate-raw', deflating(createDeflateRaw)],
  ['gunzip', inflating(createGunzip)],
  ['inflate', inflating(createInflate)],
  ['inflate-raw', inflating(createInflateRaw)],
  ['unzip', inflating(createUnzip)],
  [
    'brotli',
    {
      compresses: true,
      stateBytes: 8 * 1024 * KiB,
      // A window of 512 KB bounds what it holds; level 4 is Node's for servers, 11 its default.
      open: ({ quality }) =>
        createBrotliCompress({
          chunkSize,
          ...pools,
          params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: 19 },
        }),
      inputMs: ({ quality }) => deflateMs() * (byQuality[quality] as number),
      outputMs: () => 0,
    },
  ],
  [
    'unbrotli',
    {
      compresses: false,
      stateBytes: 16 * 1024 * KiB,
      open: () => createBrotliDecompress({ chunkSize, ...pools, ...strict }),
      inputMs: inflateMs,
      outputMs: inflateMs,
    },
  ],
]);

/** RangeError for numbers zlib does not take. */
export function parseSettings(given: unknown): ZlibSettings {
  const options = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const pick = (name: string, least: number, most: number): number | undefined => {
    const value = Object.hasOwn(options, name) ? options[name] : undefined;
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw new ServiceError('RangeError', `${name} must be an integer from ${least} to ${most}`);
  };
  return {
    level: pick('level', -1, 9),
    windowBits: pick('windowBits', 8, 15),
    memLevel: pick('memLevel', 1, 9),
    strategy: pick('strategy', 0, 4),
    quality: pick('quality', 0, 11) ?? 11,
  };
}

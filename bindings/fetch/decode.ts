import { pipeline } from 'node:stream';
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import { HostError } from '#runtime/errors.ts';

/** RFC 9110, 8.4.1; RFC 7932; RFC 8878. */
export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** More codings than this on one body are somebody's attack, not somebody's server. */
const maxCodings = 5;

const codingNames: ReadonlyMap<string, Coding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);

/**
 * The codings of a `content-encoding` in the order they were applied, or none when one of them is unknown: the body
 * then goes to the guest as it came, header and all. Throws HostError ERR_FETCH_FAILED for too many.
 */
export function parseCodings(header: string | undefined): readonly Coding[] {
  const names = (header ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length > maxCodings) {
    throw new HostError(
      'ERR_FETCH_FAILED',
      `Cannot read the answer: its body is encoded ${names.length} times over; ${maxCodings} are read at most`,
    );
  }
  const codings: Coding[] = [];
  for (const name of names) {
    const coding = codingNames.get(name);
    if (coding === undefined) return [];
    codings.push(coding);
  }
  return codings;
}

/** The decoded body. Memory stays within the streams' buffers, whatever the ratio of the compression. */
export function decodeBody(
  body: AsyncIterable<Uint8Array>,
  codings: readonly Coding[],
): AsyncIterable<Uint8Array> {
  return codings.toReversed().reduce(decodeOne, body);
}

async function* decodeOne(body: AsyncIterable<Uint8Array>, coding: Coding): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) return;
  const all = async function* (): AsyncGenerator<Uint8Array> {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => iterator };
  };
  // Pipeline destroys the decoder with whatever goes wrong, and the reader meets it there.
  yield* pipeline(all(), openDecoder(coding, first.value), () => undefined) as AsyncIterable<Uint8Array>;
}

/** Lenient as browsers are: a body cut short gives what it held. */
function openDecoder(coding: Coding, first: Uint8Array): Transform {
  const zlib = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
  switch (coding) {
    case 'gzip':
      return createGunzip(zlib);
    case 'deflate':
      // Servers send it with and without the zlib wrapper, whose first byte has 8 in its low half.
      return ((first[0] ?? 0) & 0x0f) === 0x08 ? createInflate(zlib) : createInflateRaw(zlib);
    case 'br':
      return createBrotliDecompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      });
    case 'zstd':
      return createZstdDecompress({ flush: constants.ZSTD_e_continue, finishFlush: constants.ZSTD_e_flush });
  }
}

import { Buffer } from './buffer.js';
import { callBack, serve, serveLater, toBuffer, toOutput } from './crypto-service.js';
import { Transform } from './stream.js';
import { constants } from './zlib-constants.js';

/**
 * `node:zlib` over the cell's own (runtime/isolate/services/zlib-*.ts): gzip, deflate, raw deflate and Brotli, whole or as
 * streams. Output of one call has 32 MB at the most; streams have no such bound. https://nodejs.org/api/zlib.html
 */
const settingsOf = ({ level, windowBits, memLevel, strategy, params } = {}) => ({
  // zlib reads windowBits 0 as "what the header says", which is the default of decompression.
  windowBits: windowBits === 0 ? undefined : windowBits,
  level,
  memLevel,
  strategy,
  quality: params?.[constants.BROTLI_PARAM_QUALITY],
});

function whole(format) {
  const ask = (serve_, data, options = {}) =>
    serve_('zlib', [format, settingsOf(options), options.maxOutputLength ?? null], toBuffer(data, 'buffer'));
  return {
    sync: (data, options) => toOutput(ask(serve, data, options).bytes ?? new Uint8Array()),
    later: (data, options, callback = options) =>
      callBack(
        ask(serveLater, data, typeof options === 'function' ? {} : options).then(({ bytes }) =>
          toOutput(bytes ?? new Uint8Array()),
        ),
        callback,
      ),
  };
}

/** One stream of the cell; it belongs to the invocation that writes to it first. */
class Zlib extends Transform {
  #format;
  #settings;
  #stream = 0;
  bytesWritten = 0;

  constructor(format, options = {}) {
    super(options);
    this.#format = format;
    this.#settings = settingsOf(options);
  }

  _transform(chunk, encoding, done) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : toBuffer(chunk, 'chunk');
    this.bytesWritten += bytes.length;
    void this.#write(bytes, 'none').then(() => done(), done);
  }

  _flush(done) {
    void this.#write(new Uint8Array(), 'finish').then(() => done(), done);
  }

  /** Ends the block under way, so that what was written can be read. */
  flush(kind, callback = kind) {
    this.#write(new Uint8Array(), 'sync').then(
      () => callback?.(),
      (error) => this.destroy(error),
    );
  }

  close(callback) {
    if (callback !== undefined) this.once('close', callback);
    this.destroy();
  }

  _destroy(error, done) {
    if (this.#stream !== 0) serveLater('zlib.close', [this.#stream]).catch(() => undefined);
    this.#stream = 0;
    done(error);
  }

  async #write(bytes, flush) {
    for (let step = flush, input = bytes; ; step = null, input = new Uint8Array()) {
      const { value, bytes: output } = await serveLater(
        'zlib.write',
        [this.#stream, this.#format, this.#settings, step],
        input,
      );
      const [stream, more] = value;
      this.#stream = stream;
      const isTaken = output === undefined || output.length === 0 || this.push(toOutput(output));
      if (!more) return;
      // A bomb's output waits in the cell until somebody reads what came before.
      if (!isTaken) await new Promise((resolve) => this.#wanted(resolve));
    }
  }

  #wanted(resolve) {
    const { _read } = Object.getPrototypeOf(Zlib.prototype);
    this._read = (size) => {
      this._read = _read;
      resolve();
      _read.call(this, size);
    };
  }
}

const make = (format) => {
  const Class = class extends Zlib {
    constructor(options) {
      super(format, options);
    }
  };
  const { sync, later } = whole(format);
  return [Class, (options) => new Class(options), later, sync];
};

export const [Gzip, createGzip, gzip, gzipSync] = make('gzip');
export const [Gunzip, createGunzip, gunzip, gunzipSync] = make('gunzip');
export const [Deflate, createDeflate, deflate, deflateSync] = make('deflate');
export const [Inflate, createInflate, inflate, inflateSync] = make('inflate');
export const [DeflateRaw, createDeflateRaw, deflateRaw, deflateRawSync] = make('deflate-raw');
export const [InflateRaw, createInflateRaw, inflateRaw, inflateRawSync] = make('inflate-raw');
export const [Unzip, createUnzip, unzip, unzipSync] = make('unzip');
export const [BrotliCompress, createBrotliCompress, brotliCompress, brotliCompressSync] = make('brotli');
export const [BrotliDecompress, createBrotliDecompress, brotliDecompress, brotliDecompressSync] =
  make('unbrotli');
export { constants };

const table = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
/** CRC-32 of gzip (RFC 1952, 8). */
export function crc32(data, value = 0) {
  let sum = ~value;
  for (const byte of toBuffer(data)) sum = table[(sum ^ byte) & 0xff] ^ (sum >>> 8);
  return ~sum >>> 0;
}

export default {
  BrotliCompress,
  BrotliDecompress,
  Deflate,
  DeflateRaw,
  Gunzip,
  Gzip,
  Inflate,
  InflateRaw,
  Unzip,
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  constants,
  crc32,
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  unzip,
  unzipSync,
};

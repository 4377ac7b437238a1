// Everything here must say in Node what it says in a function.
import { Buffer as Imported, constants, isAscii, isUtf8, kStringMaxLength, transcode } from 'node:buffer';

export async function run() {
  const bytes = Buffer.from('héllo wörld €');
  const encodings = ['utf8', 'hex', 'base64', 'base64url', 'latin1', 'ascii', 'utf16le'];
  return {
    same: Imported === Buffer,
    transcoded: [
      ...['latin1', 'ascii', 'ucs2', 'utf8'].map((to) => transcode(bytes, 'utf8', to).toString('hex')),
      transcode(Buffer.from('ä😀', 'utf16le'), 'utf16le', 'binary').toString('latin1'),
    ],
    untranscoded: (() => {
      try {
        return transcode(bytes, 'utf8', 'hex');
      } catch (error) {
        return error.code;
      }
    })(),
    most: kStringMaxLength === constants.MAX_STRING_LENGTH,
    texts: encodings.map((encoding) => bytes.toString(encoding)),
    backs: encodings.map((encoding) => Buffer.from(bytes.toString(encoding), encoding).toString('hex')),
    known: [...encodings, 'base32'].map((encoding) => Buffer.isEncoding(encoding)),
    lengths: encodings.map((encoding) => Buffer.byteLength('-_-_abc', encoding)),
    concat: Buffer.concat([Buffer.from('a'), Buffer.alloc(2, 'xy'), new Uint8Array([1, 2])]).toJSON(),
    compare: [Buffer.compare(Buffer.from('a'), Buffer.from('b')), Buffer.from('a').equals(Buffer.from('a'))],
    find: [bytes.indexOf('w'), bytes.includes('€'), bytes.lastIndexOf('l')],
    numbers: numbers(),
    slice: Buffer.from('abcdef').subarray(1, 3).toString(),
    write: write(),
    is: [Buffer.isBuffer(bytes), Buffer.isBuffer(new Uint8Array(1)), bytes instanceof Uint8Array],
    utf8: [isUtf8(bytes), isUtf8(new Uint8Array([0xff])), isAscii(bytes), isAscii(Buffer.from('abc'))],
    error: failure(() => Buffer.from(null)),
  };
}

function numbers() {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt32BE(0xdeadbeef, 0);
  bytes.writeDoubleLE(Math.PI, 4);
  bytes.writeBigInt64BE(-5n, 12);
  bytes.writeInt16LE(-2, 20);
  return [
    bytes.toString('hex'),
    bytes.readUInt32BE(0),
    bytes.readDoubleLE(4),
    String(bytes.readBigInt64BE(12)),
    bytes.readInt16LE(20),
  ];
}

function write() {
  const bytes = Buffer.alloc(8);
  return [bytes.write('aGk', 1, 'base64url'), bytes.fill('z', 5).toString()];
}

function failure(act) {
  try {
    return act();
  } catch (error) {
    return [error.name, error.code];
  }
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};

// Everything here must say in Node what it says in a function.
import { pipeline } from 'node:stream/promises';
import { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import zlib, { constants, createGunzip, createGzip, gunzipSync, gzipSync } from 'node:zlib';

const text = 'compress me, '.repeat(5000);

const failure = (act) => {
  try {
    act();
    return 'nothing';
  } catch (error) {
    return error.code;
  }
};

export async function run() {
  const back = {};
  for (const [pack, unpack] of [
    ['gzip', 'gunzip'],
    ['deflate', 'inflate'],
    ['deflateRaw', 'inflateRaw'],
    ['brotliCompress', 'brotliDecompress'],
    ['gzip', 'unzip'],
  ]) {
    const packed = zlib[`${pack}Sync`](text);
    const later = await promisify(zlib[pack])(Buffer.from(text));
    const unpacked = await promisify(zlib[unpack])(packed);
    back[`${pack} ${unpack}`] = [
      packed.length < 1000,
      packed.equals(later),
      unpacked.toString() === text,
      zlib[`${unpack}Sync`](later).toString() === text,
    ];
  }
  const pieces = [];
  await pipeline(
    Readable.from(Array.from({ length: 50 }, (_, i) => `line ${i} ${'x'.repeat(5000)}\n`)),
    createGzip({ level: 9 }),
    createGunzip(),
    new Writable({
      write(chunk, _encoding, done) {
        pieces.push(chunk);
        done();
      },
    }),
  );
  const bomb = gzipSync(Buffer.alloc(4_000_000));
  let bombed = 0;
  await pipeline(Readable.from([bomb]), createGunzip(), async function (source) {
    for await (const chunk of source) bombed += chunk.length;
  });
  const broken = await pipeline(
    Readable.from([Buffer.from('not gzip at all')]),
    createGunzip(),
    async (source) => {
      for await (const chunk of source) if (chunk.length === 0) return;
    },
  ).catch(({ code }) => code);
  const flushed = createGzip();
  flushed.write('part');
  await new Promise((resolve) => flushed.flush(resolve));
  let part = 0;
  for (let chunk = flushed.read(); chunk !== null; chunk = flushed.read()) part += chunk.length;
  flushed.destroy();
  return {
    back,
    stream: [Buffer.concat(pieces).length, Buffer.concat(pieces).toString().split('\n').length],
    bombed,
    errors: [
      broken,
      failure(() => gunzipSync('nonsense')),
      failure(() => gunzipSync(gzipSync('abc').subarray(0, 12))),
      failure(() => gzipSync(1)),
      failure(() => gunzipSync(bomb, { maxOutputLength: 1000 })),
    ],
    flushed: part > 10,
    crc: [zlib.crc32('hello'), zlib.crc32('lo', zlib.crc32('hel'))],
    constants: [constants.Z_BEST_COMPRESSION, constants.BROTLI_PARAM_QUALITY],
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};

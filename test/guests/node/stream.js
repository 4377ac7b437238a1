// Everything here must say in Node what it says in a function.
import { Duplex, PassThrough, Readable, Transform, Writable, finished, pipeline } from 'node:stream';
import { buffer, json, text } from 'node:stream/consumers';
import { finished as ended, pipeline as piped } from 'node:stream/promises';
import { ReadableStream as Web } from 'node:stream/web';

const upper = () =>
  new Transform({
    transform(chunk, _encoding, done) {
      done(null, String(chunk).toUpperCase());
    },
  });

export async function run() {
  const written = [];
  const sink = new Writable({
    highWaterMark: 4,
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      setTimeout(done, 1);
    },
  });
  await piped(Readable.from(['one', 'two', 'three']), upper(), sink);
  const failed = await piped(
    Readable.from(['x']),
    async function* () {
      throw new RangeError('in the middle');
    },
    new PassThrough(),
  ).catch((error) => error.name);
  const old = await new Promise((resolve) => {
    const out = new PassThrough();
    pipeline(Readable.from(['a', 'b']), out, (error) => resolve([error ?? null]));
    out.resume();
  });
  const slow = new PassThrough({ highWaterMark: 2 });
  const pressure = [slow.write('a'), slow.write('bcd')];
  slow.end();
  const over = new Promise((resolve) => finished(slow, (error) => resolve(error ?? null)));
  const rest = await text(slow);
  const broken = new Readable({
    read() {
      this.destroy(new TypeError('cannot read'));
    },
  });
  const seen = ended(broken).catch((error) => error.name);
  broken.resume();
  const web = Readable.toWeb(Readable.from([Buffer.from('to '), Buffer.from('web')]));
  const pair = Duplex.from(async function* (source) {
    for await (const chunk of source) yield String(chunk) + '!';
  });
  pair.end('hey');
  return {
    written,
    failed,
    old,
    pressure,
    rest,
    over: await over,
    broken: await seen,
    json: await json(Readable.from(['{"a":', '1}'])),
    bytes: (await buffer(Readable.from([new Uint8Array([1, 2])]))).toString('hex'),
    toWeb: [web instanceof Web, await new Response(web).text()],
    fromWeb: await text(Readable.fromWeb(new Response('from web').body)),
    pair: await text(pair),
    objects: await Readable.from([1, 2, 3, 4])
      .filter((value) => value % 2 === 0)
      .map((value) => value * 10)
      .toArray(),
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};

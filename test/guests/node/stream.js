// Everything here must say in Node what it says in a function.
import { Duplex, PassThrough, Readable, Transform, Writable, finished, pipeline } from 'node:stream';
import { buffer, json, text } from 'node:stream/consumers';
import { finished as ended, pipeline as piped } from 'node:stream/promises';
import { ReadableStream as Web, TransformStream } from 'node:stream/web';

const upper = () =>
  new Transform({
    transform(chunk, _encoding, done) {
      done(null, String(chunk).toUpperCase());
    },
  });

const nameOf = (promise) =>
  promise.then(
    () => 'nothing',
    (error) => [error.name, error.code ?? null, error.message],
  );

/** Duplexes and writables, from the web and to it: what goes through, and what fails on the way. */
async function bridges() {
  const decoder = new TextDecoder();
  const shout = () =>
    new TransformStream({
      transform: (chunk, controller) => controller.enqueue(decoder.decode(chunk).toUpperCase()),
    });
  const duplex = Duplex.fromWeb(shout(), { encoding: 'utf8' });
  duplex.write('to the web, ');
  duplex.end('and back');
  const kept = [];
  const closing = [];
  const into = Writable.fromWeb(
    new WritableStream({
      write: (chunk) => void kept.push(decoder.decode(chunk)),
      close: () => void closing.push('closed'),
    }),
  );
  await piped(Readable.from(['a', 'b']), into);
  const aborted = [];
  const dying = Writable.fromWeb(
    new WritableStream({ abort: (reason) => void aborted.push(reason.message) }),
  );
  const died = nameOf(ended(dying));
  dying.destroy(new RangeError('destroyed'));
  const failing = Writable.fromWeb(
    new WritableStream({
      write() {
        throw new RangeError('not this');
      },
    }),
  );
  const refused = nameOf(ended(failing));
  failing.write('x');
  const pair = Duplex.toWeb(upper());
  const writer = pair.writable.getWriter();
  void writer.write('through node');
  void writer.close();
  const slow = [];
  const sink = Writable.toWeb(
    new Writable({
      highWaterMark: 1,
      write(chunk, _encoding, done) {
        slow.push(String(chunk));
        setTimeout(done, 1);
      },
    }),
  );
  await Readable.toWeb(Readable.from(['1', '2', '3'])).pipeTo(sink);
  const breaking = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, done) {
      setTimeout(() => done(new RangeError('broke')), 1);
    },
  });
  const broken = nameOf(Readable.toWeb(Readable.from(['1', '2', '3'])).pipeTo(Writable.toWeb(breaking)));
  const half = Duplex.fromWeb({
    readable: new ReadableStream({
      start: (controller) => controller.error(new RangeError('unreadable')),
    }),
    writable: new WritableStream(),
  });
  const unread = nameOf(text(half));
  return {
    duplex: await text(duplex),
    kept,
    closing,
    died: await died,
    aborted,
    refused: await refused,
    pair: await new Response(pair.readable).text(),
    slow,
    broken: await broken,
    unread: await unread,
    kinds: await Promise.all(
      [true, false].map(async (objectMode) => {
        const reader = Readable.toWeb(Readable.from([Buffer.from('x')], { objectMode })).getReader();
        return (await reader.read()).value.constructor.name;
      }),
    ),
  };
}

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
    bridges: await bridges(),
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

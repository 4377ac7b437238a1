import library from 'readable-stream/lib/stream';
import promises from 'readable-stream/lib/stream/promises';
import web from './stream-web.js';

/**
 * `node:stream`: Node's own streams, as its project publishes them for other places (readable-stream), and the bridges to
 * the web's streams. https://nodejs.org/api/stream.html
 */

const { Readable, Writable, Duplex } = library;

Readable.toWeb = (source) => {
  const iterator = source[Symbol.asyncIterator]();
  return new web.ReadableStream({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => source.destroy(reason),
  });
};
Readable.fromWeb = (stream, options = {}) =>
  Readable.from(stream.values(), { objectMode: false, ...options });

Writable.toWeb = (sink) =>
  new web.WritableStream({
    write: async (chunk) => {
      if (!sink.write(chunk)) await settled(sink, 'drain');
    },
    close: async () => {
      const finished = settled(sink, 'finish');
      sink.end();
      await finished;
    },
    abort: (reason) => sink.destroy(reason),
  });
Writable.fromWeb = (stream, options = {}) => {
  const writer = stream.getWriter();

  return new Writable({
    ...options,
    write: (chunk, _encoding, done) => void writer.write(chunk).then(() => done(), done),
    final: (done) => void writer.close().then(() => done(), done),
    destroy: (error, done) => {
      if (error === null) return done();
      void writer.abort(error).then(() => done(error), done);
    },
  });
};
Duplex.toWeb = (duplex) => ({
  readable: Readable.toWeb(duplex),
  writable: Writable.toWeb(duplex),
});

function settled(sink, name) {
  return new Promise((resolve, reject) => {
    const heard = () => {
      sink.off('error', failed);
      resolve();
    };
    const failed = (error) => {
      sink.off(name, heard);
      reject(error);
    };
    sink.once(name, heard);
    sink.once('error', failed);
  });
}

export const {
  PassThrough,
  Stream,
  Transform,
  addAbortSignal,
  compose,
  destroy,
  finished,
  getDefaultHighWaterMark,
  isDisturbed,
  isErrored,
  isReadable,
  isWritable,
  pipeline,
  setDefaultHighWaterMark,
} = library;
export { Duplex, Readable, Writable, promises };
// The library's own is a getter that only one of its doors defines.
Object.defineProperty(library, 'promises', { value: promises, enumerable: true, configurable: true });
export default library;

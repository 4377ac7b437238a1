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
      else if (value instanceof Uint8Array && !source.readableObjectMode)
        controller.enqueue(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
      else controller.enqueue(value);
    },
    cancel: (reason) => source.destroy(reason),
  });
};
Readable.fromWeb = (stream, options = {}) =>
  Readable.from(stream.values(), { objectMode: false, ...options });

Writable.toWeb = (sink) => {
  // Of the write under way, which waits for the sink to take more.
  let pressed;
  sink.on('drain', () => pressed?.resolve());
  const over = Promise.withResolvers();
  over.promise.catch(() => undefined);
  return new web.WritableStream({
    start(controller) {
      library.finished(sink, { readable: false }, (error) => {
        if (!error) return over.resolve();
        pressed?.reject(error);
        over.reject(error);
        controller.error(error);
      });
    },
    async write(chunk) {
      if (sink.write(chunk)) return;
      pressed = Promise.withResolvers();
      await pressed.promise;
    },
    async close() {
      sink.end();
      await over.promise;
    },
    abort: (reason) => void sink.destroy(reason),
  });
};

/** What a Writable does with its chunks, its end and its destruction, over a stream of the web. */
function intoWeb(stream) {
  const writer = stream.getWriter();
  let isClosed = false;
  const closed = () => {
    isClosed = true;
  };
  return {
    failed: writer.closed.then(closed, (error) => {
      closed();
      throw error;
    }),
    write: (chunk, _encoding, done) =>
      void writer.ready.then(() => writer.write(chunk)).then(() => done(), done),
    final: (done) => void writer.close().then(() => done(), done),
    destroy(error, done) {
      if (isClosed) return done(error);
      const ending = error ? writer.abort(error) : writer.close();
      void ending.catch(() => undefined).then(() => done(error));
    },
  };
}
Writable.fromWeb = (stream, options = {}) => {
  const { failed, ...methods } = intoWeb(stream);
  const sink = new Writable({ ...options, ...methods });
  failed.catch((error) => sink.destroy(error));
  return sink;
};

Duplex.toWeb = (duplex) => ({
  readable: Readable.toWeb(duplex),
  writable: Writable.toWeb(duplex),
});
Duplex.fromWeb = ({ readable, writable }, { allowHalfOpen = false, ...options } = {}) => {
  const reader = readable.getReader();
  const { failed, ...methods } = intoWeb(writable);
  const duplex = new Duplex({
    ...options,
    ...methods,
    allowHalfOpen,
    read() {
      reader.read().then(
        ({ value, done }) => this.push(done ? null : value),
        (error) => this.destroy(error),
      );
    },
    destroy(error, done) {
      const cancelled = reader.cancel(error ?? undefined).catch(() => undefined);
      methods.destroy(error, (reason) => void cancelled.then(() => done(reason)));
    },
  });
  failed.catch((error) => duplex.destroy(error));
  return duplex;
};

export const {
  PassThrough,
  Stream,
  Transform,
  addAbortSignal,
  compose,
  destroy,
  finished,
  getDefaultHighWaterMark,
  isDestroyed,
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

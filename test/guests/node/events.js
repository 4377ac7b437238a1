// Everything here must say in Node what it says in a function.
import EventEmitter, { EventEmitter as Named, getEventListeners, on, once } from 'node:events';

export async function run() {
  const heard = [];
  class Source extends EventEmitter {}
  const source = new Source();
  source.on('a', (...args) => heard.push(['on', ...args]));
  source.once('a', (...args) => heard.push(['once', ...args]));
  source.prependListener('a', () => heard.push(['first']));
  source.emit('a', 1, 2);
  source.emit('a', 3);
  const failed = [];
  try {
    source.emit('error', new RangeError('no listener'));
  } catch (error) {
    failed.push(error.name);
  }
  const waiting = once(source, 'b');
  source.emit('b', 'value');
  const values = [];
  queueMicrotask(() => {
    source.emit('c', 1);
    source.emit('c', 2);
  });
  for await (const [value] of on(source, 'c')) {
    values.push(value);
    if (value === 2) break;
  }
  return {
    same: EventEmitter === Named && EventEmitter.EventEmitter === EventEmitter,
    heard,
    failed,
    once: await waiting,
    values,
    names: source.eventNames(),
    count: [source.listenerCount('a'), source.listenerCount('none'), getEventListeners(source, 'a').length],
    off: source.removeAllListeners().eventNames(),
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};

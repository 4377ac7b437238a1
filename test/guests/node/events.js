// Everything here must say in Node what it says in a function.
import EventEmitter, {
  EventEmitter as Named,
  addAbortListener,
  errorMonitor,
  getEventListeners,
  getMaxListeners,
  on,
  once,
} from 'node:events';

const failureOf = (promise) =>
  promise.then(
    () => 'nothing',
    ({ name, code, message, cause }) => [name, code, name === 'AbortError' ? cause : message],
  );
const thrownBy = (act) => {
  try {
    return act();
  } catch ({ name, code, message, context }) {
    return [name, code, code === 'ERR_UNHANDLED_ERROR' ? [message, context] : null];
  }
};

/** `once` and `on`, ended by errors and signals, of emitters and event targets. */
async function awaited() {
  const source = new EventEmitter();
  const broken = failureOf(once(source, 'a'));
  source.emit('error', new RangeError('broken'));
  const error = once(source, 'error');
  source.emit('error', 'as a value');
  const controller = new AbortController();
  const aborted = failureOf(once(source, 'a', { signal: controller.signal }));
  controller.abort('enough');
  const target = new EventTarget();
  const heard = once(target, 'x');
  target.dispatchEvent(new Event('x'));
  const iterator = on(source, 'b', { close: ['end'] });
  source.emit('b', 1);
  source.emit('end');
  source.emit('b', 2);
  const failing = on(source, 'b');
  source.emit('b', 3);
  source.emit('error', new RangeError('in the middle'));
  const stopping = new AbortController();
  const stopped = on(target, 'x', { signal: stopping.signal });
  target.dispatchEvent(new Event('x'));
  stopping.abort('stop');
  return {
    broken: await broken,
    error: await error,
    aborted: await aborted,
    before: await failureOf(once(source, 'a', { signal: AbortSignal.abort('early') })),
    at: thrownBy(() => on(source, 'a', { signal: AbortSignal.abort() })),
    target: (await heard).map(({ type }) => type),
    closed: [await iterator.next(), await iterator.next()],
    failing: [await failing.next(), await failureOf(failing.next()), await failing.next()],
    stopped: [(await stopped.next()).value[0].type, await failureOf(stopped.next())],
    wrong: [await failureOf(once({}, 'a')).then(([, code]) => code), thrownBy(() => on({}, 'a'))],
    left: source.eventNames(),
  };
}

function errors() {
  const source = new EventEmitter();
  const heard = [];
  source.on(errorMonitor, (error) => heard.push(['monitor', String(error)]));
  const first = thrownBy(() => source.emit('error', new RangeError('one')));
  source.on('error', (error) => heard.push(['listener', String(error)]));
  source.emit('error', 'two');
  const bare = new EventEmitter();
  return [first, heard, thrownBy(() => bare.emit('error', 'text')), thrownBy(() => bare.emit('error'))];
}

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
    name: EventEmitter.name,
    heard,
    failed,
    once: await waiting,
    values,
    names: source.eventNames(),
    count: [source.listenerCount('a'), source.listenerCount('none'), getEventListeners(source, 'a').length],
    awaited: await awaited(),
    errors: errors(),
    most: [getMaxListeners(source), getMaxListeners(new EventTarget())],
    listener: await new Promise((resolve) => {
      addAbortListener(AbortSignal.abort(), () => resolve('called'));
    }),
    off: source.removeAllListeners().eventNames(),
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};

// Everything here must say in Node what it says in a function.
import { AsyncLocalStorage } from 'node:async_hooks';
import {
  Channel,
  channel,
  hasSubscribers,
  subscribe,
  tracingChannel,
  unsubscribe,
} from 'node:diagnostics_channel';

const failureOf = async (act) => {
  try {
    await act();
    return 'nothing';
  } catch ({ name, code, message }) {
    return [name, code ?? message];
  }
};

/** Which phases are heard of a call, with what the context holds then. */
async function traced(act) {
  const calls = tracingChannel('calls');
  const heard = [];
  const handlers = Object.fromEntries(
    ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((phase) => [
      phase,
      ({ id, result, error }) => heard.push([phase, id, result ?? null, error?.message ?? null]),
    ]),
  );
  calls.subscribe(handlers);
  const outcome = await failureOf(() => act(calls, { id: 7 }));
  return [heard, outcome, calls.unsubscribe(handlers), calls.unsubscribe(handlers), calls.hasSubscribers];
}

export async function run() {
  const heard = [];
  const one = (message, name) => heard.push([name, message]);
  const before = hasSubscribers('a');
  subscribe('a', one);
  channel('a').publish({ n: 1 });
  const during = [hasSubscribers('a'), channel('a') === channel('a'), channel('a') instanceof Channel];
  const gone = [unsubscribe('a', one), unsubscribe('a', one), channel('a').hasSubscribers];
  channel('a').publish({ n: 2 });
  const store = new AsyncLocalStorage();
  channel('stores').bindStore(store, ({ n }) => n + 1);
  const within = channel('stores').runStores({ n: 1 }, (more) => store.getStore() + more, undefined, 10);
  return {
    before,
    during,
    gone,
    heard,
    within,
    outside: store.getStore() ?? null,
    unbound: [channel('stores').unbindStore(store), channel('stores').unbindStore(store)],
    sync: await traced((calls, context) => calls.traceSync((a, b) => a + b, context, undefined, 1, 2)),
    thrown: await traced((calls, context) =>
      calls.traceSync(() => {
        throw new RangeError('no');
      }, context),
    ),
    promised: await traced((calls, context) => calls.tracePromise(async (a) => a * 2, context, undefined, 4)),
    rejected: await traced((calls, context) =>
      calls.tracePromise(async () => {
        throw new RangeError('later');
      }, context),
    ),
    called: await traced(
      (calls, context) =>
        new Promise((resolve) => {
          const act = (value, done) => queueMicrotask(() => done(null, value));
          calls.traceCallback(act, 1, context, undefined, 'v', (_error, value) => resolve(value));
        }),
    ),
    failed: await traced(
      (calls, context) =>
        new Promise((_, reject) => {
          const act = (done) => queueMicrotask(() => done(new RangeError('by callback')));
          calls.traceCallback(act, -1, context, undefined, reject);
        }),
    ),
    wrong: [
      await failureOf(() => subscribe('a', 5)),
      await failureOf(() => channel(5)),
      await traced((calls, context) => calls.traceCallback(() => 1, 0, context, undefined, 'no function')),
    ],
  };
}

export default {
  async fetch() {
    return Response.json(await run());
  },
};

import t from 'tap';
import { GuestHarness, answerOf, lineOf } from '#test/support/guest-harness.ts';

const open = async (body: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(`export default { async fetch(request, env, ctx) { ${body} } }`);
  guest.take();
  return guest;
};

/** The answer of a handler's body, and what it logged. */
async function run(body: string): Promise<{ readonly answer: unknown; readonly logs: readonly unknown[] }> {
  const guest = await open(body);
  const lines = guest.request(1);
  guest.dispose();
  const logs = lines.filter(({ letter }) => letter === 'L').map(({ json }) => json[1]);
  return { answer: JSON.parse(answerOf(lines).text), logs };
}

void t.test('error events: reportError tells the listeners of the global scope, and the log', async (t) => {
  const { answer, logs } = await run(`const seen = [];
    addEventListener('error', function ({ error, message, isTrusted, target }) { seen.push(error, message, isTrusted, target === globalThis, this === self) }, { once: true });
    reportError('boom');
    reportError('again');
    return Response.json(seen)`);
  t.same(answer, ['boom', 'Uncaught Error: boom', true, true, true]);
  t.equal(logs.length, 2);
});

void t.test('error events: preventDefault, or true from onerror, keeps it out of the log', async (t) => {
  const { answer, logs } = await run(`const seen = [];
    const prevent = (event) => event.preventDefault();
    self.addEventListener('error', prevent);
    reportError(new Error('one'));
    removeEventListener('error', prevent);
    onerror = (...args) => { seen.push(args.length, args[4].message); return true };
    queueMicrotask(() => { throw new Error('two') });
    await null;
    onerror = null;
    reportError(new Error('three'));
    return Response.json(seen)`);
  t.same(answer, [5, 'two']);
  t.equal(logs.length, 1);
  t.match(logs[0], /three/);
});

void t.test('error events: a listener that throws is not told of itself', async (t) => {
  const { answer, logs } = await run(`let calls = 0;
    addEventListener('error', () => { calls++; throw new Error('inner') });
    reportError(new Error('outer'));
    return Response.json(calls)`);
  t.equal(answer, 1);
  t.equal(logs.length, 2);
});

void t.test(
  'error events: the functions of the global scope refuse nobody who is no target, and their accessors do',
  async (t) => {
    const { answer } =
      await run(`const tried = (run) => { try { run(); return 'none' } catch (error) { return error.name } };
    const other = Object.create(globalThis);
    const own = dispatchEvent(new Event('x'));
    return Response.json([own, tried(() => other.self), tried(() => other.navigator), tried(() => other.onerror), tried(() => addEventListener('x')),
      tried(() => other.addEventListener('x', () => 1)), (self = 1, self), typeof navigator.userAgent])`);
    t.same(answer, [true, 'TypeError', 'TypeError', 'TypeError', 'TypeError', 'TypeError', 1, 'string']);
  },
);

void t.test('messages: each is a turn of the invocation that sent it, and goes with it', async (t) => {
  const guest = await open(`const { port1, port2 } = new MessageChannel();
    const seen = [];
    port2.onmessage = ({ data }) => { seen.push(data); void Promise.resolve().then(() => seen.push('then')) };
    port1.postMessage(1); port1.postMessage(2);
    await new Promise((resolve) => { port2.addEventListener('message', ({ data }) => data === 2 && queueMicrotask(resolve)) });
    port1.postMessage(3);
    return Response.json(seen)`);
  const [timer, ms] = lineOf(guest.request(1), 'T').json;
  t.equal(ms, 0);
  t.same(lineOf(guest.deliver([8, 1, timer]), 'T').json, [timer, 0, 0], 'one after the other');
  const last = guest.deliver([8, 1, timer]);
  t.same(JSON.parse(answerOf(last).text), [1, 'then', 2, 'then']);
  t.same(guest.deliver([8, 1, timer]), [], 'the third has no invocation any more');
  guest.dispose();
});

import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { defaultLimits } from '#runtime/limits.ts';
import { openSandbox } from '#runtime/isolate/bootstrap.ts';
import { IsolateInstance } from '#runtime/isolate/instance.ts';
import { Watchdog } from '#runtime/isolate/watchdog.ts';
import { digestCpuMs } from '#test/support/services.ts';
import { Listener } from '#test/support/engine-listener.ts';

/**
 * A bootstrap that hands everything to what it is sent: a guest that has taken over its isolate. Each message is a
 * program; what it returns is its log.
 */
const hostileBundle = `(function () {
  return (send, sync, marker, entropy, reference) => {
    const serve = (...args) => {
      const result = reference.applySyncPromise(undefined, args, { arguments: { copy: true } });
      return [result[0], JSON.parse(result[1]), result[2] && Array.from(new Uint8Array(result[2]))];
    };
    const deliver = (text, bytes, more, now) => {
      const [, inv, program] = JSON.parse(text);
      marker[0] = marker[1] = inv;
      let result;
      try { result = (0, eval)(program)({ serve, marker, reference }) } catch (e) { result = String(e) }
      send('L' + inv + ' ' + JSON.stringify(['log', JSON.stringify(result ?? null)]) + '\\nD' + inv + ' []', undefined);
      marker[0] = 0;
    };
    return { deliver, prepare() {}, start() {} };
  };
})()`;

interface Taken {
  run(program: string): Promise<unknown>;
  readonly listener: Listener;
  cpuMs(): number;
  cause(): string | undefined;
}

async function takeOver(t: Test, cpuMs = 1e4): Promise<Taken> {
  const sandbox = await openSandbox({ source: hostileBundle }, 64);
  const listener = new Listener();
  const watchdog = new Watchdog(
    () => undefined,
    () => 0,
  );
  const instance = new IsolateInstance(sandbox, {
    limits: { ...defaultLimits, cpuMs },
    watcher: listener.watcher,
    watchdog,
    quickEntries: Infinity,
    memoryBytes: 0,
  });
  t.teardown(() => instance.dispose());
  let number = 0;
  return {
    listener,
    cpuMs: () => listener.endOf(number)?.cpuMs ?? 0,
    cause: () => listener.endOf(number)?.cause,
    async run(program) {
      number = listener.nextNumber();
      instance.begin(number, JSON.stringify([9, number, program]), new Uint8Array());
      await listener.ended(number);
      const [text] = listener.logsOf(number);
      return typeof text === 'string' ? (JSON.parse(text) as unknown) : undefined;
    },
  };
}

void t.test('serve: bytes go in and come out, and the invocation is charged', async (t) => {
  const guest = await takeOver(t);
  const reply = await guest.run(`({ serve }) => serve('digest', '["SHA-256"]', new ArrayBuffer(1 << 20))`);
  const expected = createHash('sha256')
    .update(new Uint8Array(2 ** 20))
    .digest();
  t.same(reply, [1, null, [...expected]]);
  t.ok(guest.cpuMs() >= digestCpuMs('SHA-256', 2 ** 20));
});

void t.test('serve: bytes are copies, whatever happens to the buffer meanwhile', async (t) => {
  const guest = await takeOver(t);
  const same = await guest.run(`({ serve }) => {
    const bytes = new Uint8Array(4);
    const first = serve('digest', '["SHA-1"]', bytes.buffer);
    bytes[0] = 1;
    return [bytes.buffer.byteLength, JSON.stringify(first) === JSON.stringify(serve('digest', '["SHA-1"]', bytes.buffer))];
  }`);
  t.same(same, [4, false]);
});

void t.test('serve: nonsense is refused, one word each, and nothing of the cell is reached', async (t) => {
  const guest = await takeOver(t);
  const odd = await guest.run(`({ serve }) => {
    const names = [];
    const deep = '['.repeat(1e5) + ']'.repeat(1e5);
    for (const args of [
      [], ['digest'], ['nothing', '[]'], ['constructor', '[]'], ['__proto__', '[]'], ['toString', '[]'], ['', '[]'], [null, '[]'], [{}, '[]'],
      ['digest', undefined], ['digest', {}], ['digest', '{'], ['digest', '{}'], ['digest', 'null'], ['digest', '[]'], ['digest', '[{}]'],
      ['digest', '["MD5"]'], ['digest', '[["SHA-1"]]'], ['digest', deep], ['digest', '["' + 'x'.repeat(2 ** 20) + '"]'],
      ['digest', '["SHA-1"]', new ArrayBuffer(32 * 2 ** 20 + 1)],
    ]) names.push(serve(...args).slice(0, 2).map((part) => part.name ?? part).join(' '));
    return names;
  }`);
  t.same(odd, [...Array<string>(20).fill('0 NotSupportedError'), '0 RangeError']);
  const bytes = await guest.run(`({ serve }) =>
    ['text', 7, null, {}, [1], new Uint8Array([1]), new DataView(new ArrayBuffer(1))].map((b) => serve('digest', '["SHA-1"]', b)[2].length)`);
  t.same(bytes, Array<number>(7).fill(20), 'what is no ArrayBuffer is no bytes');
  const uncopied = await guest.run(`({ serve }) => serve('digest', '["SHA-1"]', () => 1)`);
  t.match(uncopied, /could not be cloned/);
});

void t.test('serve: work beyond the budget is not done, and ends the invocation', async (t) => {
  const guest = await takeOver(t, 50);
  const reply = await guest.run(`({ serve }) => {
    let last;
    for (let i = 0; i < 1e5 && last?.[0] !== 0; i++) last = serve('digest', '["SHA-512"]', new ArrayBuffer(1 << 22));
    return last;
  }`);
  t.equal(guest.cause(), 'cpuMs');
  // Its log, when it got that far before it was stopped.
  if (reply !== undefined) t.match(reply, [0, { name: 'OperationError' }]);
});

void t.test('serve: a guest that asks without end is stopped, also by calls that fail', async (t) => {
  for (const args of [`'digest', '["SHA-1"]'`, `'digest', '[]'`, `'nothing', ''`, ``]) {
    const guest = await takeOver(t, 20);
    await guest.run(`({ serve }) => { for (;;) serve(${args}) }`);
    t.equal(guest.cause(), 'cpuMs', args);
    t.same(guest.listener.condemned, []);
  }
});

void t.test('serve: one that lies about who runs pays with nobody’s budget and is not served', async (t) => {
  const guest = await takeOver(t);
  const reply = await guest.run(`({ serve, marker }) => {
    const own = marker[0];
    marker[0] = marker[1] = 77;
    const reply = serve('digest', '["SHA-1"]');
    marker[0] = marker[1] = own;
    return reply;
  }`);
  t.match(reply, [0, { name: 'OperationError' }]);
});

import type { Test } from 'tap';
import type { Instance } from '#runtime/engine.ts';
import { chunkBytes, In, initialCredit } from '#runtime/guest/protocol.ts';
import type { Limits } from '#runtime/limits.ts';
import type { Listener } from '#test/support/engine-listener.ts';

export interface Running {
  readonly heard: Listener;
  readonly instance: Instance;
}

/** Starts the main guest of the suite (engine.ts). */
type Open = (limits?: Partial<Limits>) => Promise<Running>;
type Law = (t: Test, start: Open) => Promise<void>;

export const nothing: Uint8Array = new Uint8Array();

/** What every engine obeys once its guest is started, by name. */
export const laws: Readonly<Record<string, Law>> = {
  'a request is answered and ends once': async (t, start) => {
    const { heard, instance } = await start();
    instance.begin(1, request(1, '/'), nothing);
    const end = await heard.ended(1);
    t.equal(end.cause, 'finished');
    t.ok(end.cpuMs > 0, 'its CPU is counted');
    t.ok(end.peakBytes > 0, 'its memory is measured');
    t.equal(heard.statusOf(1), 200);
    t.equal(heard.bodyOf(1), 'hello');
    t.equal(heard.endsOf(1), 1);
    t.equal(instance.inFlight, 0);
    t.ok(instance.memoryBytes > 0, 'what it takes is known');
    instance.dispose();
  },

  'many invocations share an instance': async (t, start) => {
    const { heard, instance } = await start();
    for (let i = 1; i <= 200; i++) instance.begin(i, request(i, '/'), nothing);
    t.equal(instance.inFlight, 200);
    for (let i = 1; i <= 200; i++) t.equal((await heard.ended(i)).cause, 'finished');
    t.equal(instance.inFlight, 0);
    instance.dispose();
  },

  'an endless loop ends with its budget': async (t, start) => {
    const { heard, instance } = await start({ cpuMs: 30 });
    instance.begin(1, request(1, '/l'), nothing);
    const end = await heard.ended(1);
    t.equal(end.cause, 'cpuMs');
    t.ok(end.cpuMs >= 30, 'not before it is spent');
    instance.dispose();
  },

  'a loop ends alone, or with the calls of its instance: no later call is lost': async (t, start) => {
    const running = await start({ cpuMs: 30 });
    const { heard, instance } = running;
    instance.begin(1, request(1, '/l'), nothing);
    await new Promise(setImmediate);
    instance.begin(2, request(2, '/'), nothing);
    t.equal((await heard.ended(1)).cause, 'cpuMs');
    const { cause } = await heard.ended(2);
    t.ok(cause === 'finished' || cause === 'instance', cause);
    if (heard.unhealthies === 0)
      t.equal(await answerTo('/', running), 'hello', 'one that is not given up answers');
  },

  "a budget is one invocation's, not its instance's": async (t, start) => {
    const cpuMs = 60;
    const { heard, instance } = await start({ cpuMs, logBytes: 1_000_000 });
    let spentMs = 0;
    for (let i = 1; i <= 20_000 && spentMs <= cpuMs * 2; i++) {
      instance.begin(i, request(i, '/o'), nothing);
      const end = await heard.ended(i);
      if (end.cause !== 'finished') t.equal(end.cause, 'finished');
      spentMs += end.cpuMs;
    }
    t.ok(spentMs > cpuMs * 2, 'all together went over it');
  },

  'a body that comes with its request is read as it is': async (t, start) => {
    const { heard, instance } = await start();
    const bodies = [
      Buffer.from('é'),
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)),
      Buffer.alloc(60_000, 'abc'),
    ];
    for (const [at, body] of bodies.entries()) {
      instance.begin(at + 1, request(at + 1, '/e', body), body);
      t.equal((await heard.ended(at + 1)).cause, 'finished');
      t.ok(heard.bytesOf(at + 1).equals(body), `${body.length} bytes`);
    }
  },

  'an instance that had to be stopped is given up': async (t, start) => {
    const { heard, instance } = await start({ cpuMs: 30 });
    instance.begin(1, request(1, '/l'), nothing);
    await heard.ended(1);
    t.equal(heard.unhealthies, 1);
    instance.dispose();
  },

  'a loop that was dropped takes nothing more: the next call ends': async (t, start) => {
    const { heard, instance } = await start({ cpuMs: 60_000 });
    instance.begin(1, request(1, '/l'), nothing);
    instance.begin(2, request(2, '/'), nothing);
    instance.drop(1);
    await heard.ended(2);
    t.equal(heard.endsOf(1), 0);
    instance.dispose();
  },

  'memory: what takes more than its limit ends with it': async (t, start) => {
    const { heard, instance } = await start({ memoryMb: 16, cpuMs: 5000 });
    instance.begin(1, request(1, '/g'), nothing);
    t.equal((await heard.ended(1)).cause, 'memoryMb');
    instance.dispose();
  },

  'log: all of its budget may be used, one byte more ends the invocation': async (t, start) => {
    const within = await start({ logBytes: 1000 });
    within.instance.begin(1, request(1, '/o'), nothing);
    t.equal((await within.heard.ended(1)).cause, 'finished');
    t.equal(within.heard.bodyOf(1), 'hello');
    t.same(within.heard.logsOf(1), Array(100).fill('0123456789'));
    const beyond = await start({ logBytes: 999 });
    beyond.instance.begin(1, request(1, '/o'), nothing);
    t.equal((await beyond.heard.ended(1)).cause, 'logBytes');
    t.equal(beyond.heard.logsOf(1).length, 99);
  },

  'a handler that fails says why and ends, and the instance goes on': async (t, start) => {
    const running = await start();
    for (const path of ['/t', '/r']) {
      const number = running.heard.nextNumber();
      running.instance.begin(number, request(number, path), nothing);
      t.equal((await running.heard.ended(number)).cause, 'finished', path);
      const [name, message, stack, phase] = running.heard.lineOf(number, 'Z') as readonly string[];
      t.ok(name !== '' && message !== '', path);
      t.ok(stack?.includes(`${name}: ${message}`), `${path}: the stack says what was thrown, and where`);
      t.equal(phase, 'handler', path);
      t.equal(running.heard.statusOf(number), undefined, path);
    }
    t.equal(await answerTo('/', running), 'hello');
  },

  'a streamed body passes through, as fast as its reader allows': async (t, start) => {
    const { heard, instance } = await start({ cpuMs: 5000 });
    const sent = Buffer.alloc(3 * initialCredit, 'abcdefg');
    instance.begin(1, request(1, '/e', 2), nothing);
    let at = 0;
    let room = initialCredit;
    let passed = 0;
    let ended = false;
    while (heard.endsOf(1) === 0) {
      room += heard.takeCredit(1, 0);
      for (; at < sent.length && room > 0; at += chunkBytes, room -= chunkBytes)
        instance.message(1, `[${In.Chunk},1,0,0,${chunkBytes}]`, sent.subarray(at, at + chunkBytes));
      if (at >= sent.length && !ended) instance.message(1, `[${In.End},1,0]`, nothing);
      ended ||= at >= sent.length;
      const arrived = heard.bytesOf(1).length;
      t.ok(arrived - passed <= initialCredit + chunkBytes, 'no more than was asked for');
      if (arrived > passed) instance.message(1, `[${In.Credit},1,1,${arrived - passed}]`, nothing);
      passed = arrived;
      await heard.next();
    }
    t.equal(heard.endOf(1)?.cause, 'finished');
    t.ok(heard.bytesOf(1).equals(sent));
  },

  'a body without end waits for its reader, and ends when nobody wants it': async (t, start) => {
    const { heard, instance } = await start({ cpuMs: 5000 });
    instance.begin(1, request(1, '/b', 2), nothing);
    while (heard.bytesOf(1).length < initialCredit - chunkBytes) await heard.next();
    await answerTo('/', { heard, instance });
    const first = heard.bytesOf(1).length;
    t.ok(first <= initialCredit + chunkBytes, `it stops: ${first}`);
    instance.message(1, `[${In.Credit},1,1,${initialCredit}]`, nothing);
    while (heard.bytesOf(1).length <= initialCredit + chunkBytes) await heard.next();
    t.equal(heard.endsOf(1), 0);
    instance.message(1, `[${In.Cancel},1,1]`, nothing);
    await heard.ended(1);
    t.equal(heard.lineOf(1, 'G'), undefined, 'what it does not read is not asked for');
  },

  'a request body nobody reads holds nothing up': async (t, start) => {
    const { heard, instance } = await start();
    instance.begin(1, request(1, '/', 2), nothing);
    instance.message(1, `[${In.Chunk},1,0,0,5]`, Buffer.from('never'));
    t.equal((await heard.ended(1)).cause, 'finished');
    instance.message(1, `[${In.Chunk},1,0,0,5]`, Buffer.from('never'));
    t.equal(await answerTo('/', { heard, instance }), 'hello');
  },

  'an operation goes to the host, and its answer or its error comes back': async (t, start) => {
    const { heard, instance } = await start();
    for (const number of [1, 2]) {
      instance.begin(number, request(number, '/k'), nothing);
      const operation = await heard.line(number, 'O');
      const [op, binding, method, args] = operation;
      // Each engine may say how it likes its text.
      const { text, ...asked } = args as Readonly<Record<string, unknown>>;
      t.same([binding, method, asked], ['KV', 'get', { key: 'key' }]);
      t.ok(text === undefined || text === true);
      t.ok((op as number) >= 2 && (op as number) % 2 === 0, 'numbered by the guest, even');
      const told =
        number === 1
          ? `1,{"metadata":null,"version":"1"},0,5,0`
          : `0,{"name":"Error","message":"no luck","code":"ERR_STORE"},0,-1,0`;
      instance.message(
        number,
        `[${In.Answer},${number},${String(op)},${told}]`,
        Buffer.from(number === 1 ? 'value' : ''),
      );
      t.equal((await heard.ended(number)).cause, 'finished');
    }
    t.equal(heard.bodyOf(1), 'value');
    t.match(heard.bodyOf(2), /no luck/);
  },

  'an operation under way ends with its invocation': async (t, start) => {
    const { heard, instance } = await start();
    instance.begin(1, request(1, '/k'), nothing);
    const [op] = (await heard.line(1, 'O')) as readonly number[];
    instance.drop(1);
    instance.message(1, `[${In.Answer},1,${op ?? 0},1,{},0,5,0]`, Buffer.from('value'));
    t.equal(await answerTo('/', { heard, instance }), 'hello');
    t.equal(heard.endsOf(1), 0);
    t.equal(instance.inFlight, 0);
  },

  'a caller that goes away leaves nothing under way': async (t, start) => {
    const { heard, instance } = await start({ cpuMs: 5000 });
    instance.begin(1, request(1, '/b'), nothing);
    while (heard.bytesOf(1).length === 0) await heard.next();
    // What the host says (host/dispatch/invocation.ts, abort).
    instance.message(1, `[${In.Abort},1,0]`, nothing);
    instance.message(1, `[${In.Cancel},1,1]`, nothing);
    await heard.ended(1);
    t.equal(instance.inFlight, 0);
  },

  'invocations of a disposed instance end as lost, later ones too': async (t, start) => {
    const { heard, instance } = await start();
    instance.begin(1, request(1, '/'), nothing);
    instance.dispose();
    t.equal((await heard.ended(1)).cause, 'instance');
    instance.begin(2, request(2, '/'), nothing);
    t.equal((await heard.ended(2)).cause, 'instance');
    t.equal(heard.endsOf(1), 1);
    instance.dispose();
  },

  'a dropped invocation is silent': async (t, start) => {
    const { heard, instance } = await start();
    instance.begin(1, request(1, '/'), nothing);
    instance.drop(1);
    t.equal(await answerTo('/', { heard, instance }), 'hello');
    t.equal(heard.endsOf(1), 0);
    t.equal(heard.statusOf(1), undefined);
    instance.dispose();
  },

  'messages for an invocation that is over or unknown do nothing': async (t, start) => {
    const { heard, instance } = await start();
    t.equal(await answerTo('/', { heard, instance }), 'hello');
    for (const number of [1, 77]) {
      instance.message(number, `[${In.Chunk},${number},0,0,1]`, Buffer.from('x'));
      instance.message(number, `[${In.Answer},${number},2,1,null,0,-1,0]`, nothing);
      instance.message(number, `[${In.Abort},${number},0]`, nothing);
      instance.drop(number);
    }
    t.equal(await answerTo('/', { heard, instance }), 'hello');
  },
};

/** The body of the answer to one request more. */
export async function answerTo(path: string, { heard, instance }: Running): Promise<string> {
  const number = heard.nextNumber();
  instance.begin(number, request(number, path), nothing);
  await heard.ended(number);
  return heard.bodyOf(number);
}

/** `body`: 0 none, 2 on stream 0, or bytes that go along. */
export function request(invocation: number, path: string, body: 0 | 2 | Uint8Array = 0): string {
  const message = {
    m: body === 0 ? 'GET' : 'POST',
    u: `http://contract${path}`,
    h: [],
    b: typeof body === 'number' ? body : 1,
    id: `id-${invocation}`,
    d: Date.now() + 30_000,
  };
  const bytes = typeof body === 'number' ? 0 : body.length;
  return `[${In.Request},${invocation},${JSON.stringify(message)},0,${bytes}]`;
}

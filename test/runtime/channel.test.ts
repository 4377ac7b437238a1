import * as fc from 'fast-check';
import t from 'tap';
import { Channel, memoryPipes, type Pipe, type PipeListener } from '#runtime/channel.ts';
import { Frame, frameHeaderBytes } from '#runtime/frames.ts';

interface Got {
  readonly type: number;
  readonly id: number;
  readonly text: string;
  readonly bytes: string;
}

/** A pipe that is fed by hand. */
class HandPipe implements Pipe {
  written: Buffer[] = [];
  listener: PipeListener | undefined;
  closed = false;
  write(bytes: Uint8Array): void {
    this.written.push(Buffer.from(bytes));
  }
  listen(listener: PipeListener): void {
    this.listener = listener;
  }
  close(): void {
    this.closed = true;
  }
}

/** Turns of the event loop, not time: a busy machine runs a timer before what was due first. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function reader(
  pipe: Pipe,
  longest = 1e6,
): { got: Got[]; problems: (string | undefined)[]; turns: () => number } {
  const got: Got[] = [];
  const problems: (string | undefined)[] = [];
  let turns = 0;
  const channel = new Channel(pipe, longest, {
    frame: (type, id, text, bytes) => got.push({ type, id, text, bytes: bytes.toString('hex') }),
    turn: () => turns++,
    closed: (problem) => problems.push(problem),
  });
  void channel;
  return { got, problems, turns: () => turns };
}

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 1, max: 255 }),
    id: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    text: fc.string({ unit: 'grapheme', maxLength: 200 }),
    bytes: fc.oneof(fc.constant(new Uint8Array()), fc.uint8Array({ maxLength: 3000 })),
  }),
  { maxLength: 60 },
);

void t.test('channel: frames arrive as they were sent, however the bytes are cut', async (t) => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (sent, cuts) => {
      const out = new HandPipe();
      const writer = new Channel(out, 1e6, { frame() {}, turn() {}, closed() {} });
      for (const frame of sent) writer.send(frame.type, frame.id, frame.text, frame.bytes);
      writer.flush();
      const whole = Buffer.concat(out.written);
      const input = new HandPipe();
      const { got } = reader(input);
      for (let at = 0, i = 0; at < whole.length; i++) {
        const step = cuts[i % cuts.length] ?? 1;
        input.listener?.data(whole.subarray(at, at + step));
        at += step;
      }
      const expected = sent.map((frame) => ({ ...frame, bytes: Buffer.from(frame.bytes).toString('hex') }));
      return JSON.stringify(got) === JSON.stringify(expected);
    }),
  );
  t.pass('over random frames and cuts');
});

void t.test('channel: what is sent in one turn leaves in one write', async (t) => {
  const pipe = new HandPipe();
  const channel = new Channel(pipe, 1e6, { frame() {}, turn() {}, closed() {} });
  for (let i = 0; i < 100; i++) channel.send(1, i, 'text');
  t.equal(pipe.written.length, 0);
  await turns(2);
  t.equal(pipe.written.length, 1);
});

void t.test('channel: what is sent in two turns leaves in one write when the sender lingers', async (t) => {
  for (const lingers of [true, false]) {
    const pipe = new HandPipe();
    const channel = new Channel(pipe, 1e6, { frame() {}, turn() {}, lingers: () => lingers, closed() {} });
    channel.send(1, 1, 'one');
    await turns(1);
    channel.send(1, 2, 'two');
    await turns(3);
    t.equal(pipe.written.length, lingers ? 1 : 2);
    const input = new HandPipe();
    const { got } = reader(input);
    input.listener?.data(Buffer.concat(pipe.written));
    t.same(
      got.map(({ text }) => text),
      ['one', 'two'],
    );
  }
});

void t.test('channel: frames too long or nonsensical close it with a reason', async (t) => {
  const header = (length: number, textBytes: number): Buffer => {
    const bytes = Buffer.alloc(frameHeaderBytes);
    bytes.writeUInt32LE(length, 0);
    bytes.writeUInt32LE(textBytes, 9);
    return bytes;
  };
  for (const bad of [header(2e6, 0), header(3, 0), header(20, 100), header(2 ** 32 - 1, 0)]) {
    const pipe = new HandPipe();
    const { got, problems } = reader(pipe);
    pipe.listener?.data(bad);
    pipe.listener?.data(header(9, 0));
    t.equal(got.length, 0);
    t.equal(problems.length, 1);
    t.type(problems[0], 'string');
    t.equal(pipe.closed, true);
  }
});

void t.test(
  'channel: a thousand short texts cross in a few packs, in order with what has bytes',
  async (t) => {
    const pipe = new HandPipe();
    const channel = new Channel(pipe, 1e6, { frame() {}, turn() {}, closed() {} });
    const texts = Array.from({ length: 1000 }, (_, i) => `${i} ${'ü'.repeat(i % 70)}`);
    for (const [i, text] of texts.entries())
      channel.send(1, i, text, i % 300 === 299 ? Buffer.from('b') : undefined);
    channel.flush();
    const input = new HandPipe();
    const { got, problems } = reader(input);
    for (const bytes of pipe.written) input.listener?.data(bytes);
    t.same(
      got.map(({ id, text, bytes }) => [id, text, bytes]),
      texts.map((text, i) => [i, text, i % 300 === 299 ? '62' : '']),
    );
    t.same(problems, []);
  },
);

void t.test('channel: a pack that does not add up closes it with a reason', async (t) => {
  const pack = (count: number, text: string, entries: readonly number[]): Buffer => {
    const table = Buffer.from(new Uint32Array(entries).buffer);
    const header = Buffer.alloc(frameHeaderBytes);
    header.writeUInt32LE(frameHeaderBytes - 4 + text.length + table.length, 0);
    header[4] = Frame.Pack;
    header.writeUInt32LE(count, 5);
    header.writeUInt32LE(text.length, 9);
    return Buffer.concat([header, Buffer.from(text), table]);
  };
  const read = (bytes: Buffer): ReturnType<typeof reader> => {
    const pipe = new HandPipe();
    const read = reader(pipe);
    pipe.listener?.data(bytes);
    return read;
  };
  const good = read(pack(2, 'abc', [1, 7, 1, 2, 8, 2]));
  t.same([good.got.length, good.problems.length], [2, 0]);
  for (const bad of [
    pack(1, 'abc', [1, 7, 1, 2, 8, 2]),
    pack(3, 'abc', [1, 7, 1, 2, 8, 2]),
    pack(2, 'abcd', [1, 7, 1, 2, 8, 2]),
    pack(2, 'ab', [1, 7, 1, 2, 8, 2]),
    pack(2, 'abc', [1, 7, 2 ** 32 - 1, 2, 8, 2]),
    pack(2, 'abc', [Frame.Pack, 7, 1, 2, 8, 2]),
    pack(2, 'abc', [1, 7, 1, 2, 8]),
    pack(2 ** 32 - 1, '', []),
  ])
    t.equal(read(bad).problems.length, 1);
});

void t.test('channel: random bytes never throw', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (chunks) => {
      const pipe = new HandPipe();
      reader(pipe, 5000);
      for (const chunk of chunks) pipe.listener?.data(Buffer.from(chunk));
    }),
  );
  t.pass('fuzzed');
});

void t.test('channel: memory pipes carry both ways and tell when the other end closes', async (t) => {
  const { near, far } = memoryPipes();
  const left = reader(far);
  const sender = new Channel(near, 1e6, { frame() {}, turn() {}, closed() {} });
  sender.send(7, 1, 'hello', Buffer.from([1, 2]));
  await new Promise((resolve) => setTimeout(resolve, 10));
  t.same(left.got, [{ type: 7, id: 1, text: 'hello', bytes: '0102' }]);
  sender.close();
  await new Promise((resolve) => setTimeout(resolve, 10));
  t.equal(left.problems.length, 1);
});

import * as fc from 'fast-check';
import t from 'tap';
import { encodeEnd, encodeMessage, SocketReader, SocketScanner } from '#runtime/socket-frames.ts';
import type { SocketMessage } from '#runtime/socket-frames.ts';

const most = 1000;

function read(pieces: readonly Uint8Array[], mostBytes: number = most): readonly SocketMessage[] {
  const messages: SocketMessage[] = [];
  const reader = new SocketReader(mostBytes, (message) => messages.push(message));
  for (const piece of pieces) reader.push(Uint8Array.from(piece));
  return messages;
}

/** The same bytes in pieces of these lengths, over and over. */
function cut(bytes: Uint8Array, lengths: readonly number[]): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

void t.test('socket frames: messages come out as they went in, however they are cut', async (t) => {
  const message = fc.record({ binary: fc.boolean(), text: fc.string({ unit: 'grapheme', maxLength: 100 }) });
  const law = fc.property(
    fc.array(message, { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }),
    (messages, lengths) => {
      const frames = messages.map(({ binary, text }) => encodeMessage(binary, [Buffer.from(text)]));
      const pieces = cut(Buffer.concat(frames), lengths);
      const scanner = new SocketScanner(most);
      for (const piece of pieces) scanner.push(piece);
      const came = read(pieces).map((each) =>
        each.kind === 'close'
          ? each
          : { binary: each.kind === 'binary', text: Buffer.from(each.bytes).toString() },
      );
      return scanner.messages === messages.length && JSON.stringify(came) === JSON.stringify(messages);
    },
  );
  fc.assert(law);
  t.pass();
});

void t.test('socket frames: lengths are held to the limit', async (t) => {
  const at = encodeMessage(true, [Buffer.alloc(most)]);
  const over = encodeMessage(true, [Buffer.alloc(most + 1)]);
  t.equal(read([at]).length, 1);
  t.throws(() => read([over.subarray(0, 5)]), TypeError, 'known from the head alone');
  const scanner = new SocketScanner(most);
  scanner.push(at);
  t.equal(scanner.tooLong, false);
  scanner.push(over.subarray(0, 5));
  t.equal(scanner.tooLong, true);
});

void t.test('socket frames: what no guest’s runtime writes is refused', async (t) => {
  const frame = (kind: number, payload: readonly number[]): Uint8Array => {
    const bytes = Buffer.from([kind, 0, 0, 0, 0, ...payload]);
    bytes.writeUInt32LE(payload.length, 1);
    return bytes;
  };
  for (const [what, bytes] of [
    ['an unknown kind', frame(3, [1])],
    ['kind 0', frame(0, [])],
    ['text that is not UTF-8', frame(1, [0xff])],
    ['a close without a code', frame(8, [])],
    ['a close of one byte', frame(8, [1])],
    ['code 1006', frame(8, [0xee, 3])],
    ['code 0', frame(8, [0, 0])],
    ['code 5000', frame(8, [0x88, 0x13])],
    ['a reason that is not UTF-8', frame(8, [0xe8, 3, 0xff])],
    ['a reason that is too long', frame(8, [0xe8, 3, ...Array.from({ length: 124 }, () => 97)])],
  ] as const)
    t.throws(() => read([bytes]), TypeError, what);
  t.same(read([frame(8, [0xe8, 3, 97])]), [{ kind: 'close', code: 1000, reason: 'a' }]);
  t.same(read([frame(8, [0xed, 3])]), [{ kind: 'close', code: 1005, reason: '' }]);
  t.equal(encodeEnd({ code: 1006, reason: '', clean: false }).length, 8);
});

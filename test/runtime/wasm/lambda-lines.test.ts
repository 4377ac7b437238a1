import { assert, constantFrom, json, oneof, property, string } from 'fast-check';
import t from 'tap';
import { chunkBytes, In, initialCredit, type StartHead } from '#runtime/guest/protocol.ts';
import { LambdaLines, toLogLine, toStartError } from '#runtime/wasm/lambda-lines.ts';

const head: StartHead = {
  function: 'shop',
  version: 3,
  memoryMb: 128,
  vars: {},
  bindings: [{ name: 'KV', kind: 'kv' }],
  agent: 'islet',
};

interface Sent {
  readonly letter: string;
  readonly json: readonly unknown[];
  readonly bytes: number;
}

/** Both sides of a conversation, as lists. */
class Listener {
  readonly told: string[] = [];
  readonly sent: Sent[] = [];
  done = 0;
  lost = 0;
  readonly lines: LambdaLines = new LambdaLines(
    {
      invocation: 1,
      toGuest: (line) => void this.told.push(Buffer.from(line).toString()),
      emit: (letter, json, bytes) =>
        void this.sent.push({ letter, json: JSON.parse(json) as unknown[], bytes: bytes?.length ?? -1 }),
      outOfStep: () => void this.lost++,
      done: () => void this.done++,
    },
    head,
  );

  event(text: string = '1'): this {
    this.lines.begin(`[${In.Event},1,{"e":${text},"id":"id","d":5}]`, new Uint8Array());
    return this;
  }

  says(line: string): this {
    this.lines.line(Buffer.from(line));
    return this;
  }

  message(message: readonly unknown[], bytes: Uint8Array = new Uint8Array()): this {
    this.lines.message(JSON.stringify(message), bytes);
    return this;
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  letters(): string {
    return this.take()
      .map(({ letter }) => letter)
      .join('');
  }
}

void t.test('lambda-lines: a call is one line, its numbers digit by digit', (t) => {
  const listener = new Listener().event('{"n":12345678901234567890,"f":1.0}');
  t.equal(listener.told.length, 1);
  const [line = ''] = listener.told;
  t.ok(line.startsWith('{"event":{"n":12345678901234567890,"f":1.0},"context":{'));
  t.match(JSON.parse(line), {
    context: { awsRequestId: 'id', deadlineMs: 5, functionName: 'shop', functionVersion: '3' },
    env: { KV: 'kv' },
  });
  listener.says('{"result":{"n":12345678901234567890}}');
  t.strictSame(listener.take(), [{ letter: 'R', json: ['{"n":12345678901234567890}'], bytes: -1 }]);
  t.equal(listener.done, 1);
  t.end();
});

void t.test('lambda-lines: errors keep what the guest says of them', (t) => {
  const listener = new Listener()
    .event()
    .says('{"error":{"name":"ValueError","message":"no","stack":"a\\nb","phase":"result"}}');
  t.strictSame(listener.take(), [{ letter: 'Z', json: ['ValueError', 'no', 'a\nb', 'result'], bytes: -1 }]);
  const odd = new Listener().event().says('{"error":{"name":5,"phase":"startup"}}');
  t.strictSame(odd.take()[0]?.json, ['Error', '', '', 'handler']);
  t.end();
});

void t.test('lambda-lines: whatever a guest writes ends its own call, once', (t) => {
  const lines = oneof(
    string(),
    json(),
    constantFrom('', 'null', '[]', '{}', '{"result":}', '{"result":1', '{"op":[]}', '{"op":[1,"get"]}'),
    constantFrom('{"op":{}}', '{"error":null}', '{"error":"x"}', '{"result":1,"op":1}', '\u0000'),
  );
  assert(
    property(lines, (line) => {
      const listener = new Listener().event().says(line);
      const [ending] = listener.sent;
      return listener.done === 1 && listener.sent.length === 1 && /^[RZ]$/.test(ending?.letter ?? '');
    }),
  );
  const garbage = new Listener().event().says('hello');
  t.equal(garbage.lost, 1, 'the guest is out of step');
  t.end();
});

void t.test('lambda-lines: an operation is answered before anything else is said', (t) => {
  const listener = new Listener().event().says('{"op":["KV","get",{"key":"a"}]}');
  t.strictSame(listener.take(), [{ letter: 'O', json: [2, 'KV', 'get', { key: 'a' }, 0, -1, 0], bytes: -1 }]);
  listener.message([In.Answer, 1, 4, 1, null, 0, -1, 0]);
  t.equal(listener.told.length, 1, 'no answer to another operation');
  listener.message([In.Answer, 1, 2, 1, { metadata: null }, 0, 3, 0], Uint8Array.of(1, 2, 3));
  t.equal(listener.told[1], '{"ok":{"metadata":null},"bytes":"AQID"}');
  listener.says('{"op":["KV","delete",{"key":"a"}]}').message([In.Answer, 1, 4, 1, null, 0, -1, 0]);
  t.equal(listener.told[2], '{"ok":null}');
  const failed = { name: 'Error', message: 'no', code: 'ERR_KV_KEY' };
  listener.says('{"op":["KV","get",{"key":""}]}').message([In.Answer, 1, 6, 0, failed, 0, -1, 0]);
  t.strictSame(JSON.parse(listener.told[3] ?? ''), { failed });
  listener.says('{"op":["KV","get",{"key":""}]}').says('{"result":1}');
  t.equal(listener.lost, 1, 'a line while an answer is due');
  t.equal(listener.done, 1);
  t.end();
});

void t.test('lambda-lines: a large body goes out as fast as it is granted', (t) => {
  const body = Buffer.alloc(initialCredit + 100);
  const listener = new Listener().event().says(`{"op":["KV","put",{},"${body.toString('base64')}"]}`);
  const first = listener.take();
  t.strictSame(first[0]?.json, [2, 'KV', 'put', {}, 0, -1, 1]);
  t.equal(first.length, 1 + initialCredit / chunkBytes);
  t.equal(listener.message([In.Credit, 1, 2, 60]).letters(), 'C');
  t.equal(listener.message([In.Credit, 1, 2, 60]).letters(), 'CE');
  listener.message([In.Answer, 1, 2, 1, { ok: true }, 0, -1, 0]);
  t.equal(listener.told.length, 2);
  const stopped = new Listener().event().says(`{"op":["KV","put",{},"${body.toString('base64')}"]}`);
  stopped.take();
  t.equal(stopped.message([In.Cancel, 1, 2]).message([In.Credit, 1, 2, 1000]).letters(), '');
  t.end();
});

void t.test('lambda-lines: a streamed answer is gathered up to 6 MB, and no further', (t) => {
  const chunk = new Uint8Array(chunkBytes);
  for (const more of [0, 1]) {
    const listener = new Listener().event().says('{"op":["KV","get",{}]}');
    listener.message([In.Answer, 1, 2, 1, {}, 0, -1, 1]).take();
    for (let count = 0; count < 96; count++) listener.message([In.Chunk, 1, 3, 0, chunkBytes], chunk);
    t.equal(listener.letters(), 'G'.repeat(96));
    if (more === 1) listener.message([In.Chunk, 1, 3, 0, 1], Uint8Array.of(1));
    listener.message([In.End, 1, 3]);
    const answer = JSON.parse(listener.told[1] ?? '') as { bytes?: string; failed?: { name: string } };
    t.equal(listener.told.length, 2);
    t.equal(listener.letters(), more === 1 ? 'X' : '');
    t.equal(answer.failed?.name, more === 1 ? 'RangeError' : undefined);
    t.equal(Buffer.from(answer.bytes ?? '', 'base64').length, more === 1 ? 0 : 6 * 2 ** 20);
  }
  const broken = new Listener().event().says('{"op":["","fetch",{}]}');
  broken.message([In.Answer, 1, 2, 1, {}, 0, -1, 1]).message([In.Fail, 1, 3, 'gone']);
  t.match(JSON.parse(broken.told[1] ?? ''), { failed: { message: 'gone' } });
  t.end();
});

void t.test('lambda-lines: a marked log line has its level', (t) => {
  for (const [letter, level] of ['debug', 'log', 'info', 'warn', 'error'].map((name) => [name[0], name]))
    t.equal(toLogLine(JSON.stringify(['error', `\u0001${letter}text`])), JSON.stringify([level, 'text']));
  for (const text of ['text', '', '\u0001', '\u0001x'])
    t.equal((JSON.parse(toLogLine(JSON.stringify(['error', text]))) as string[])[0], 'error');
  t.end();
});

void t.test('lambda-lines: why a start failed is read off the last lines', (t) => {
  t.match(toStartError('exit', 'Traceback\n  File "x"\nKeyError: \'a: b\''), {
    name: 'KeyError',
    message: "'a: b'",
    phase: 'startup',
  });
  t.match(toStartError('exit', '\u0001lprinted\nInit<LoadError>: no\n'), {
    name: 'Init<LoadError>',
    stack: 'printed\nInit<LoadError>: no',
  });
  t.match(toStartError('exit code 3', undefined), { name: 'Runtime.ExitError', message: 'exit code 3' });
  t.match(toStartError('exit code 3', 'no such line'), { name: 'Runtime.ExitError', stack: 'no such line' });
  t.end();
});

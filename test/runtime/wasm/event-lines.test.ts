import t from 'tap';
import { In } from '#runtime/guest/protocol.ts';
import { mostBytes } from '#runtime/wasm/call.ts';
import { EventLines } from '#runtime/wasm/event-lines.ts';

/** Both ends of a conversation, kept. */
class Talk {
  readonly toGuest: string[] = [];
  readonly emitted: {
    readonly letter: string;
    readonly value: readonly unknown[];
    readonly bytes: Uint8Array | undefined;
  }[] = [];
  done = 0;
  outOfStep = 0;
  readonly lines: EventLines;

  constructor() {
    this.lines = new EventLines(
      {
        invocation: 1,
        toGuest: (line) => this.toGuest.push(Buffer.from(line).toString()),
        emit: (letter, json, bytes) =>
          this.emitted.push({ letter, value: JSON.parse(json) as readonly unknown[], bytes }),
        outOfStep: () => this.outOfStep++,
        done: () => this.done++,
      },
      'fn',
    );
  }

  begin(message: string, bytes: Uint8Array = Buffer.alloc(0)): this {
    this.lines.begin(message, bytes);
    return this;
  }

  line(text: string): this {
    this.lines.line(Buffer.from(text));
    return this;
  }

  letters(): string {
    return this.emitted.map(({ letter }) => letter).join('');
  }
}

const event = (json: string, context: string = ''): string =>
  `[${In.Event},1,{"e":${json},"id":"8d1f","d":1234567${context}}]`;
const request = (b: 0 | 1 | 2, length: number = 0): string =>
  `[${In.Request},1,${JSON.stringify({ m: 'POST', u: 'http://host/a?b=c', h: ['content-type', 'text/plain'], b, id: '8d1f', d: 1 })},0,${length}]`;

void t.test('events: an event is one line, digit for digit', (t) => {
  for (const [json, line] of [
    ['12345678901234567890.10', '12345678901234567890.10'],
    ['{"a":\n[1,\r\n2]}', '{"a": [1,  2]}'],
    ['"\\n,\\"id\\":\\"8d1f\\",\\"d\\":1234567"', '"\\n,\\"id\\":\\"8d1f\\",\\"d\\":1234567"'],
    ['null', 'null'],
  ] as const) {
    t.same(new Talk().begin(event(json)).toGuest, [line]);
    t.same(new Talk().begin(event(json, ',"c":{"id":"8d1f","d":1}')).toGuest, [line]);
  }
  // In another order than the host writes: still the event.
  t.same(new Talk().begin(`[${In.Event},1,{"id":"8d1f","d":1,"e":{"a":1}}]`).toGuest, ['{"a":1}']);
  t.end();
});

void t.test('events: the result of an event goes back digit for digit', (t) => {
  const talk = new Talk().begin(event('1')).line('').line(' {"n":12345678901234567890} \r');
  t.same(
    talk.emitted.map(({ letter, value }) => [letter, value]),
    [['R', ['{"n":12345678901234567890}']]],
  );
  t.equal(talk.done, 1);
  t.equal(talk.outOfStep, 0);
  t.end();
});

void t.test('events: a request is an API Gateway event, its result a response', (t) => {
  const talk = new Talk().begin(request(1, 4), Buffer.from('body'));
  const sent = JSON.parse(talk.toGuest[0] ?? '') as Record<string, unknown>;
  t.match(sent, { version: '2.0', rawPath: '/a', rawQueryString: 'b=c', body: 'body' });
  talk.line('{"statusCode":201,"headers":{"x-a":"b"},"body":"aGk=","isBase64Encoded":true}');
  t.equal(talk.letters(), 'A');
  t.same(talk.emitted[0]?.value, [201, ['x-a', 'b', 'content-type', 'text/plain;charset=UTF-8'], 2, [0, 2]]);
  t.equal(Buffer.from(talk.emitted[0]?.bytes ?? []).toString(), 'hi');
  t.end();
});

void t.test('events: a streamed body is gathered, 6 MB at the most', (t) => {
  const chunk = (talk: Talk, bytes: Buffer): void =>
    talk.lines.message(`[${In.Chunk},1,0,0,${bytes.length}]`, bytes);
  const most = new Talk().begin(request(2));
  chunk(most, Buffer.alloc(mostBytes, 'a'));
  t.equal(most.toGuest.length, 0, 'not before its end');
  most.lines.message(`[${In.End},1,0]`, Buffer.alloc(0));
  t.equal((JSON.parse(most.toGuest[0] ?? '') as { body: string }).body.length, mostBytes);

  const more = new Talk().begin(request(2));
  chunk(more, Buffer.alloc(mostBytes, 'a'));
  chunk(more, Buffer.alloc(1, 'a'));
  more.lines.message(`[${In.End},1,0]`, Buffer.alloc(0));
  t.match(more.letters(), /^G*Z$/);
  t.equal(more.done, 1);
  t.same(more.toGuest, []);
  t.end();
});

void t.test('events: a body that fails, or whose sender leaves, never reaches the guest', (t) => {
  const failed = new Talk().begin(request(2));
  failed.lines.message(`[${In.Fail},1,0,"gone"]`, Buffer.alloc(0));
  t.equal(failed.letters(), 'Z');
  const left = new Talk().begin(request(2));
  left.lines.message(`[${In.Abort},1,0]`, Buffer.alloc(0));
  left.lines.message(`[${In.End},1,0]`, Buffer.alloc(0));
  t.equal(left.letters(), '');
  for (const talk of [failed, left]) {
    t.equal(talk.done, 1);
    t.same(talk.toGuest, []);
  }
  t.end();
});

void t.test('events: a line that is no JSON ends the call and the guest', (t) => {
  const talk = new Talk().begin(event('1')).line('Hello there');
  t.equal(talk.letters(), 'Z');
  t.equal(talk.emitted[0]?.value[3], 'result');
  t.equal(talk.outOfStep, 1);
  t.equal(talk.done, 1);
  t.end();
});

void t.test('events: a result that is no response is an error, and the guest stays', (t) => {
  const talk = new Talk().begin(request(0)).line('{"statusCode":1000}');
  t.equal(talk.letters(), 'Z');
  t.equal(talk.emitted[0]?.value[3], 'result');
  t.equal(talk.outOfStep, 0);
  t.equal(talk.done, 1);
  t.end();
});

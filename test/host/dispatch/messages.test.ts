import * as fc from 'fast-check';
import t from 'tap';
import type { RequestCall } from '#host/call.ts';
import { firstMessage, requestJson } from '#host/dispatch/messages.ts';
import { RequestLine } from '#runtime/guest/request-line.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', '"', '\\', 'http://a.test/?q="\\"', '","u":"', ',"m":"x","u":"y"'),
);
const calls = fc.record({
  call: fc.record<RequestCall>({
    kind: fc.constant('request'),
    method: fc.oneof(fc.constantFrom('GET', 'POST'), text),
    url: fc.oneof(fc.webUrl(), text),
    headers: fc.array(text, { maxLength: 6 }),
    streamed: fc.boolean(),
    ip: fc.oneof(fc.ipV4(), text),
  }),
  number: fc.integer({ min: 1, max: 3e9 }),
  deadline: fc.integer({ min: 1, max: 2 ** 50 }),
});
const id = '01234567-89ab-8cde-8f01-23456789abcd';

void t.test('messages: a first message is the JSON of its call', async (t) => {
  fc.assert(
    fc.property(calls, ({ call, number, deadline }) => {
      const { method, url, headers, ip } = call;
      const head = { id, d: deadline, b: call.streamed ? 2 : 0, m: method, u: url, h: headers, ip };
      t.same(JSON.parse(firstMessage(call, { number, id, deadline, userHeader: false })), [
        0,
        number,
        head,
        0,
        0,
      ]);
      const json = requestJson({ ...call, headersJson: JSON.stringify(headers) });
      t.equal(
        firstMessage({ ...call, json }, { number, id, deadline, userHeader: false }),
        firstMessage(call, { number, id, deadline, userHeader: false }),
      );
    }),
  );
});

void t.test(
  'messages: the guest reads of a request line what JSON.parse reads, or leaves it to that',
  async (t) => {
    let read = 0;
    fc.assert(
      fc.property(calls, ({ call, number, deadline }) => {
        const line = RequestLine.read(firstMessage(call, { number, id, deadline, userHeader: false }));
        const plain =
          JSON.stringify(call.method + call.url).length === call.method.length + call.url.length + 2;
        t.equal(line !== undefined, plain);
        if (line === undefined) return;
        read++;
        const { number: own, d, b, m, u } = line;
        t.same(
          [own, line.id, d, b, m, u],
          [number, id, deadline, call.streamed ? 2 : 0, call.method, call.url],
        );
        t.same(line.headers(), call.headers);
      }),
    );
    t.ok(read > 0);
  },
);

void t.test('messages: a line that is no request is left to JSON.parse', async (t) => {
  for (const other of ['', '[10]', '[9,1,{"e":1,"id":"x","d":1}]', '[0,1,{"m":"GET","u":"http://a/"}]'])
    t.equal(RequestLine.read(other), undefined);
});

void t.test(
  'messages: whom a rule found is in the head, and in a header for those who read nothing else',
  async (t) => {
    const caller = { id: 'u1', name: 'Zoë', roles: ['admin'], claims: { list: [1, { id: 'x' }] } };
    fc.assert(
      fc.property(calls, ({ call, number, deadline }) => {
        const facts = { number, id, deadline };
        const message = firstMessage({ ...call, caller }, { ...facts, userHeader: false });
        t.match(JSON.parse(message), [0, number, { user: caller, h: call.headers, u: call.url }]);
        t.equal(RequestLine.read(message), undefined, 'read whole');
        const told = firstMessage({ ...call, caller, json: '' }, { ...facts, userHeader: true });
        const { h } = (JSON.parse(told) as [number, number, { h: string[] }])[2];
        t.equal(h.at(-2), 'x-islet-user');
        t.match(h.at(-1), /^[ -~]*$/);
        t.same(JSON.parse(h.at(-1) ?? ''), caller);
      }),
    );
  },
);

import { deepStrictEqual } from 'node:assert';
import { array, assert, constantFrom, oneof, property, string, tuple, uint8Array } from 'fast-check';
import t from 'tap';
import * as guest from '#runtime/guest/api-gateway.ts';
import type { RequestHead } from '#runtime/guest/protocol.ts';
import { toGatewayEvent, toGatewayReply } from '#runtime/wasm/gateway.ts';

type Event = Record<string, unknown> & { requestContext: Record<string, unknown> };

/** Times aside: inside an isolate the clock is the entry's. */
function timeless(event: unknown): Event {
  const copy = structuredClone(event) as Event;
  delete copy.requestContext['time'];
  delete copy.requestContext['timeEpoch'];
  return copy;
}

/** For JSON.stringify: keys in order. */
function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function headOf(url: string, headers: readonly string[] = []): RequestHead {
  return { m: 'POST', u: url, h: headers, b: 1, id: 'id', d: 1, ip: '10.0.0.1' };
}

const fixed: readonly (readonly [string, readonly string[], Buffer | undefined])[] = [
  ['http://a.example.com:80/my/p%20ath?a=1&a=2&b=x+y%21&c&=&%', ['host', 'a.example.com:80'], undefined],
  ['http://[::1]:8787', ['host', '[::1]:8787'], undefined],
  ['http://host?x', [], Buffer.alloc(0)],
  ['http://host/', ['cookie', 'a=b; c=d;; ', 'cookie', 'e=f', 'x-a', '1', 'x-a', '2'], undefined],
  ['http://host/', ['content-type', 'application/json; charset=utf-8'], Buffer.from('{"é":1}')],
  ['http://host/', ['content-type', 'text/plain'], Buffer.from([0xff, 0xfe])],
  ['http://host/', ['content-type', 'text/plain'], Buffer.from('\u{fffd} is itself')],
  ['http://host/', ['content-type', 'image/png'], Buffer.from('text all the same')],
  ['http://host/', ['content-type', 'image/svg+xml', 'user-agent', 'x'], Buffer.from('<svg/>')],
  ['http://host/', ['__proto__', 'x'], Buffer.from('x')],
];

void t.test('gateway: a request is the same event as in an isolate', (t) => {
  for (const [url, headers, body] of fixed) {
    const head = headOf(url, headers);
    t.same(timeless(toGatewayEvent(head, 'fn', body)), timeless(guest.toGatewayEvent(head, 'fn', body)), url);
  }
  const text = string({
    unit: constantFrom('a', '%', '2', '+', '=', '&', '?', '/', ':', ';', ' ', ','),
  });
  const name = constantFrom('host', 'cookie', 'content-type', 'x-a', 'user-agent');
  const value = oneof(text, constantFrom('text/plain', 'application/json'));
  const law = property(text, array(tuple(name, value)), uint8Array(), (rest, pairs, bytes) => {
    const head = headOf(`http://host/${rest.replaceAll(' ', '')}`, pairs.flat());
    const body = Buffer.from(bytes);
    const same = timeless(guest.toGatewayEvent(head, 'fn', body));
    deepStrictEqual(
      JSON.stringify(timeless(toGatewayEvent(head, 'fn', body)), sorted),
      JSON.stringify(same, sorted),
    );
  });
  t.doesNotThrow(() => {
    assert(law, { numRuns: 300 });
  });
  t.end();
});

interface Reply {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

function ofGuest(json: string): Reply | string {
  try {
    const { status, headers, body } = guest.toGatewayReply(JSON.parse(json));
    if (body.kind === 'text') return { status, headers, body: body.text };
    return {
      status,
      headers,
      body: body.kind === 'bytes' ? `hex ${Buffer.from(body.bytes).toString('hex')}` : undefined,
    };
  } catch (error) {
    return (error as Error).name;
  }
}

function ofHost(json: string): Reply | string {
  try {
    const { status, headers, body } = toGatewayReply(json);
    return { status, headers, body: typeof body === 'object' ? `hex ${body.toString('hex')}` : body };
  } catch (error) {
    return (error as Error).name;
  }
}

void t.test('gateway: a result is the same response as in an isolate', (t) => {
  const results: readonly unknown[] = [
    'text', 1, null, true, [], {}, { a: 1 },
    { statusCode: 200 }, { statusCode: '201', body: 'x' }, { statusCode: 204, body: 'x' }, { statusCode: 99 },
    { statusCode: '2xx' }, { statusCode: 200.5 }, { statusCode: null }, { statusCode: 200, body: {} },
    { statusCode: 200, body: null }, { statusCode: 200, body: 5 },
    { statusCode: 200, headers: { 'Content-Type': 'text/html', 'X-N': 5, 'x-b': true }, body: '<p>' },
    { statusCode: 200, headers: { a: 'x\ny' } }, { statusCode: 200, headers: { 'a b': 'x' } },
    { statusCode: 200, headers: { a: null } }, { statusCode: 200, headers: 'none' }, { statusCode: 200, headers: { a: '한' } },
    { statusCode: 200, multiValueHeaders: { a: ['1', '2'] }, cookies: ['a=b', 'c=d'] }, { statusCode: 200, cookies: 'a' },
    { statusCode: 200, body: 'aGk=', isBase64Encoded: true }, { statusCode: 200, body: 'aGk', isBase64Encoded: true },
    { statusCode: 200, body: 'a-_k', isBase64Encoded: true }, { statusCode: 200, body: 'a', isBase64Encoded: true },
    { statusCode: 200, body: 'aG k=\n', isBase64Encoded: true }, { statusCode: 200, body: '', isBase64Encoded: true },
    { statusCode: 200, body: 'aGk==', isBase64Encoded: true }, { statusCode: 200, body: 'aGk=', isBase64Encoded: 'yes' },
  ]; // prettier-ignore
  for (const result of results) {
    const json = JSON.stringify(result);
    t.same(ofHost(json), ofGuest(json), json);
  }
  t.end();
});

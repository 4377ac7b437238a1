import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import t from 'tap';
import { GuestHarness, answerOf, lineOf, requestHead, startTime } from '#test/support/guest-harness.ts';

const echo = `export const handler = async (event) => event`;

const open = async (source: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(source);
  guest.take();
  return guest;
};

const eventOf = (guest: GuestHarness, head: object, body?: Uint8Array | string): APIGatewayProxyEventV2 =>
  JSON.parse(answerOf(guest.request(1, head, body)).text) as APIGatewayProxyEventV2;

void t.test('event: an HTTP request becomes a payload of format 2.0', async (t) => {
  const guest = await open(echo);
  const event = eventOf(guest, {
    m: 'GET',
    u: 'http://shop.example.com:8787/my/p%20ath?a=1&a=2&b=x+y%21&c',
    h: [
      'host',
      'shop.example.com:8787',
      'x-a',
      'one',
      'x-a',
      'two',
      'cookie',
      'a=b; c=d',
      'user-agent',
      'me',
    ],
    id: 'request-id',
    ip: '192.0.2.7',
  });
  const expected: APIGatewayProxyEventV2 = {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/my/p%20ath',
    rawQueryString: 'a=1&a=2&b=x+y%21&c',
    cookies: ['a=b', 'c=d'],
    headers: { host: 'shop.example.com:8787', 'x-a': 'one,two', 'user-agent': 'me' },
    queryStringParameters: { a: '1,2', b: 'x y!', c: '' },
    requestContext: {
      accountId: '000000000000',
      apiId: 'shop',
      domainName: 'shop.example.com',
      domainPrefix: 'shop',
      http: {
        method: 'GET',
        path: '/my/p%20ath',
        protocol: 'HTTP/1.1',
        sourceIp: '192.0.2.7',
        userAgent: 'me',
      },
      requestId: 'request-id',
      routeKey: '$default',
      stage: '$default',
      time: '14/Nov/2023:22:13:20 +0000',
      timeEpoch: startTime,
    },
    isBase64Encoded: false,
  };
  t.strictSame(event, expected);
  guest.dispose();
});

void t.test('event: names like __proto__ and malformed escapes are only data', async (t) => {
  const guest = await open(
    `export const handler = async (e) => [Object.keys(e.queryStringParameters), Object.keys(e.headers), ({}).polluted]`,
  );
  const head = { u: 'http://a/?__proto__=x&%E0%A4=y&constructor=z', h: ['__proto__', 'polluted'] };
  t.same(JSON.parse(answerOf(guest.request(1, head)).text), [
    ['__proto__', '%E0%A4', 'constructor'],
    ['__proto__'],
    null,
  ]);
  guest.dispose();
});

void t.test('event: text bodies are text, others and broken UTF-8 are base64', async (t) => {
  const guest = await open(echo);
  const types: readonly (readonly [string | undefined, boolean])[] = [
    ['text/plain', false],
    ['application/json; charset=utf-8', false],
    ['application/vnd.api+json', false],
    ['application/xml', false],
    ['application/javascript', false],
    ['application/x-www-form-urlencoded', false],
    ['image/svg+xml', false],
    ['application/octet-stream', true],
    ['image/png', true],
    [undefined, true],
  ];
  for (const [type, encoded] of types) {
    const head = { m: 'POST', h: type === undefined ? [] : ['content-type', type] };
    const event = eventOf(guest, head, 'h\u00e9llo');
    t.equal(event.isBase64Encoded, encoded, `${type}`);
    t.equal(encoded ? Buffer.from(event.body ?? '', 'base64').toString() : event.body, 'h\u00e9llo');
  }
  const broken = eventOf(
    guest,
    { m: 'POST', h: ['content-type', 'text/plain'] },
    new Uint8Array([0xf0, 0x9f, 0x98]),
  );
  t.equal(broken.isBase64Encoded, true);
  guest.dispose();
});

void t.test('event: a streamed body is collected first', async (t) => {
  const guest = await open(`export const handler = async (event) => event.body.length`);
  const part = new Uint8Array(60_000).fill(65);
  t.same(
    guest.deliver([0, 1, requestHead({ m: 'POST', b: 2, h: ['content-type', 'text/plain'] }), 0, 0]),
    [],
  );
  let granted = 0;
  for (let count = 0; count < 10; count++) {
    for (const line of guest.deliver([1, 1, 0, 0, part.length], part)) {
      t.equal(line.letter, 'G');
      granted += line.json[1] as number;
    }
  }
  t.ok(granted > 400_000);
  t.equal(answerOf(guest.deliver([2, 1, 0])).text, '600000');
  guest.dispose();
});

void t.test('result: objects with a statusCode say it all', async (t) => {
  const guest = await open(
    `export const handler = async () => ({ statusCode: 201, headers: { 'X-A': 'one', n: 5, Type: true }, multiValueHeaders: { 'x-b': ['1', '2'] },
      cookies: ['a=b; Path=/', 'c=d'], body: 'text' })`,
  );
  const { json } = lineOf(guest.request(1), 'A');
  t.same(json[0], 201);
  const flat = ['x-a', 'one', 'n', '5', 'type', 'true', 'x-b', '1', 'x-b', '2', 'set-cookie', 'a=b; Path=/'];
  t.same(json[1], [...flat, 'set-cookie', 'c=d', 'content-type', 'text/plain;charset=UTF-8']);
  guest.dispose();
});

void t.test('result: binary goes out through base64, also as base64 of nothing', async (t) => {
  const guest = await open(
    `export const handler = async () => ({ statusCode: 200, isBase64Encoded: true, headers: { 'content-type': 'image/png' }, body: 'AP/+' })`,
  );
  const { bytes, headers } = answerOf(guest.request(1));
  t.same([...bytes], [0, 255, 254]);
  t.same(headers, { 'content-type': 'image/png' });
  guest.dispose();
});

void t.test('result: a value without statusCode is the body of a 200, as AWS documents it', async (t) => {
  const values: readonly (readonly [string, string])[] = [
    [`({ message: 'hi' })`, '{"message":"hi"}'],
    [`'plain'`, 'plain'],
    [`[1, 2]`, '[1,2]'],
    [`5`, '5'],
    [`null`, 'null'],
    [`undefined`, 'null'],
  ];
  for (const [value, body] of values) {
    const guest = await open(`export const handler = async () => ${value}`);
    const answer = answerOf(guest.request(1));
    t.equal(answer.status, 200, value);
    t.equal(answer.text, body, value);
    t.same(answer.headers, { 'content-type': 'application/json' }, value);
    guest.dispose();
  }
});

void t.test('result: garbage is a failure of the result', async (t) => {
  for (const value of [
    `{ statusCode: 'abc' }`,
    `{ statusCode: 99 }`,
    `{ statusCode: 600 }`,
    `{ statusCode: 200.5 }`,
    `{ statusCode: null }`,
    `{ statusCode: 101 }`,
    `{ statusCode: 200, body: { a: 1 } }`,
    `{ statusCode: 200, body: 5 }`,
    `{ statusCode: 200, isBase64Encoded: true, body: '***' }`,
    `{ statusCode: 200, headers: { 'bad name': 'x' } }`,
    `{ statusCode: 200, headers: { a: 'x\\r\\ny: z' } }`,
    `{ statusCode: 200, headers: { a: {} } }`,
    `{ statusCode: 200, cookies: [5, {}] }`,
  ]) {
    const guest = await open(`export const handler = async () => (${value})`);
    t.equal(lineOf(guest.request(1), 'Z').json[3], 'result', value);
    guest.dispose();
  }
});

void t.test('result: a numeric string is a status, and 204 has no body', async (t) => {
  const guest = await open(`export const handler = async () => ({ statusCode: '204', body: 'dropped' })`);
  const { json } = lineOf(guest.request(1), 'A');
  t.same(json, [204, [], 0, null]);
  guest.dispose();
});

import t from 'tap';
import { GuestHarness, answerOf, letters, lineOf, startTime } from '#test/support/guest-harness.ts';
import type { Line } from '#test/support/guest-harness.ts';

/** What esbuild makes of a CommonJS module. */
const commonJs = (body: string): string =>
  `var wrap = (body, module) => () => (module || body((module = { exports: {} }).exports, module), module.exports);
   var require_main = wrap((exports, module) => { ${body} });
   export default require_main();`;

const result = (lines: readonly Line[]): unknown => {
  const [text] = lineOf(lines, 'R').json as [string | null];
  return text === null ? undefined : JSON.parse(text);
};

const open = async (source: string): Promise<GuestHarness> => {
  const guest = await GuestHarness.open(source);
  guest.take();
  return guest;
};

void t.test('handler: the hello program of the Lambda console answers as it does there', async (t) => {
  const guest = await open(
    commonJs(
      `exports.handler = async (event) => { const response = { statusCode: 200, body: JSON.stringify('Hello from Lambda!') }; return response; };`,
    ),
  );
  const lines = guest.event(1, {});
  t.equal(letters(lines), 'RD');
  t.same(result(lines), { statusCode: 200, body: '"Hello from Lambda!"' });
  const { status, text, headers } = answerOf(guest.request(2));
  t.equal(status, 200);
  t.equal(text, '"Hello from Lambda!"');
  t.same(headers, { 'content-type': 'text/plain;charset=UTF-8' });
  guest.dispose();
});

void t.test('handler: the context carries the documented fields', async (t) => {
  const guest = await open(
    `export const handler = async (event, context) => ({ ...context, left: context.getRemainingTimeInMillis(), event })`,
  );
  guest.now = startTime + 250;
  const value = result(guest.event(1, [1], { id: 'the-id', d: startTime + 1000, c: { client: 1 } }));
  t.match(value, {
    functionName: 'shop',
    functionVersion: '3',
    invokedFunctionArn: /^arn:aws:lambda:[^:]+:\d{12}:function:shop:3$/,
    memoryLimitInMB: '128',
    awsRequestId: 'the-id',
    logGroupName: '/aws/lambda/shop',
    logStreamName: /^2023\/11\/14\/\[3\][0-9a-f]{32}$/,
    callbackWaitsForEmptyEventLoop: true,
    clientContext: { client: 1 },
    left: 750,
    event: [1],
  });
  guest.dispose();
});

void t.test('handler: every way to give a result gives it', async (t) => {
  const bodies: readonly (readonly [string, unknown])[] = [
    [`(event) => Promise.resolve(event)`, 5],
    [`(event) => 'at once'`, 'at once'],
    [`async () => {}`, undefined],
    [`(event, context, callback) => callback(null, event)`, 5],
    [`(event, context, callback) => { setTimeout(() => callback(null, 'timer'), 1) }`, 'timer'],
    [`(event, context) => { setTimeout(() => context.succeed('legacy'), 1) }`, 'legacy'],
    [`(event, context) => context.done(null, 'done')`, 'done'],
    [`(event, context, callback) => {}`, undefined],
    [`(event) => ({ then(resolve) { resolve('thenable') } })`, 'thenable'],
    [`async () => ({ toJSON: () => 'own' })`, 'own'],
  ];
  for (const [body, expected] of bodies) {
    const guest = await open(`export const handler = ${body}`);
    let lines = guest.event(1, 5);
    const timer = lines.find((line) => line.letter === 'T');
    if (timer !== undefined) lines = guest.deliver([8, 1, timer.json[0]]);
    t.same(result(lines), expected, body);
    t.equal(letters(lines), 'RD', body);
    guest.dispose();
  }
});

void t.test('handler: every way to fail is a failure of the handler', async (t) => {
  for (const body of [
    `async () => { throw new RangeError('no') }`,
    `() => { throw new RangeError('no') }`,
    `(e, c, callback) => callback(new RangeError('no'))`,
    `(e, context) => context.fail(new RangeError('no'))`,
    `(e, context) => context.done(new RangeError('no'))`,
  ]) {
    const guest = await open(`export const handler = ${body}`);
    const lines = guest.event(1, 5);
    t.equal(letters(lines), 'ZD', body);
    t.match(lines[0]?.json, ['RangeError', 'no', /RangeError: no/, 'handler'], body);
    guest.dispose();
  }
});

void t.test('handler: a result that is no JSON is a failure of the result', async (t) => {
  for (const value of [`(() => { const a = {}; a.a = a; return a })()`, `1n`, `{ get x() { throw 1 } }`]) {
    const guest = await open(`export const handler = async () => (${value})`);
    const lines = guest.event(1, 5);
    t.equal(letters(lines), 'ZD', value);
    t.equal(lines[0]?.json[3], 'result', value);
    t.equal(lineOf(guest.request(2), 'Z').json[3], 'result', value);
    guest.dispose();
  }
});

void t.test(
  'callback: its result waits for an empty event loop, unless the context says otherwise',
  async (t) => {
    const guest = await open(
      `export const handler = (event, context, callback) => {
      context.callbackWaitsForEmptyEventLoop = event.wait;
      setTimeout(() => console.log('timer'), 1);
      callback(null, 'early');
    }`,
    );
    const waiting = guest.event(1, { wait: true });
    t.equal(letters(waiting), 'T');
    t.equal(letters(guest.deliver([8, 1, waiting[0]?.json[0]])), 'LRD');
    t.equal(letters(guest.event(2, { wait: false })), 'TRUD');
    guest.dispose();
  },
);

void t.test('callback: only the first call counts', async (t) => {
  const guest = await open(
    `export const handler = (e, c, callback) => { callback(null, 1); callback(null, 2); callback(new Error('x')) }`,
  );
  const lines = guest.event(1, 5);
  t.equal(letters(lines), 'RD');
  t.equal(result(lines), 1);
  guest.dispose();
});

void t.test(
  'kinds: an event for a module with only fetch finds no handler, and both find their own',
  async (t) => {
    const fetches = await open(`export default { fetch: () => new Response('web') }`);
    t.equal(letters(fetches.event(1, {})), 'ND');
    fetches.dispose();
    const both = await open(
      `export default { fetch: () => new Response('web') }; export const handler = async () => 'event'`,
    );
    t.equal(answerOf(both.request(1)).text, 'web');
    t.equal(result(both.event(2, {})), 'event');
    both.dispose();
  },
);

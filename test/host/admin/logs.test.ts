import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { LogEntry } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import { eventStream } from '#host/admin/event-stream.ts';
import { deploy, startAdmin } from '#test/support/admin-server.ts';

interface Event {
  readonly name: string;
  readonly data: unknown;
}

/** Reads server-sent events until `done` says so, then goes away; to the end when it never does. */
async function read(
  response: Response,
  done: (events: readonly Event[]) => boolean,
): Promise<readonly Event[]> {
  const events: Event[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames.filter((frame) => !frame.startsWith(':'))) {
      const [, name = '', data = ''] = /^event: (\w+)\ndata: (.*)$/s.exec(frame) ?? [];
      events.push({ name, data: JSON.parse(data) });
    }
    if (done(events)) break;
  }
  return events;
}

function messages(events: readonly Event[]): readonly string[] {
  return events.filter((event) => event.name === 'log').map((event) => (event.data as LogEntry).message);
}

const never = new AbortController().signal;
const logger = 'exports.handler = (event) => { console.warn(event) }';

void t.test('logs: the tail asked for, oldest first, then the end', async (t) => {
  const admin = await startAdmin(t);
  await deploy(admin, 'f', logger);
  for (const line of ['one', 'two', 'three\n\nevent: log\ndata: {}', 'four']) {
    await admin.call('POST', '/v1/functions/f/invoke', line === 'four' ? '"four"' : JSON.stringify(line));
  }
  const response = await admin.call('GET', '/v1/functions/f/logs?tail=2');
  t.equal(response.headers.get('content-type'), 'text/event-stream');
  const events = await read(response, () => false);
  t.same(
    messages(events),
    ['three\n\nevent: log\ndata: {}', 'four'],
    'a line break in a message starts no event',
  );
  t.equal(events.at(-1)?.name, 'end');
});

void t.test(
  'logs: a follower gets lines as they come, of its function only, and leaves nothing behind',
  async (t) => {
    const admin = await startAdmin(t);
    await deploy(admin, 'f', logger);
    await deploy(admin, 'g', logger);
    const response = await admin.call('GET', '/v1/functions/f/logs?follow&tail=0');
    const reading = read(response, (events) => events.length === 2);
    while (admin.host.followers === 0) await sleep(2);
    await admin.call('POST', '/v1/functions/f/invoke', '"a"');
    await admin.call('POST', '/v1/functions/g/invoke', '"not this"');
    await admin.call('POST', '/v1/functions/f/invoke', '"b"');
    t.same(messages(await reading), ['a', 'b']);
    while (admin.host.followers > 0) await sleep(2);
    t.equal(admin.host.followers, 0);
  },
);

void t.test('logs: closing the server tells followers and waits for none', async (t) => {
  const admin = await startAdmin(t);
  const response = await admin.call('GET', '/v1/logs?follow=true');
  const reading = read(response, () => false);
  while (admin.host.followers === 0) await sleep(2);
  await admin.server.close(60_000);
  t.match((await reading).at(-1), { name: 'error', data: { code: 'ERR_CLOSING' } });
  while (admin.host.followers > 0) await sleep(2);
});

void t.test('logs: a source that fails is an error event with its code', async (t) => {
  const failing = async function* (): AsyncGenerator<number> {
    yield 1;
    throw new HostError('ERR_STORE_CORRUPT', 'Cannot read');
  };
  const events = await read(new Response(eventStream('log', () => failing(), never)), () => false);
  t.match(events, [
    { name: 'log', data: 1 },
    { name: 'error', data: { code: 'ERR_STORE_CORRUPT' } },
  ]);
});

void t.test('logs: a slow reader is not read ahead of', async (t) => {
  let made = 0;
  const endless = async function* (): AsyncGenerator<number> {
    for (;;) yield (made += 1);
  };
  const reader = eventStream('log', () => endless(), never).getReader();
  for (let i = 0; i < 3; i += 1) await reader.read();
  await sleep(20);
  t.ok(made <= 3);
  await reader.cancel();
});

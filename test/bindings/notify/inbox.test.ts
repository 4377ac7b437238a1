import t from 'tap';
import { streamInbox } from '#bindings/notify/inbox-stream.ts';
import { eventually } from '#test/support/host.ts';
import { openNotify } from '#test/support/notify.ts';
import type { OpenedNotify } from '#test/support/notify.ts';
import { temporaryDir } from '#test/support/store-files.ts';

interface Listed {
  readonly items: readonly { readonly id: string; readonly text: string; readonly readAt?: number }[];
  readonly unread: number;
  readonly cursor?: string;
}

async function open(t: Parameters<typeof temporaryDir>[0]): Promise<OpenedNotify> {
  const notify = await openNotify({ dir: temporaryDir(t) });
  t.teardown(() => notify.close());
  return notify;
}

async function fill(notify: OpenedNotify, count: number): Promise<Listed> {
  for (let index = 0; index < count; index++)
    await notify.call('send', { user: 'ada', message: `No. ${index}` });
  return eventually('all are there', async () => {
    const page = await list(notify);
    return page.items.length === count ? page : undefined;
  });
}

function list(notify: OpenedNotify, args: object = {}): Promise<Listed> {
  return notify.call('inbox.list', { user: 'ada', ...args });
}

void t.test('inbox: newest first, in pages, with read state', async (t) => {
  const notify = await open(t);
  const { items, unread } = await fill(notify, 5);
  t.equal(unread, 5);
  t.same(
    items.map(({ id }) => id),
    items
      .map(({ id }) => id)
      .toSorted()
      .toReversed(),
  );
  const first = await list(notify, { limit: 2 });
  const second = await list(notify, { limit: 2, cursor: first.cursor });
  t.same([...first.items, ...second.items], items.slice(0, 4));
  t.same(await notify.call('inbox.markRead', { user: 'ada', ids: [items[0]?.id, 'not-there'] }), {
    unread: 4,
  });
  t.equal((await list(notify, { unread: true })).items.length, 4);
  t.same(await notify.call('inbox.markRead', { user: 'ada', ids: 'all' }), { unread: 0 });
  t.same(await notify.call('inbox.markRead', { user: 'ada', ids: [items[1]?.id], read: false }), {
    unread: 1,
  });
  await notify.call('inbox.delete', { user: 'ada', ids: [items[1]?.id] });
  t.equal((await list(notify)).items.length, 4);
  t.equal((await notify.call<Listed>('inbox.list', { user: 'bob' })).items.length, 0);
});

void t.test('inbox: its pages and its stream are for whoever has a token of that user', async (t) => {
  const notify = await open(t);
  const { items } = await fill(notify, 2);
  const { token } = await notify.call<{ token: string }>('inboxToken', { user: 'ada' });
  for (const bad of ['', 'x', `${token}x`, token.replace(/^./, 'A')]) {
    t.equal((await notify.serve(`/inbox?token=${bad}`)).status, 401);
    t.equal(
      (await notify.serve('/inbox/stream', { headers: { authorization: `Bearer ${bad}` } })).status,
      401,
    );
  }
  const headers = { authorization: `Bearer ${token}` };
  const page = (await (await notify.serve('/inbox', { headers })).json()) as Listed;
  t.same(page.items, items);
  const read = await notify.serve('/inbox/read', {
    method: 'POST',
    headers,
    body: JSON.stringify({ ids: [items[0]?.id] }),
  });
  t.same(await read.json(), { unread: 1 });
  t.equal((await notify.serve('/inbox/read', { method: 'POST', headers, body: '{' })).status, 400);
  t.equal((await notify.serve('/inbox/read', { headers })).status, 405);
  t.equal((await notify.serve('/nothing', { headers })).status, 404);
  t.equal((await notify.serve(`/confirm?token=${token}`)).status, 400, 'a token does one thing');
  t.equal((await notify.serve(`/unsubscribe?token=${token}`, { method: 'POST' })).status, 400);
  const stream = await notify.serve(`/inbox/stream?token=${token}`);
  t.equal(stream.headers.get('content-type'), 'text/event-stream');
  await stream.body?.cancel();
});

void t.test('inbox: a token is over when its time is', async (t) => {
  let now = Date.now();
  const notify = await openNotify({ dir: temporaryDir(t), now: () => now });
  t.teardown(() => notify.close());
  const { token } = await notify.call<{ token: string }>('inboxToken', { user: 'ada', seconds: 60 });
  t.equal((await notify.serve(`/inbox?token=${token}`)).status, 200);
  now += 60_000;
  t.equal((await notify.serve(`/inbox?token=${token}`)).status, 401);
});

void t.test('inbox: one person has twenty streams open at most, and who leaves makes room', async (t) => {
  const notify = await open(t);
  const tokenOf = async (user: string): Promise<string> =>
    (await notify.call<{ token: string }>('inboxToken', { user })).token;
  const token = await tokenOf('ada');
  const aborts = new AbortController();
  const connect = (by: string): Promise<Response> =>
    notify.serve(`/inbox/stream?token=${by}`, { aborts: aborts.signal });
  const streams = await Promise.all(Array.from({ length: 20 }, () => connect(token)));
  t.ok(streams.every(({ status }) => status === 200));
  t.equal((await connect(token)).status, 429);
  const other = await connect(await tokenOf('bob'));
  t.equal(other.status, 200, 'others are others');
  await streams[0]?.body?.cancel();
  const next = await connect(token);
  t.equal(next.status, 200);
  t.equal((await connect(token)).status, 429);
  aborts.abort();
  const after = await notify.serve(`/inbox/stream?token=${token}`);
  t.equal(after.status, 200);
  await after.body?.cancel();
});

/** Events of a stream, as EventSource would give them. */
async function* events(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<{ id: string; event: string; data: Record<string, unknown> }> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of stream) {
    text += decoder.decode(piece, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = Object.fromEntries(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
      text = text.slice(end + 2);
      if (fields['data'] !== undefined && fields['event'] !== 'ready')
        yield {
          id: fields['id'] ?? '',
          event: fields['event'] ?? '',
          data: JSON.parse(fields['data']) as Record<string, unknown>,
        };
    }
  }
}

void t.test(
  'inbox: a stream tells what is new, marked and deleted, and goes on where it ended',
  async (t) => {
    const notify = await open(t);
    await fill(notify, 1);
    const { token } = await notify.call<{ token: string }>('inboxToken', { user: 'ada' });
    const first = events(
      (await notify.serve(`/inbox/stream?token=${token}`)).body as ReadableStream<Uint8Array>,
    );
    const waiting = first.next();
    // What was there before is in the list, not in the stream.
    const sending = setTimeout(() => void notify.call('send', { user: 'ada', message: 'live' }), 50);
    t.teardown(() => clearTimeout(sending));
    const live = (await waiting).value;
    t.match(live, { event: 'item', data: { text: 'live' } });
    await notify.call('inbox.markRead', { user: 'ada', ids: [live?.data['id']] });
    t.match((await first.next()).value, { event: 'item', data: { text: 'live', readAt: Number } });
    await first.return(undefined);

    await notify.call('send', { user: 'ada', message: 'missed' });
    await eventually('it is there', async () => (await list(notify)).items.length === 3);
    const headers = { 'last-event-id': live?.id ?? '' };
    const second = events(
      (await notify.serve(`/inbox/stream?token=${token}`, { headers })).body as ReadableStream<Uint8Array>,
    );
    t.match((await second.next()).value, { data: { text: 'live', readAt: Number } }, 'marked since then');
    t.match((await second.next()).value, { data: { text: 'missed' } });
    const [gone] = (await list(notify)).items;
    await notify.call('inbox.delete', { user: 'ada', ids: [gone?.id] });
    t.match((await second.next()).value, { event: 'gone', data: { id: gone?.id } });
    await second.return(undefined);
  },
);

void t.test('inbox: a silent stream beats, and ends with its reader', async (t) => {
  const notify = await open(t);
  const abort = new AbortController();
  const stream = streamInbox(notify.store, 'notify/none/', { signal: abort.signal, heartbeatMs: 5 });
  const seen: string[] = [];
  for await (const piece of stream) {
    seen.push(Buffer.from(piece).toString());
    if (seen.length === 4) abort.abort();
  }
  t.same(seen, ['retry: 2000\n\n', 'id: 0\nevent: ready\ndata: {}\n\n', ':\n\n', ':\n\n']);
});

void t.test('inbox: a reader that falls behind is told the last state of everything', async (t) => {
  const notify = await open(t);
  const { items } = await fill(notify, 2);
  const stream = events(
    (
      await notify.serve(
        `/inbox/stream?token=${(await notify.call<{ token: string }>('inboxToken', { user: 'ada' })).token}&after=0`,
      )
    ).body as ReadableStream<Uint8Array>,
  );
  await stream.next();
  await stream.next();
  for (let round = 0; round < 2100; round++) {
    await notify.call('inbox.markRead', { user: 'ada', ids: [items[0]?.id], read: round % 2 === 0 });
    await notify.call('inbox.markRead', { user: 'ada', ids: [items[1]?.id], read: round % 2 === 0 });
  }
  await notify.call('inbox.markRead', { user: 'ada', ids: 'all' });
  const state = new Map<unknown, unknown>();
  for await (const { data } of stream) {
    state.set(data['id'], data['readAt']);
    const both = items.every(({ id }) => state.get(id) !== undefined);
    const { unread } = await list(notify);
    if (both && unread === 0 && state.size === 2 && (await caughtUp())) break;
  }
  t.equal(state.size, 2);

  async function caughtUp(): Promise<boolean> {
    const now = (await list(notify)).items;
    return now.every(({ id, readAt }) => state.get(id) === readAt);
  }
});

import t from 'tap';
import type { Test } from 'tap';
import { fetchThrough } from '#host/http/fetch-door.ts';
import type { Outcome } from '#runtime/outcome.ts';
import { limitNames } from '#runtime/limits.ts';
import { outcomeRow } from '#runtime/outcome.ts';
import { TestDispatch, testRegistry, text, web } from '#test/support/http-dispatch.ts';
import type { Guest, TestFunction } from '#test/support/http-dispatch.ts';

/** A dispatch with one function, and `host.fetch` to it. */
function door(guest: Guest, options: Partial<TestFunction> = {}) {
  const functions = { fn: { guest, ...options } };
  const dispatch = new TestDispatch(functions);
  const target = testRegistry(functions).target('fn');
  const send = (
    init: RequestInit & { duplex?: 'half' } = {},
    url = 'http://fn.test/a?b#c',
  ): Promise<Response> => fetchThrough(dispatch, target, new Request(url, init));
  return { dispatch, send };
}

async function coded(t: Test, response: Response, status: number, code: string): Promise<void> {
  t.equal(response.status, status, code);
  t.equal(response.headers.get('x-islet-error'), code);
  const { error } = (await response.json()) as { error: Record<string, string> };
  t.equal(error['code'], code);
  t.equal(error['id'], response.headers.get('x-islet-id'));
}

void t.test(
  'host.fetch: the request arrives as it is, without fragment and hop-by-hop headers',
  async (t) => {
    const { dispatch, send } = door(
      text('hello', ['x-a', '1', 'set-cookie', 'a=1', 'set-cookie', 'b=2'], 201),
    );
    const response = await send({ method: 'PUT', headers: { 'X-B': '2', TE: 'trailers' } });
    t.equal(response.status, 201);
    t.equal(response.headers.get('x-a'), '1');
    t.equal(response.headers.get('content-type'), null);
    t.strictSame(response.headers.getSetCookie(), ['a=1', 'b=2']);
    t.match(response.headers.get('x-islet-id'), /^[0-9a-f-]{36}$/);
    t.equal(await response.text(), 'hello');
    t.match(dispatch.calls, [
      {
        kind: 'request',
        method: 'PUT',
        url: 'http://fn.test/a?b',
        headers: ['x-b', '2', 'host', 'fn.test'],
        streamed: false,
      },
    ]);
  },
);

void t.test('host.fetch: bodies stream both ways', async (t) => {
  const { dispatch, send } = door(web((request) => new Response(request.body)));
  const size = 3 * 2 ** 20;
  const response = await send({ method: 'POST', body: new Uint8Array(size) });
  t.equal((await response.arrayBuffer()).byteLength, size);
  t.strictSame(dispatch.events, []);
});

void t.test('host.fetch: a response nobody reads holds the guest back', async (t) => {
  const { dispatch, send } = door(async (guest) => {
    guest.head(200, [], { kind: 'stream' });
    for (let i = 0; i < 64; i += 1) await guest.chunk(new Uint8Array(64 * 1024));
    guest.finish();
  });
  const response = await send();
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.ok(dispatch.mostUnconsumed >= 256 * 1024, 'the credit is used up');
  t.ok(dispatch.mostUnconsumed <= 256 * 1024 + 64 * 1024, 'and nothing beyond it is sent');
  t.equal((await response.arrayBuffer()).byteLength, 4 * 2 ** 20);
});

void t.test('host.fetch: a request body nobody reads is not drawn', async (t) => {
  let pulled = 0;
  const { send } = door(async (guest) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    guest.head(200, [], { kind: 'text', text: 'ok' });
  });
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(64 * 1024));
      },
      cancel: () => {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  t.equal(await (await send({ method: 'POST', body, duplex: 'half' })).text(), 'ok');
  await new Promise((resolve) => setTimeout(resolve, 10));
  t.ok(pulled <= 5, 'no more than the credit');
  t.ok(cancelled, 'its source is told');
});

void t.test('host.fetch: a request body that fails is told to the guest', async (t) => {
  const { dispatch, send } = door(async (guest) => {
    for await (const chunk of guest.body) void chunk;
  });
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.error(new Error('broken')),
  });
  await coded(t, await send({ method: 'POST', body, duplex: 'half' }), 499, 'ERR_CANCELLED');
  t.match(dispatch.events, [/^fail/]);
});

const outcomes: readonly Outcome[] = [
  ...limitNames.map((limit): Outcome => ({ kind: 'exceeded', limit })),
  { kind: 'threw', error: { name: 'Error', message: 'secret', phase: 'handler' } },
  { kind: 'refused', reason: 'closing' },
  { kind: 'crashed', cause: 'cell' },
];
for (const immediately of [false, true]) {
  void t.test(
    `host.fetch: outcomes are coded responses, done ${immediately ? 'before' : 'after'} start returns`,
    async (t) => {
      for (const outcome of outcomes) {
        const row = outcomeRow(outcome);
        await coded(t, await door(() => outcome, { immediately }).send(), row.status, row.code);
      }
    },
  );
}

void t.test('host.fetch: an answer HTTP cannot carry is ERR_GUEST_RESULT', async (t) => {
  await coded(t, await door(text('x', [], 101)).send(), 502, 'ERR_GUEST_RESULT');
  await coded(t, await door(text('x', ['a', 'b\r\nc'])).send(), 502, 'ERR_GUEST_RESULT');
});

void t.test('host.fetch: 204, 304 and HEAD have no body', async (t) => {
  t.equal((await door(text('x', [], 204)).send()).body, null);
  t.equal((await door(text('x', [], 304)).send()).body, null);
  const head = await door(web(() => new Response('streamed'))).send({ method: 'HEAD' });
  t.equal(head.body, null);
});

void t.test('host.fetch: aborting rejects with the reason and stops the call', async (t) => {
  const { dispatch, send } = door(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  });
  const controller = new AbortController();
  const answer = send({ signal: controller.signal });
  controller.abort(new Error('enough'));
  await t.rejects(answer, { message: 'enough' });
  t.strictSame(dispatch.events, ['abort']);
  await t.rejects(send({ signal: AbortSignal.abort(new Error('before')) }), { message: 'before' });
  t.equal(dispatch.calls.length, 1, 'one aborted before starts nothing');
});

void t.test(
  'host.fetch: aborting during the body fails the body; cancelling it stops the call',
  async (t) => {
    const { dispatch, send } = door(async (guest) => {
      guest.head(200, [], { kind: 'stream' });
      await new Promise((resolve) => guest.signal.addEventListener('abort', resolve));
    });
    const controller = new AbortController();
    const response = await send({ signal: controller.signal });
    controller.abort(new Error('enough'));
    await t.rejects(response.text(), { message: 'enough' });
    await (await send()).body?.cancel();
    t.strictSame(dispatch.events, ['abort', 'abort']);
  },
);

void t.test('host.fetch: a body left open at the end of the call fails', async (t) => {
  const { send } = door((guest) => {
    guest.head(200, [], { kind: 'stream' });
    return { kind: 'crashed', cause: 'cell' };
  });
  await t.rejects((await send()).text(), TypeError);
});

void t.test('host.fetch: a request whose body was read is a TypeError', async (t) => {
  const functions = { fn: { guest: text('') } };
  const request = new Request('http://a/', { method: 'POST', body: 'x' });
  await request.text();
  const target = testRegistry(functions).target('fn');
  await t.rejects(fetchThrough(new TestDispatch(functions), target, request), TypeError);
});

import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import { connectSocket } from '#test/support/socket-client.ts';

void t.test('sockets: Hono’s upgradeWebSocket for Workers works as it is', async (t) => {
  const test = await openTestHost(t);
  await test.deployGuest('app', 'hono-sockets.ts', { limits: { cpuMs: 5000 } });
  const client = await connectSocket(`ws://127.0.0.1:${test.port}/app/open/echo?as=ada`);
  t.equal(await client.ask('hi'), 'ada: hi');
  t.equal(await client.ask('bye'), 'ada: bye');
  t.same(await client.closed, { code: 4000, reason: 'as asked' });
  t.match(await test.request('/app/open/echo'), { status: 426, text: 'no socket' });
  await eventually('its onClose ran', async () => {
    for await (const { message } of test.host.logs({
      function: 'app',
      tail: 10,
      signal: AbortSignal.abort(),
    }))
      if (message === 'closed by hono') return true;
    return false;
  });
});

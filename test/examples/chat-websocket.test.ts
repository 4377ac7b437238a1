import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Page } from 'playwright-core';
import t from 'tap';
import { eventually, openTestHost } from '#test/support/host.ts';
import { connectSocket, openSocket, type SocketClient } from '#test/support/socket-client.ts';

const folder = join(import.meta.dirname, '../../examples/chat-websocket');

await t.test(
  'chat-websocket: what one says everybody hears, in every process, and late comers too',
  async (t) => {
    const test = await openTestHost(t, { cells: 2 });
    await test.host.deploy(folder, { manifest: { limits: { cpuMs: 5000, subrequests: 1000 } } });
    const at = '/chat-websocket';
    const page = await test.request(`${at}/`);
    t.match(page, { status: 200, text: /<title>chat<\/title>/ });
    t.equal((await test.request(`${at}/rooms/lobby`)).status, 426);
    t.equal((await test.request(`${at}/rooms/No%20Room`)).status, 404);
    t.match(await openSocket(`ws://127.0.0.1:${test.port}${at}/other`), { status: 404 });

    const enter = (name: string, room: string = 'lobby'): Promise<SocketClient> =>
      connectSocket(`ws://127.0.0.1:${test.port}${at}/rooms/${room}?as=${name}`);
    const hear = async (client: SocketClient): Promise<{ from: string; text: string }> =>
      JSON.parse(String(await client.next())) as { from: string; text: string };
    const ada = await enter('ada');
    const bob = await enter('bob');
    const elsewhere = await enter('eve', 'attic');
    ada.socket.send('hello');
    for (const client of [ada, bob]) t.match(await hear(client), { from: 'ada', text: 'hello' });
    bob.socket.send('grüße');
    for (const client of [ada, bob]) t.match(await hear(client), { from: 'bob', text: 'grüße' });
    const late = await enter('late');
    t.match(await hear(late), { text: 'hello' }, 'the past comes first');
    t.match(await hear(late), { text: 'grüße' });
    elsewhere.socket.send('alone');
    t.match(await hear(elsewhere), { from: 'eve', text: 'alone' }, 'rooms are apart');
    late.socket.send('x'.repeat(501));
    t.equal((await late.closed).code, 1008, 'what is too long is refused');
    ada.socket.send('still here');
    t.match(await hear(bob), { text: 'still here' });
    for (const client of [ada, bob, elsewhere]) await client.close();
    await eventually('nothing goes on', async () =>
      (await test.host.health()).cells.every((cell) => cell.inFlight === 0),
    );
  },
);

const browserFile = findChromium();
const noBrowser =
  browserFile === undefined && 'no chromium in PATH: install the chromium package to run this';

await t.test('chat-websocket: two visitors talk, in Chromium', { skip: noBrowser }, async (t) => {
  const test = await openTestHost(t);
  await test.host.deploy(folder, { manifest: { limits: { cpuMs: 5000, subrequests: 1000 } } });
  const browser = await chromium.launch({ executablePath: browserFile ?? '', args: ['--no-sandbox'] });
  t.teardown(() => browser.close());
  const enter = async (name: string): Promise<Page> => {
    const page = await browser.newPage();
    await page.goto(`http://chat-websocket.localhost:${test.port}/`);
    await page.getByPlaceholder('your name').fill(name);
    await page.getByRole('button', { name: 'enter' }).click();
    await page.getByPlaceholder('say something').waitFor();
    return page;
  };
  const ada = await enter('Ada');
  const grace = await enter('Grace');
  await ada.getByPlaceholder('say something').fill('hello <b>there</b>');
  await ada.getByRole('button', { name: 'send' }).click();
  await grace.getByText('hello <b>there</b>').waitFor();
  await grace.getByPlaceholder('say something').fill('hello yourself');
  await grace.getByRole('button', { name: 'send' }).click();
  await ada.getByText('hello yourself').waitFor();
  t.same(await ada.getByRole('listitem').allTextContents(), ['Adahello <b>there</b>', 'Gracehello yourself']);
});

function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((file) => existsSync(file));
}

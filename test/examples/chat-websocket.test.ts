import { join } from 'node:path';
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

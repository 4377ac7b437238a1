import page from './page.html';

/** How long the room remembers, in seconds. */
const kept = 600;
const longest = 500;

/**
 * GET /                 a page to chat with
 * GET /rooms/NAME?as=X  a WebSocket: each text sent is a message to everybody in the room, each one received is JSON
 *                       { from, text, at }
 */
export default {
  fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/')
      return new Response(page, { headers: { 'content-type': 'text/html;charset=utf-8' } });
    const room = /^\/rooms\/([a-z0-9-]{1,40})$/.exec(pathname)?.[1];
    if (room === undefined) return new Response('No such page\n', { status: 404 });
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket')
      return new Response('This is a WebSocket\n', { status: 426, headers: { upgrade: 'websocket' } });
    const from = (searchParams.get('as') ?? '').trim().slice(0, 40) || 'somebody';
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    ctx.waitUntil(join({ server, rooms: env.ROOMS, room, from }));
    return new Response(null, { status: 101, webSocket: client });
  },
};

/**
 * One visitor, until the socket is closed. The room is in KV and not in memory: visitors of one room may be in different
 * instances, in different processes even, and a watch tells all of them.
 */
async function join({ server, rooms, room, from }) {
  const leaving = new AbortController();
  server.addEventListener('message', ({ data }) => {
    if (typeof data !== 'string' || data.length === 0 || data.length > longest)
      return server.close(1008, `text of 1 to ${longest} characters`);
    say(rooms, room, { from, text: data }).catch((error) => {
      console.error(error);
      server.close(1011, 'the message could not be kept');
    });
  });
  server.addEventListener('close', () => leaving.abort());
  // From now on nothing is missed: what is said while the past is read comes after it.
  const watch = rooms.watch(`${room}/`, { signal: leaving.signal });
  const { keys } = await rooms.list({ prefix: `${room}/`, limit: 100 });
  const past = await Promise.all(keys.map(({ name }) => rooms.get(name)));
  const seen = new Set(keys.map(({ name }) => name));
  for (const message of past) if (message !== null) server.send(message);
  try {
    for await (const { key, kind } of watch) {
      if (kind !== 'put' || seen.delete(key)) continue;
      const message = await rooms.get(key);
      if (message !== null) server.send(message);
    }
  } catch (error) {
    if (leaving.signal.aborted) return;
    console.error(error);
    server.close(1011, 'the room is gone');
  }
}

/** Keys are in the order of time; the counter tells messages of one moment apart. */
let count = 0;
async function say(rooms, room, { from, text }) {
  const at = Date.now();
  const key = `${room}/${String(at).padStart(15, '0')}-${String(++count).padStart(6, '0')}-${crypto.randomUUID().slice(0, 8)}`;
  await rooms.put(key, JSON.stringify({ from, text, at }), { expirationTtl: kept });
}

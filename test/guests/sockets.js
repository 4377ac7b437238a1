// A WebSocket that does what its messages say; other requests say what they are.
const open = new Set();
let count = 0;

export default {
  fetch(request, env, ctx) {
    const { searchParams } = new URL(request.url);
    if (request.headers.get('upgrade') !== 'websocket') return new Response(`no socket; ${open.size} open`);
    if (searchParams.has('refuse')) return new Response('not today', { status: 403 });
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    open.add(server);
    server.addEventListener('message', ({ data }) => {
      if (data === 'throw') throw new Error('on purpose');
      void act(server, data, env);
    });
    server.addEventListener('close', ({ code, reason, wasClean }) => {
      open.delete(server);
      console.log(`closed ${code} ${JSON.stringify(reason)} ${wasClean}`);
      if (searchParams.has('after')) ctx.waitUntil(env.KV.put('after', reason));
    });
    const headers = { 'x-guest': 'sockets' };
    const protocol = searchParams.get('protocol');
    if (protocol !== null) headers['sec-websocket-protocol'] = protocol;
    if (searchParams.has('late'))
      return new Promise((done) => setTimeout(() => done(answer(client, headers)), 20));
    return answer(client, headers);
  },
};

function answer(webSocket, headers) {
  return new Response(null, { status: 101, webSocket, headers });
}

async function act(server, data, env) {
  if (typeof data !== 'string') return server.send(data);
  const [verb, ...words] = data.split(' ');
  const number = Number(words[0]);
  if (verb === 'echo') server.send(words.join(' '));
  else if (verb === 'count') server.send(String(++count));
  else if (verb === 'open') server.send(String(open.size));
  else if (verb === 'all') for (const each of open) each.send(words.join(' '));
  else if (verb === 'close') server.close(number, words[1]);
  else if (verb === 'close-plain') server.close();
  else if (verb === 'bytes') server.send(new Uint8Array(number));
  else if (verb === 'text') server.send('x'.repeat(number));
  else if (verb === 'many') for (let i = 0; i < number; i++) server.send(`m${i}`);
  else if (verb === 'spin') spin(server, number);
  else if (verb === 'kv') server.send(await put(env, number));
  else if (verb === 'log') server.send(write(number));
  else if (verb === 'kept') server.send(String(await env.KV.get('after')));
  else if (verb === 'later') setTimeout(() => server.send('later'), number);
  else if (verb === 'grow') grow();
  else if (verb === 'state') server.send(`${server.readyState} ${server.bufferedAmount} ${server.protocol}`);
}

async function put(env, number) {
  for (let i = 0; i < number; i++) await env.KV.get('x');
  return 'read';
}

function write(number) {
  console.log('x'.repeat(number));
  return 'written';
}

function spin(server, turns) {
  let x = 0;
  for (let i = 0; i < turns * 1e6; i++) x = (x * 31 + i) | 0;
  server.send(`spun ${x === 0.5}`);
}

function grow() {
  const all = [];
  for (;;) all.push(`${all.length}`.repeat(10_000));
}

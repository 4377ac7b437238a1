// Opens the WebSocket its query names, as browsers do or as Workers do, and tells what came of it.
export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const url = searchParams.get('url');
    const protocols = searchParams.getAll('protocol');
    const headers = { upgrade: 'websocket', 'x-own': 'yes' };
    if (protocols.length > 0) headers['sec-websocket-protocol'] = protocols.join(', ');
    switch (searchParams.get('how')) {
      case 'browser':
        return Response.json(await talk(new WebSocket(url, protocols), searchParams));
      case 'workers': {
        const response = await fetch(url, { headers });
        const { status, webSocket } = response;
        if (webSocket === null) return Response.json({ status, text: await response.text() });
        webSocket.accept();
        return Response.json({ status, ...(await talk(webSocket, searchParams)) });
      }
      case 'proxy':
        return await fetch(url, { headers: request.headers });
      case 'pair':
        return Response.json(await within());
      case 'many': {
        const all = [];
        for (let i = 0; i < Number(searchParams.get('n')); i++) all.push(new WebSocket(url));
        await Promise.all(all.map((each) => new Promise((done) => (each.onopen = each.onerror = done))));
        return Response.json(all.map(({ readyState }) => readyState));
      }
      default:
        return new Response('how?', { status: 400 });
    }
  },
};

function talk(socket, searchParams) {
  const seen = { opened: socket.readyState === 1, messages: [], binaryType: socket.binaryType };
  return new Promise((done) => {
    const begin = () => {
      seen.opened = true;
      seen.protocol = socket.protocol;
      if (searchParams.has('first')) socket.send(searchParams.get('first'));
      if (searchParams.has('bytes')) socket.send(new Uint8Array(Number(searchParams.get('bytes'))));
    };
    if (socket.readyState === 1) begin();
    else socket.onopen = begin;
    socket.onerror = () => (seen.error = true);
    socket.onmessage = ({ data, origin }) => {
      seen.messages.push(
        typeof data === 'string' ? data : `${data.constructor.name} ${data.size ?? data.byteLength}`,
      );
      seen.origin = origin;
      if (!searchParams.has('stay')) socket.close(3000, 'enough');
    };
    socket.onclose = ({ code, reason, wasClean }) => done({ ...seen, code, reason, wasClean });
  });
}

async function within() {
  const { 0: one, 1: other } = new WebSocketPair();
  const seen = [];
  other.accept();
  other.addEventListener('message', ({ data }) => other.send(`${data}!`));
  other.addEventListener('close', ({ code, reason }) => seen.push(`other ${code} ${reason}`));
  one.accept();
  one.send('a');
  const answer = await new Promise((done) => one.addEventListener('message', ({ data }) => done(data)));
  one.close(4000, 'done');
  await new Promise((done) => one.addEventListener('close', done));
  return { answer, seen, states: [one.readyState, other.readyState] };
}

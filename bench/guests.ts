/** Functions the bench deploys. */
export const helloText = 'Hello World!';

export const helloSource = `export default {
  fetch() {
    return new Response('Hello World!');
  },
};
`;

export const lambdaSource = `export const handler = async (event) => {
  return { statusCode: 200, headers: { 'content-type': 'text/plain;charset=UTF-8' }, body: 'Hello World!' };
};
`;

export const echoSource = `export default {
  async fetch(request) {
    return Response.json(await request.json());
  },
};
`;

/** Passes the body through untouched. */
export const socketSource = `export default {
  fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener('message', ({ data }) => server.send(data));
    return new Response(null, { status: 101, webSocket: client });
  },
};
`;

export const pipeSource = `export default {
  fetch(request) {
    return new Response(request.body);
  },
};
`;

/** Times its own operations: `?verb=put|get|list&count=N&width=N`; answers { ms, count }. */
export const kvSource = `export default {
  async fetch(request, env) {
    const { searchParams } = new URL(request.url);
    const verb = searchParams.get('verb');
    const count = Number(searchParams.get('count'));
    const width = Number(searchParams.get('width'));
    const value = 'v'.repeat(100);
    const began = Date.now();
    const one = {
      put: (i) => env.KV.put('key-' + (i % 1000), value + i + began),
      get: (i) => env.KV.get('key-' + (i % 1000)),
      list: () => env.KV.list({ limit: 100 }),
    }[verb];
    let next = 0;
    const lane = async () => {
      while (next < count) await one(next++);
    };
    await Promise.all(Array.from({ length: width }, lane));
    return Response.json({ ms: Date.now() - began, count });
  },
};
`;

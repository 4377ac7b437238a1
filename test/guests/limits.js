// One guest that does what its query asks, for the tests of limits.
const held = [];

function burn(rounds) {
  let x = 1;
  for (let i = 0; i < rounds * 10_000; i++) x = (x * 1103515245 + 12345) % 2147483648;
  return x;
}

const acts = {
  burn: (n) => `${burn(n)}`,
  loop: () => {
    for (;;);
  },
  chain: () => {
    const next = () => Promise.resolve().then(next);
    return next();
  },
  timerLoop: () => new Promise(() => setTimeout(() => acts.loop(), 5)),
  rejectedLoop: async () => {
    for (;;) await null;
  },
  wait: (n) => new Promise((resolve) => setTimeout(() => resolve('waited'), n)),
  never: () => new Promise(() => {}),
  array: (n) => {
    for (let i = 0; i < n; i++) held.push(new Array(131_072).fill(i));
    return `${held.length}`;
  },
  strings: () => {
    for (let i = 0; ; i++) held.push(`${i}`.repeat(1000).split(''));
  },
  buffer: (n) => `${new Uint8Array(n * 2 ** 20).fill(1).length}`,
  resizable: (n) => {
    const buffer = new ArrayBuffer(1, { maxByteLength: n * 2 ** 20 });
    buffer.resize(n * 2 ** 20);
    return `${new Uint8Array(buffer).fill(1).length}`;
  },
  recursion: () => {
    const deep = () => deep() + 1;
    return `${deep()}`;
  },
  body: (n) => 'x'.repeat(n),
  kv: async (n, env) => {
    for (let i = 0; i < n; i++) await env.KV.get('nothing');
    return 'read';
  },
  fetch: async (n, _env, { url, headers }) => {
    const self = new URL(`${headers.get('x-forwarded-prefix')}/?act=body&n=1`, url);
    for (let i = 0; i < n; i++) await (await fetch(self)).text();
    return 'fetched';
  },
  log: (n) => {
    console.log('x'.repeat(n));
    return 'logged';
  },
  read: async (_n, _env, request) => `${(await request.arrayBuffer()).byteLength}`,
  stream: (n) =>
    new ReadableStream({
      pull(controller) {
        if (n <= 0) return controller.close();
        const size = Math.min(n, 1000);
        n -= size;
        controller.enqueue(new Uint8Array(size));
      },
    }),
};

export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const act = acts[url.searchParams.get('act')];
    return new Response(await act(Number(url.searchParams.get('n')), env, request));
  },
};

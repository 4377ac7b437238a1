// Every part of the web platform that the README names, used once as code in the wild uses it.
const text = async (stream) => new Response(stream).text();
const hex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('');

const uses = {
  request: () => new Request('http://a/b', { method: 'POST', body: 'x' }).text(),
  response: async () => (await Response.json({ a: 1 }).json()).a,
  headers: () => [
    ...new Headers([
      ['B', '1'],
      ['a', '2'],
      ['b', '3'],
    ]),
  ],
  url: () => new URL('../c?d#e', 'http://a/b/').href,
  params: () => new URLSearchParams('a=1&a=2').getAll('a'),
  encoding: () => new TextDecoder().decode(new TextEncoder().encode('grün')),
  streams: () =>
    text(
      new Blob(['abc']).stream().pipeThrough(
        new TransformStream({
          transform: (chunk, controller) => controller.enqueue(chunk.toReversed()),
        }),
      ),
    ),
  blob: () => new Blob(['ab', 'cd']).slice(1, 3).text(),
  file: () => new File(['x'], 'name.txt', { type: 'text/plain' }).name,
  form: async () => {
    const form = new FormData();
    form.set('file', new File(['inside'], 'f.txt'));
    return (await new Response(form).formData()).get('file').text();
  },
  abort: () => {
    const controller = new AbortController();
    controller.abort();
    return controller.signal.reason.name;
  },
  events: () => {
    let heard = '';
    const target = new EventTarget();
    target.addEventListener('ping', (event) => (heard = event.type));
    target.dispatchEvent(new Event('ping'));
    return heard;
  },
  timers: () =>
    new Promise((resolve) => {
      const id = setInterval(() => {
        clearInterval(id);
        setTimeout(resolve, 1, 'fired');
      }, 1);
    }),
  microtask: () => new Promise((resolve) => queueMicrotask(() => resolve('ran'))),
  clone: () =>
    structuredClone(new Map([['a', new Date(0)]]))
      .get('a')
      .getTime(),
  base64: () => atob(btoa('abc')),
  random: () => crypto.getRandomValues(new Uint8Array(16)).some((byte) => byte > 0),
  uuid: () => crypto.randomUUID(),
  sha1: async () => hex(await crypto.subtle.digest('SHA-1', new TextEncoder().encode('abc'))),
  sha256: async () => hex(await crypto.subtle.digest('SHA-256', new TextEncoder().encode('abc'))),
  sha384: async () => hex(await crypto.subtle.digest('SHA-384', new TextEncoder().encode('abc'))),
  sha512: async () => hex(await crypto.subtle.digest({ name: 'SHA-512' }, new TextEncoder().encode('abc'))),
  console: () => console.log('a line', { of: [1, 2] }),
  performance: () => performance.now() >= 0,
  fetch: async (env) => (await fetch(env.UPSTREAM, { method: 'POST', body: 'sent out' })).text(),
};

export default {
  async fetch(_request, env) {
    const results = {};
    for (const [name, use] of Object.entries(uses)) {
      try {
        results[name] = (await use(env)) ?? null;
      } catch (error) {
        results[name] = `failed: ${error.stack}`;
      }
    }
    return Response.json(results);
  },
};

// Responses at the edges of what HTTP carries, by path.
const answers = {
  '/cookies': () => {
    const headers = new Headers();
    headers.append('set-cookie', 'a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT');
    headers.append('set-cookie', 'b=2');
    headers.append('x-list', 'one');
    headers.append('x-list', 'two');
    return new Response('two cookies', { headers });
  },
  '/forbidden-headers': () =>
    new Response('12345', {
      headers: {
        'transfer-encoding': 'chunked',
        connection: 'x-listed',
        'x-listed': 'yes',
        'keep-alive': 'timeout=9999',
        trailer: 'x-trailer',
        'x-islet-id': 'mine',
        'x-islet-error': 'ERR_MINE',
        'content-length': '3',
      },
    }),
  '/status': (url) => {
    const status = Number(url.searchParams.get('status'));
    const none = [204, 205, 304].includes(status);
    return new Response(none ? null : `status ${status}`, { status });
  },
  '/length': () => new Response('five!', { headers: { 'x-is': 'head or get' } }),
  '/stream': () =>
    new Response(
      new ReadableStream({
        async start(controller) {
          for (const piece of ['a', 'bb', 'ccc']) {
            controller.enqueue(new TextEncoder().encode(piece));
            await new Promise((resolve) => setTimeout(resolve, 1));
          }
          controller.close();
        },
      }),
    ),
  '/ignores-body': () => new Response('did not read it'),
  '/breaks': () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('begun'));
          setTimeout(() => controller.error(new Error('secret of the stream')), 5);
        },
      }),
    ),
};

export default {
  fetch(request) {
    const url = new URL(request.url);
    return answers[url.pathname](url, request);
  },
};

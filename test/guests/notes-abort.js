// Waits for its client to go away, and notes it in KV. `form`: stream, wait or timer says what it is doing meanwhile.
export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.pathname === '/noted') return Response.json((await env.KV.list()).keys.map((key) => key.name));
    const form = url.searchParams.get('form');
    const gone = new Promise((resolve) => {
      request.signal.addEventListener('abort', () => resolve(request.signal.reason.name));
    });
    const noted = gone.then((reason) => env.KV.put(`${form}:${reason}`, ''));
    ctx.waitUntil(noted);
    if (form === 'wait') {
      await noted;
      return new Response('nobody reads this');
    }
    await env.KV.put(`${form}:begun`, '');
    const encoder = new TextEncoder();
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(encoder.encode('first'));
        },
        cancel: () => env.KV.put(`${form}:cancelled`, ''),
      }),
    );
  },
};

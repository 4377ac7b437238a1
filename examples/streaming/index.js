/**
 * GET  /clock?ticks=5&every=200  a line every so many milliseconds, as server-sent events
 * POST /shout                    the request body in capitals, piece by piece as it arrives
 */
export default {
  fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === '/clock') return clock(request, url.searchParams);
    if (url.pathname === '/shout' && request.body !== null) return shout(request.body);
    return new Response('GET /clock?ticks=5&every=200, or POST text to /shout\n', {
      status: url.pathname === '/' ? 200 : 404,
    });
  },
};

function clock(request, parameters) {
  const ticks = Math.min(Number(parameters.get('ticks') ?? 5), 100);
  const every = Math.min(Number(parameters.get('every') ?? 200), 10_000);
  const { readable, writable } = new TransformStream();
  const encoder = new TextEncoder();
  const writer = writable.getWriter();
  const tick = async () => {
    for (let count = 1; count <= ticks && !request.signal.aborted; count++) {
      await writer.write(encoder.encode(`id: ${count}\ndata: ${new Date().toISOString()}\n\n`));
      if (count < ticks) await new Promise((resolve) => setTimeout(resolve, every));
    }
    await writer.close();
  };
  // A client that goes away breaks the stream: nothing is left to do.
  tick().catch(() => {});
  return new Response(readable, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
  });
}

function shout(body) {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  const capitals = new TransformStream({
    transform(bytes, controller) {
      controller.enqueue(encoder.encode(decoder.decode(bytes, { stream: true }).toUpperCase()));
    },
    flush(controller) {
      controller.enqueue(encoder.encode(decoder.decode().toUpperCase()));
    },
  });
  return new Response(body.pipeThrough(capitals), {
    headers: { 'content-type': 'text/plain;charset=UTF-8' },
  });
}

/** Passes every request on to UPSTREAM and says in a header how long it took. Bodies stream both ways. */
export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    // "./" keeps every path below the upstream's own, "//elsewhere/" too.
    const address = new URL(`.${pathname}${search}`, env.UPSTREAM.replace(/\/*$/, '/'));
    const headers = new Headers(request.headers);
    for (const name of ['host', 'accept-encoding', 'cookie', 'authorization']) headers.delete(name);
    const startedAt = performance.now();
    try {
      const answer = await fetch(address, {
        method: request.method,
        headers,
        body: request.body,
        duplex: 'half',
        redirect: 'manual',
        signal: request.signal,
      });
      const passed = new Response(answer.body, answer);
      passed.headers.set('server-timing', `upstream;dur=${Math.round(performance.now() - startedAt)}`);
      return passed;
    } catch (error) {
      console.error(`${address} did not answer`, error);
      return Response.json({ error: 'The upstream did not answer' }, { status: 502 });
    }
  },
};

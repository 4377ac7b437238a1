// Answers at once, then waits for the key "go", and stores "done": / begins, /go lets it, /done says what was stored.
export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/done') return new Response((await env.KV.get('done')) ?? 'not yet');
    if (pathname === '/go') {
      await env.KV.put('go', 'yes');
      return new Response('going');
    }
    const work = async () => {
      while ((await env.KV.get('go')) === null) await new Promise((resolve) => setTimeout(resolve, 10));
      console.log('working on');
      await env.KV.put('done', 'yes');
      if (searchParams.has('fail')) throw new Error('after the response');
    };
    ctx.waitUntil(work());
    return new Response('passThroughOnException' in ctx ? 'passes through' : 'answered');
  },
};

// PUT stores the body under the path, GET reads it.
export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname;
    if (request.method === 'PUT') await env.KV.put(key, await request.text());
    return new Response(await env.KV.get(key));
  },
};

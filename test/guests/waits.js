// Waits as many milliseconds as ?ms= says, after noting in KV that it has begun.
export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    const ms = Number(url.searchParams.get('ms') ?? 0);
    if (env.KV !== undefined) await env.KV.put(`begun:${crypto.randomUUID()}`, '');
    await new Promise((resolve) => setTimeout(resolve, ms));
    return new Response(`${request.method} ${env.MARK ?? 'waited'}`);
  },
};

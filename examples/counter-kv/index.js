/** GET / lists the counters, GET /name reads one, POST /name adds one to it, DELETE /name forgets it. */
export default {
  async fetch(request, env) {
    const name = decodeURIComponent(new URL(request.url).pathname.slice(1));
    if (name === '') return list(env.COUNTS);
    switch (request.method) {
      case 'GET':
        return Response.json({ name, count: await read(env.COUNTS, name) });
      case 'POST': {
        // Two calls at the same moment may read the same number: KV has no counters. Keep one key a visit where
        // every one must count.
        const count = (await read(env.COUNTS, name)) + 1;
        await env.COUNTS.put(name, String(count), { metadata: { at: Date.now() } });
        return Response.json({ name, count });
      }
      case 'DELETE':
        await env.COUNTS.delete(name);
        return new Response(null, { status: 204 });
      default:
        return Response.json(
          { error: 'Use GET, POST or DELETE' },
          { status: 405, headers: { allow: 'GET, POST, DELETE' } },
        );
    }
  },
};

async function read(counts, name) {
  return Number((await counts.get(name)) ?? 0);
}

async function list(counts) {
  const { keys } = await counts.list();
  return Response.json({ counters: keys.map((key) => ({ name: key.name, changedAt: key.metadata?.at })) });
}

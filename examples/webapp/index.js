import { createEntry, deleteEntry, listEntries } from './entries.js';

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

/** The page and the API it calls; its style and script are static files, answered before this is asked. */
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/api/entries')) return api(request, env.ENTRIES, pathname);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Use GET');
    if (pathname === '/') return page(request, env.ASSETS);
    return refuse(404, `There is no ${pathname}`);
  },
};

async function api(request, entries, pathname) {
  const id = decodeURIComponent(pathname.slice('/api/entries'.length + 1));
  if (id === '' && request.method === 'GET') return Response.json(await listEntries(entries));
  if (id === '' && request.method === 'POST') {
    const { entry, problem } = await createEntry(entries, await request.json().catch(() => undefined));
    return entry === undefined ? refuse(400, problem) : Response.json(entry, { status: 201 });
  }
  if (id !== '' && request.method === 'DELETE') {
    await deleteEntry(entries, id);
    return new Response(null, { status: 204 });
  }
  return refuse(405, 'Use GET or POST on /api/entries, DELETE on /api/entries/ID');
}

/** The page works at webapp.localhost/ and under /webapp/: its addresses are relative to where it was asked for. */
async function page(request, assets) {
  const prefix = request.headers.get('x-forwarded-prefix') ?? '';
  const html = await (await assets.fetch('/page.html')).text();
  const base = `<base href="${encodeURI(prefix).replaceAll('"', '%22')}/" />`;
  return new Response(html.replace('<base href="/" />', base), {
    headers: {
      'content-type': 'text/html;charset=UTF-8',
      'cache-control': 'no-cache',
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
    },
  });
}

function refuse(status, error) {
  return Response.json({ error }, { status });
}

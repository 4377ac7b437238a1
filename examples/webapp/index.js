import { createEntry, deleteEntry, listEntries } from './entries.js';
import html from './page/index.html';
import css from './page/style.css';
import script from './page/script.js' with { type: 'text' };

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

/** The page, its two files, and the API they call. */
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/api/entries')) return api(request, env.ENTRIES, pathname);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Use GET');
    switch (pathname) {
      case '/':
        return file(page(request), 'text/html', { 'content-security-policy': policy });
      case '/style.css':
        return file(css, 'text/css');
      case '/script.js':
        return file(script, 'text/javascript');
      default:
        return refuse(404, `There is no ${pathname}`);
    }
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
function page(request) {
  const prefix = request.headers.get('x-forwarded-prefix') ?? '';
  return html.replace('<base href="/" />', `<base href="${encodeURI(prefix).replaceAll('"', '%22')}/" />`);
}

function file(text, type, headers = {}) {
  return new Response(text, {
    headers: {
      'content-type': `${type};charset=UTF-8`,
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      ...headers,
    },
  });
}

function refuse(status, error) {
  return Response.json({ error }, { status });
}

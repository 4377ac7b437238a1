import { addNote, listNotes, removeNote } from './notes.js';
import html from './page/index.html';
import css from './page/style.css';
import script from './page/script.js' with { type: 'text' };

const policy =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'self'; frame-ancestors 'none'";

/**
 * A page anybody may see, and an API for those who are signed in: the host checks that before this program runs, as
 * islet.json says under "routes", and ctx.user is the user. Signing in itself is at /auth/sign-in, by the AUTH binding.
 */
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith('/api/')) return api(request, env.NOTES, ctx.user);
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Use GET');
    switch (pathname) {
      case '/':
        return file(page(request, ctx.user), 'text/html', { 'content-security-policy': policy });
      case '/style.css':
        return file(css, 'text/css');
      case '/script.js':
        return file(script, 'text/javascript');
      default:
        return refuse(404, `There is no ${pathname}`);
    }
  },
};

async function api(request, notes, user) {
  const { pathname } = new URL(request.url);
  const id = decodeURIComponent(pathname.slice('/api/notes'.length + 1));
  if (!/^\/api\/notes(?:\/|$)/.test(pathname)) return refuse(404, `There is no ${pathname}`);
  if (id === '' && request.method === 'GET') return Response.json(await listNotes(notes, user.id));
  if (id === '' && request.method === 'POST') {
    const { note, problem } = await addNote(notes, user.id, await request.json().catch(() => undefined));
    return note === undefined ? refuse(400, problem) : Response.json(note, { status: 201 });
  }
  if (id !== '' && request.method === 'DELETE') {
    await removeNote(notes, user.id, id);
    return new Response(null, { status: 204 });
  }
  return refuse(405, 'Use GET or POST on /api/notes, DELETE on /api/notes/ID');
}

/** The page works at webapp-auth.localhost/ and under /webapp-auth/; it says whether somebody is signed in. */
function page(request, user) {
  const prefix = encodeURI(request.headers.get('x-forwarded-prefix') ?? '').replaceAll('"', '%22');
  return html
    .replace('<base href="/" />', `<base href="${prefix}/" />`)
    .replace('data-signed-in="no"', user ? 'data-signed-in="yes"' : 'data-signed-in="no"');
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

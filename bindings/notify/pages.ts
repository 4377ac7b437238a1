import { escapeHtml } from './template.ts';

/** Small pages without scripts or anything from elsewhere. */
const style =
  'body{font:1rem/1.5 system-ui,sans-serif;max-width:30rem;margin:15vh auto;padding:0 1rem;color:#222;background:#fff}button{font:inherit;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#1a5fb4;color:#fff}@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}}';
const policy = `default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;

export function saidPage(status: number, title: string, text: string): Response {
  return page(status, title, `<p>${escapeHtml(text)}</p>`);
}

/** A question with one button, which posts the token to where the page came from. */
export function questionPage(
  title: string,
  text: string,
  { label, token }: { readonly label: string; readonly token: string },
): Response {
  const action = `?token=${encodeURIComponent(token)}`;
  const form = `<form method="post" action="${escapeHtml(action)}"><button>${escapeHtml(label)}</button></form>`;
  return page(200, title, `<p>${escapeHtml(text)}</p>${form}`);
}

function page(status: number, title: string, body: string): Response {
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title><style>${style}</style></head><body><h1>${escapeHtml(title)}</h1>${body}</body></html>`;
  return new Response(html, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  });
}

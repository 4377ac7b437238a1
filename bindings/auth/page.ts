import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Base, Home } from './home.ts';

const folder = join(import.meta.dirname, 'page');
let files: { readonly html: string; readonly css: string; readonly js: string } | undefined;

/**
 * The page people sign in on, and the one for their account: one document with what it needs in it, no other requests
 * but to the pool's endpoints.
 */
export function pageResponse(home: Home, base: Base, request: Request): Response {
  const { config } = home.options;
  const { html, css, js } = (files ??= read());
  const nonce = randomBytes(16).toString('base64');
  const url = new URL(request.url);
  const facts = {
    base: home.baseUrl(base),
    mode: url.pathname.endsWith('/account') ? 'account' : 'sign-in',
    title: config.title,
    signUp: config.signUp,
    passwordLength: config.passwordLength,
    providers: config.providers.map(({ id, name }) => ({ id, name: name ?? id })),
    to: safeTarget(url.searchParams.get('to'), home, base),
    home: `${base.origin}${base.prefix}/`,
  };
  const theme = Object.entries(config.theme).map(([name, value]) => `--${name}:${value};`);
  const parts: Readonly<Record<string, string>> = {
    title: escapeHtml(config.title),
    style: `<style nonce="${nonce}">${css}\n:root{${theme.join('')}}</style>`,
    logo: config.logo === undefined ? '' : `<img class="logo" alt="" src="${escapeHtml(config.logo)}">`,
    // "<" alone could end the element it is in.
    facts: `<script type="application/json" id="facts" nonce="${nonce}">${JSON.stringify(facts).replaceAll('<', '\\u003c')}</script>`,
    script: `<script type="module" nonce="${nonce}">${js}</script>`,
  };
  const body = html.replaceAll(/<!--(\w+)-->/g, (_, name: string) => parts[name] ?? '');
  return new Response(request.method === 'HEAD' ? null : body, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; img-src data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
    },
  });
}

/** Where to go after signing in: an address of the function, or of an origin that is configured; else the function. */
export function safeTarget(given: string | null, home: Home, base: Base): string {
  const fallback = `${base.origin}${base.prefix}/`;
  if (given === null || /[\p{Cc}\\]/u.test(given)) return fallback;
  const url = URL.parse(given, base.origin);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return fallback;
  if (url.username !== '' || url.password !== '') return fallback;
  return url.origin === base.origin || home.options.config.redirects.includes(url.origin)
    ? url.href
    : fallback;
}

function read(): { readonly html: string; readonly css: string; readonly js: string } {
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8');
  return { html: file('page.html'), css: file('page.css'), js: file('page.js') };
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

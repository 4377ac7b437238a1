import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { HostError } from '#runtime/errors.ts';

/** Compares two secrets in a time that does not depend on where they differ, nor on their lengths. */
export function equalSecrets(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

/** Throws HostError ERR_UNAUTHORIZED unless the request carries `Authorization: Bearer <token>` (RFC 6750, 2.1). */
export function checkBearer(request: Request, token: string): void {
  const header = request.headers.get('authorization') ?? '';
  const given = /^bearer +(\S+) *$/i.exec(header)?.[1];
  if (given !== undefined && equalSecrets(given, token)) return;
  throw new HostError(
    'ERR_UNAUTHORIZED',
    `Cannot use the admin API: ${header === '' ? 'no token was sent' : 'the token is not this host’s'}; ` +
      'send "Authorization: Bearer" with the content of the file "token" in the data directory',
  );
}

/**
 * Throws HostError ERR_BAD_REQUEST for a request that a browser sends for somebody else's page: a `Host` that is a
 * DNS name which is not ours (DNS rebinding needs one), or an `Origin` other than the listener itself.
 */
export function checkSender(request: Request, hostnames: readonly string[]): void {
  const authority = request.headers.get('host') ?? new URL(request.url).host;
  const hostname = hostnameOf(authority);
  if (hostname === undefined || !isOurs(hostname, hostnames)) {
    throw new HostError(
      'ERR_BAD_REQUEST',
      `Cannot use the admin API as ${JSON.stringify(authority)}: it answers to localhost and to addresses; call it by one of these`,
    );
  }
  const origin = request.headers.get('origin');
  if (origin === null || origin === `http://${authority}` || origin === `https://${authority}`) return;
  throw new HostError(
    'ERR_BAD_REQUEST',
    `Cannot use the admin API from a page of ${JSON.stringify(origin)}: only pages of its own origin may call it`,
  );
}

function isOurs(hostname: string, hostnames: readonly string[]): boolean {
  return hostname === 'localhost' || isIP(hostname) !== 0 || hostnames.includes(hostname);
}

function hostnameOf(authority: string): string | undefined {
  if (/[/?#@\\]/.test(authority) || !URL.canParse(`http://${authority}`)) return undefined;
  return new URL(`http://${authority}`).hostname.replace(/^\[|\]$/g, '');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

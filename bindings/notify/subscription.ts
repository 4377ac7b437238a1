import { createPublicKey } from 'node:crypto';
import { checkAddress } from '#bindings/mail/check.ts';
import {
  describe,
  optionalText,
  parseFlag,
  parseMembers,
  parseText,
  parseUser,
  refuse,
} from './arguments.ts';
import { parseFilter } from './filter.ts';
import type { FilterPolicy } from './filter.ts';
import { shortHash } from './space.ts';
import type { SubscriptionTarget } from './records.ts';

/** What a subscriber gave, checked; a webhook's secret is not sealed yet. */
export interface ParsedSubscription {
  readonly target:
    | Exclude<SubscriptionTarget, { channel: 'webhook' }>
    | { readonly channel: 'webhook'; readonly url: string };
  readonly secret?: string;
  readonly user?: string;
  readonly filter?: FilterPolicy;
  /** The function vouches for the address. */
  readonly confirmed: boolean;
}

const targets = ['function', 'webhook', 'email', 'push', 'inbox'] as const;
const keys: readonly string[] = [...targets, 'secret', 'user', 'filter', 'confirmed'];
const functionPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes. */
const secretPattern = /^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/;

/** One of `{ function }`, `{ webhook, secret? }`, `{ email }`, `{ push }`, `{ inbox }`, with `user`, `filter`, `confirmed`. */
export function parseSubscription(value: unknown): ParsedSubscription {
  const members = parseMembers('subscription', value, keys);
  const named = targets.filter((target) => members[target] !== undefined);
  const [channel] = named;
  if (channel === undefined || named.length > 1) {
    throw new TypeError(`subscription names ${named.length} receivers; use one of ${targets.join(', ')}`);
  }
  const { user, filter } = members;
  const secret = optionalText('secret', members['secret'], 128);
  if (secret !== undefined && (channel !== 'webhook' || !secretPattern.test(secret))) {
    throw refuse('Cannot use secret; give "whsec_" and base64 of 24 to 64 bytes, to webhooks only');
  }
  return {
    target: parseTarget(channel, members[channel]),
    confirmed: parseFlag('confirmed', members['confirmed']),
    ...(secret === undefined ? {} : { secret }),
    ...(user === undefined || user === null ? {} : { user: parseUser(user) }),
    ...(filter === undefined || filter === null ? {} : { filter: parseFilter(filter) }),
  };
}

function parseTarget(channel: (typeof targets)[number], value: unknown): ParsedSubscription['target'] {
  switch (channel) {
    case 'function':
      return { channel, function: parseFunction(value) };
    case 'webhook':
      return { channel, url: parseEndpoint('webhook', value) };
    case 'email':
      return { channel, address: parseEmail(value) };
    case 'inbox':
      return { channel, user: parseUser(value) };
    case 'push':
      return parsePush(value);
  }
}

function parseFunction(value: unknown): string {
  const name = parseText('function', value, 63);
  if (functionPattern.test(name)) return name;
  throw refuse(`Cannot subscribe function ${JSON.stringify(name)}; give the name of a function`);
}

/** Lower-case domain, since that is what mail servers compare. */
export function parseEmail(value: unknown): string {
  const address = parseText('email', value, 254);
  try {
    checkAddress('email', address);
  } catch {
    throw refuse(`Cannot send to ${describe(address)}: it is no address; use e.g. "user@example.com"`);
  }
  const at = address.lastIndexOf('@');
  if (address.includes('<')) throw refuse(`Cannot send to ${describe(address)}; give the address alone`);
  return `${address.slice(0, at).trim()}@${address
    .slice(at + 1)
    .trim()
    .toLowerCase()}`;
}

function parseEndpoint(what: string, value: unknown): string {
  const text = parseText(what, value, 2048);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && url.username === '' && url.password === '' && url.hash === '';
  if (plain && (url.protocol === 'https:' || url.protocol === 'http:')) return url.href;
  throw refuse(`Cannot use ${what} ${describe(text)}; give an https address without user and fragment`);
}

/** As `PushSubscription.toJSON()` gives it (Push API, 8). */
function parsePush(value: unknown): ParsedSubscription['target'] {
  const members = parseMembers('push', value, ['endpoint', 'keys', 'expirationTime']);
  const given = parseMembers('push.keys', members['keys'], ['p256dh', 'auth']);
  const point = Buffer.from(parseText('push.keys.p256dh', given['p256dh'], 128), 'base64url');
  const auth = Buffer.from(parseText('push.keys.auth', given['auth'], 64), 'base64url');
  if (!isPoint(point) || auth.length !== 16) {
    throw refuse(
      'Cannot use push keys: p256dh is a point of P-256 in 65 bytes and auth has 16, in base64url; give what the browser gave',
    );
  }
  return {
    channel: 'push',
    endpoint: parseEndpoint('push.endpoint', members['endpoint']),
    // One spelling, whatever the browser's.
    p256dh: point.toString('base64url'),
    auth: auth.toString('base64url'),
  };
}

/** Uncompressed, on the curve P-256: what a message can be encrypted for (RFC 8291, 3.1). */
function isPoint(point: Buffer): boolean {
  if (point.length !== 65) return false;
  try {
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'));
    createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' }, format: 'jwk' });
    return point[0] === 4;
  } catch {
    return false;
  }
}

/** The same for the same receiver: one topic has it once. */
export function fingerprint(target: ParsedSubscription['target'] | SubscriptionTarget): string {
  return shortHash(`${target.channel}\n${addressOf(target)}`, 40);
}

function addressOf(target: ParsedSubscription['target'] | SubscriptionTarget): string {
  switch (target.channel) {
    case 'function':
      return target.function;
    case 'webhook':
      return target.url;
    case 'email':
      return target.address;
    case 'push':
      return target.endpoint;
    case 'inbox':
      return target.user;
  }
}

/** As people read it, in lists and logs: endpoints of push services are secrets, and shortened. */
export function toLabel(target: SubscriptionTarget): string {
  return target.channel === 'push' ? new URL(target.endpoint).host : addressOf(target);
}

import { checkAddress } from '#bindings/mail/check.ts';
import { describe, parseMembers } from './arguments.ts';

export interface NotifyConfig {
  /** Topics, subscriptions and inboxes to use instead of the function's own. */
  readonly space?: string;
  /** Where the function's addresses serve links, inboxes and the push key. */
  readonly path: string;
  /** The function's own address, for links in messages, e.g. `https://shop.example.com`; no slash at its end. */
  readonly url?: string;
  /** Sender of mails. */
  readonly from?: string;
  /** `mailto:` or `https:`: whom push services may turn to (RFC 8292, 2.1). */
  readonly contact?: string;
  /** How long messages, their logs and dead letters are kept. */
  readonly retentionDays: number;
  /** How long the id of a message keeps others with the same id out. */
  readonly dedupSeconds: number;
  /** How long an inbox keeps an item. */
  readonly inboxDays: number;
}

const keys: readonly string[] = [
  'space',
  'path',
  'url',
  'from',
  'contact',
  'retentionDays',
  'dedupSeconds',
  'inboxDays',
];
/** A space, or another function's own: "function/NAME". */
const spacePattern = /^[A-Za-z0-9][\w.-]{0,63}(?:\/[A-Za-z_$][\w$]{0,63})?$/;
const pathPattern = /^(?:\/[\w.~-]+)+$/;

/** Unknown to config: nothing, a space, or an object. Throws a TypeError that says what would work. */
export function parseNotifyConfig(config: unknown): NotifyConfig {
  const given = typeof config === 'string' ? { space: config } : config;
  const members = parseMembers('Notify binding', given, keys);
  const { space, path, url, from, contact } = members;
  return {
    ...(space === undefined ? {} : { space: parseSpace(space) }),
    path: matching('path', path ?? '/notifications', pathPattern, '"/notifications"'),
    ...(url === undefined ? {} : { url: parseUrl(url) }),
    ...(from === undefined ? {} : { from: parseFrom(from) }),
    ...(contact === undefined
      ? {}
      : {
          contact: matching(
            'contact',
            contact,
            /^(?:mailto:\S+@\S+|https:\/\/\S+)$/,
            '"mailto:you@example.com"',
          ),
        }),
    retentionDays: whole('retentionDays', members['retentionDays'] ?? 14, 1, 365),
    dedupSeconds: whole('dedupSeconds', members['dedupSeconds'] ?? 86_400, 1, 30 * 86_400),
    inboxDays: whole('inboxDays', members['inboxDays'] ?? 90, 1, 3650),
  };
}

function parseSpace(value: unknown): string {
  return matching('space', value, spacePattern, '"main", or another function\'s own, e.g. "shop/NOTIFY"');
}

function parseFrom(value: unknown): string {
  checkAddress('from', value);
  return value as string;
}

function parseUrl(value: unknown): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  if (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.search === '' &&
    url.hash === ''
  ) {
    return url.href.replace(/\/+$/, '');
  }
  throw new TypeError(
    `Notify url is ${describe(value)}; use the function's address, e.g. "https://shop.example.com"`,
  );
}

function matching(what: string, value: unknown, pattern: RegExp, example: string): string {
  if (typeof value === 'string' && pattern.test(value) && value.length <= 256) return value;
  throw new TypeError(`Notify ${what} is ${describe(value)}; use e.g. ${example}`);
}

function whole(what: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new TypeError(`Notify ${what} is ${describe(value)}; use a whole number from ${least} to ${most}`);
}

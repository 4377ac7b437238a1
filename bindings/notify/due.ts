import type { Change } from '#bindings/store/store.ts';
import { noBytes, priorities } from './records.ts';
import type { Channel, Priority, SubscriptionTarget } from './records.ts';
import { shortHash, toTime } from './space.ts';
import type { Space } from './space.ts';

/**
 * The outbox's order: `due/<priority>/<time>/<destination>/<job>`, so that one list of keys says what is due, where it
 * goes and how urgent it is. The value is how often it was begun. A job under way lies at the time its lease ends.
 */
export interface Due {
  readonly key: string;
  readonly priority: Priority;
  readonly at: number;
  readonly destination: string;
  readonly job: Job;
}

export type Job =
  /** Hand a message out: deliveries for its subscriptions. */
  | { readonly kind: 'message'; readonly message: string }
  | { readonly kind: 'delivery'; readonly message: string; readonly delivery: string }
  /** Ask a subscriber whether it wants to be one. */
  | { readonly kind: 'challenge'; readonly subscription: string };

export interface DuePlace {
  readonly priority: Priority;
  readonly at: number;
  readonly destination: string;
  readonly job: Job;
}

export const handOut = 'x';

export function duePrefix(space: Space, priority: Priority): string {
  return space.under('due', String(priorities.indexOf(priority)));
}

export function dueKey(space: Space, { priority, at, destination, job }: DuePlace): string {
  return space.key('due', String(priorities.indexOf(priority)), toTime(at), destination, toText(job));
}

/** A job in its place, begun `attempts` times. */
export function putDue(space: Space, place: DuePlace, attempts: number): Change {
  const value = attempts === 0 ? noBytes : Buffer.from(String(attempts));
  return { kind: 'put', key: dueKey(space, place), value };
}

/** With it goes the marker that tells other hosts of the space. */
export function markSpace(space: Space): Change {
  return { kind: 'put', key: space.marker, value: noBytes };
}

export function parseDue(key: string): Due {
  const [job = '', destination = '', time = '', priority = ''] = key
    .split('/')
    .slice(-4)
    .toReversed()
    .map(decodeURIComponent);
  return {
    key,
    priority: priorities[Number(priority)] ?? 'normal',
    at: Number(time),
    destination,
    job: parseJob(job),
  };
}

/** What shares a limit: a server, a function, the mail server, the inboxes. The first letter is the channel. */
export function destinationOf(target: SubscriptionTarget): string {
  switch (target.channel) {
    case 'function':
      return `f${shortHash(target.function, 12)}`;
    case 'webhook':
      return `w${shortHash(new URL(target.url).host, 12)}`;
    case 'push':
      return `p${shortHash(new URL(target.endpoint).host, 12)}`;
    case 'email':
    case 'inbox':
      return letterOf(target.channel);
  }
}

export function letterOf(channel: Channel): string {
  return channel.charAt(0);
}

function toText(job: Job): string {
  switch (job.kind) {
    case 'message':
      return `m.${job.message}`;
    case 'delivery':
      return `d.${job.message}.${job.delivery}`;
    case 'challenge':
      return `c.${job.subscription}`;
  }
}

function parseJob(text: string): Job {
  const [kind, first = '', second = ''] = text.split('.');
  if (kind === 'd') return { kind: 'delivery', message: first, delivery: second };
  return kind === 'c' ? { kind: 'challenge', subscription: first } : { kind: 'message', message: first };
}

import type { Change, Entry } from '#bindings/store/store.ts';
import type { EgressPolicy } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Attributes, FilterPolicy } from './filter.ts';
import type { PersonalChannel } from './preferences.ts';

/** What lies in the store, JSON each; times in ms since the epoch. */

export const channels = ['function', 'webhook', 'email', 'push', 'inbox'] as const;
export type Channel = (typeof channels)[number];

export const priorities = ['urgent', 'high', 'normal', 'low'] as const;
/** Urgent ones go first and pass quiet hours. */
export type Priority = (typeof priorities)[number];

/** What is said, for every channel; `channels` says it differently for some. */
export interface Content {
  readonly title?: string;
  readonly text?: string;
  readonly html?: string;
  /** Where it leads. */
  readonly url?: string;
  readonly icon?: string;
  /** For functions, webhooks and apps. */
  readonly data?: unknown;
  /** Name of a template that gives title, text, html and url. */
  readonly template?: string;
  readonly variables?: unknown;
  readonly channels?: Readonly<Partial<Record<Channel, Content>>>;
}

/** `msg/<id>`. */
export interface MessageRecord {
  readonly id: string;
  /** Of a publish; for a send, what it is about, for preferences. */
  readonly topic?: string;
  /** Of a send. */
  readonly user?: string;
  /** Of a send: an address that the sender vouches for. */
  readonly email?: string;
  /** Of a send: only these. */
  readonly only?: readonly PersonalChannel[];
  /** Whatever the user prefers. */
  readonly required: boolean;
  readonly content: Content;
  readonly attributes: Attributes;
  readonly attachments: readonly AttachmentHead[];
  readonly priority: Priority;
  readonly createdAt: number;
  readonly deliverAt: number;
  /** Not delivered after this time. */
  readonly expiresAt?: number;
  /** Calls above those that its delivery makes. */
  readonly depth: number;
  readonly sender: SenderFacts;
  readonly state: 'accepted' | 'sent' | 'cancelled';
  /** While it is handed out: the last subscription that has its delivery. */
  readonly cursor?: string;
  readonly deliveries: number;
}

/** `att/<message>/<n>` holds the bytes. */
export interface AttachmentHead {
  readonly filename: string;
  readonly contentType?: string;
}

/** What the config of the function that published says, kept for when it is delivered. */
export interface SenderFacts {
  readonly function: string;
  /** Address of the served paths, e.g. `https://shop.example.com/notifications`; absent where it is not known. */
  readonly links?: string;
  readonly from?: string;
  readonly contact?: string;
  readonly keepMs: number;
  readonly inboxMs: number;
  /** Where its deployment may send to; absent: as without one. */
  readonly egress?: EgressPolicy;
}

/** `sub/<id>`; expires while it is pending. */
export interface SubscriptionRecord {
  readonly id: string;
  /** `@user` for what is a user's own, a contact. */
  readonly topic: string;
  readonly user?: string;
  readonly target: SubscriptionTarget;
  readonly filter?: FilterPolicy;
  readonly state: 'pending' | 'confirmed';
  readonly createdAt: number;
  /** When the last challenge was sent. */
  readonly askedAt?: number;
  readonly sender: SenderFacts;
}

export type SubscriptionTarget =
  | { readonly channel: 'function'; readonly function: string }
  | {
      readonly channel: 'webhook';
      readonly url: string;
      /** Sealed, base64; the newest first. Older ones sign until they end. */
      readonly secrets: readonly { readonly sealed: string; readonly until?: number }[];
    }
  | { readonly channel: 'email'; readonly address: string }
  | { readonly channel: 'push'; readonly endpoint: string; readonly p256dh: string; readonly auth: string }
  | { readonly channel: 'inbox'; readonly user: string };

/** `dlv/<message>/<delivery>`: one message on its way to one receiver. */
export interface DeliveryRecord {
  readonly message: string;
  /** The subscription's id, or `to-email` and `to-inbox` of a send. */
  readonly key: string;
  readonly topic?: string;
  readonly user?: string;
  readonly channel: Channel;
  /** Where to, as people read it. */
  readonly to: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly log: readonly Attempt[];
  readonly createdAt: number;
  readonly updatedAt: number;
  /** While it waits. */
  readonly nextAt?: number;
  /** Key of the dead-letter list. */
  readonly dead?: string;
}

/** `skipped`: its receiver is gone, does not want it, or it came too late. */
export type DeliveryState = 'waiting' | 'delivered' | 'dead' | 'skipped';

export interface Attempt {
  readonly at: number;
  readonly outcome: string;
  readonly detail: string;
}

/** `inbox/<user>/<time>-<message>`. */
export interface InboxRecord {
  readonly id: string;
  readonly message: string;
  readonly topic?: string;
  readonly title?: string;
  readonly text?: string;
  readonly url?: string;
  readonly icon?: string;
  readonly data?: unknown;
  /** Something of it was too long. */
  readonly truncated?: boolean;
  readonly createdAt: number;
  readonly readAt?: number;
}

export function encode(record: object): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** Throws HostError ERR_STORE_CORRUPT when the entry is no record. */
export function decode(entry: Entry): unknown {
  try {
    return JSON.parse(Buffer.from(entry.value).toString());
  } catch (cause) {
    throw new HostError(
      'ERR_STORE_CORRUPT',
      `Cannot read ${entry.key}: not JSON; restore a copy of the store`,
      { cause },
    );
  }
}

export function put(key: string, record: object, expiresAt?: number): Change {
  const value = encode(record);
  return expiresAt === undefined
    ? { kind: 'put', key, value }
    : { kind: 'put', key, value, expiresAt: Math.trunc(expiresAt) };
}

export function remove(key: string): Change {
  return { kind: 'delete', key };
}

export const noBytes: Uint8Array = new Uint8Array(0);

import { randomBytes } from 'node:crypto';
import type { Change, Entry, Store } from '#bindings/store/store.ts';
import { refuse, toCursor } from './arguments.ts';
import type { Page } from './arguments.ts';
import { markSpace, putDue, destinationOf } from './due.ts';
import type { Keyring } from './keyring.ts';
import { confirmMs, mostContacts, rotationMs } from './limits.ts';
import { decode, noBytes, put, remove } from './records.ts';
import type { SenderFacts, SubscriptionRecord, SubscriptionTarget } from './records.ts';
import { fingerprint, toLabel } from './subscription.ts';
import type { ParsedSubscription } from './subscription.ts';
import { lastPart, newId } from './space.ts';
import type { Space } from './space.ts';

/** A subscription as functions see it. */
export interface SubscriptionView {
  readonly id: string;
  readonly topic?: string;
  readonly user?: string;
  readonly channel: SubscriptionTarget['channel'];
  readonly to: string;
  readonly state: 'pending' | 'confirmed';
  readonly filter?: unknown;
  readonly createdAt: number;
  /** Of a webhook, once: when it is made. */
  readonly secret?: string;
}

export interface SubscribeFacts {
  readonly topic: string;
  readonly sender: SenderFacts;
}

/** A pending one is asked again no sooner: nobody's mailbox is filled by subscribing it over and over. */
const askAgainMs = 10 * 60_000;

/** Where a user's own contact points are: a topic no name of a topic can be. */
export function contactTopic(user: string): string {
  return `@${user}`;
}

/**
 * Subscriptions of a space: `sub/<id>`, `topic/<topic>/<id>`, and `end/<topic>/<fingerprint>` which holds the id, so that
 * one topic has a receiver once.
 */
export class Subscriptions {
  readonly #store: Store;
  readonly #space: Space;
  readonly #keyring: Keyring;
  readonly #now: () => number;

  constructor(
    store: Store,
    space: Space,
    { keyring, now }: { readonly keyring: Keyring; readonly now: () => number },
  ) {
    this.#store = store;
    this.#space = space;
    this.#keyring = keyring;
    this.#now = now;
  }

  /** The one that is there already, or a new one: confirmed, or pending with a challenge on its way. */
  async subscribe(parsed: ParsedSubscription, facts: SubscribeFacts): Promise<SubscriptionView> {
    const end = this.#space.key('end', facts.topic, fingerprint(parsed.target));
    for (let attempt = 0; attempt < 20; attempt++) {
      const known = await this.#store.get(end);
      const id = known === undefined ? undefined : Buffer.from(known.value).toString();
      const entry = id === undefined ? undefined : await this.#entry(id);
      const view =
        entry === undefined
          ? await this.#create(parsed, facts, { end, revision: known?.revision ?? 0 })
          : await this.#renew(entry, parsed, facts);
      if (view !== undefined) return view;
    }
    throw refuse('Cannot subscribe: others change the same subscription; try again');
  }

  async #create(
    parsed: ParsedSubscription,
    { topic, sender }: SubscribeFacts,
    { end, revision }: { readonly end: string; readonly revision: number },
  ): Promise<SubscriptionView | undefined> {
    await this.#refuseTooMany(topic);
    const { target, user, filter, confirmed } = parsed;
    const now = this.#now();
    const asks = !confirmed && (target.channel === 'webhook' || target.channel === 'email');
    if (asks && target.channel === 'email') requireLinks(sender);
    const secret = target.channel === 'webhook' ? (parsed.secret ?? newSecret()) : undefined;
    const record: SubscriptionRecord = {
      id: newId('sub'),
      topic,
      target:
        secret === undefined
          ? (target as SubscriptionTarget)
          : this.#withSecret(target as { channel: 'webhook'; url: string }, secret),
      ...(user === undefined ? {} : { user }),
      ...(filter === undefined ? {} : { filter }),
      state: asks ? 'pending' : 'confirmed',
      createdAt: now,
      ...(asks ? { askedAt: now } : {}),
      sender,
    };
    const changes = [...this.#puts(record, end), ...(asks ? this.#ask(record) : [])];
    const written = await this.#store.write(changes, [{ key: end, revision }]);
    if (!written.ok) return undefined;
    return { ...toView(record), ...(secret === undefined || parsed.secret !== undefined ? {} : { secret }) };
  }

  /** Filter and user are those given last; what is still pending is asked again. */
  async #renew(
    entry: Entry,
    parsed: ParsedSubscription,
    { topic, sender }: SubscribeFacts,
  ): Promise<SubscriptionView | undefined> {
    const { filter: _filter, user: _user, ...rest } = decode(entry) as SubscriptionRecord;
    const now = this.#now();
    const pending = rest.state === 'pending' && !parsed.confirmed;
    const asks = pending && now - (rest.askedAt ?? 0) >= askAgainMs;
    const record: SubscriptionRecord = {
      ...rest,
      ...(parsed.filter === undefined ? {} : { filter: parsed.filter }),
      ...(parsed.user === undefined ? {} : { user: parsed.user }),
      state: pending ? 'pending' : 'confirmed',
      ...(asks ? { askedAt: now } : {}),
      sender,
    };
    if (JSON.stringify(record) === JSON.stringify(decode(entry))) return toView(record);
    const end = this.#space.key('end', topic, fingerprint(record.target));
    const changes = [...this.#puts(record, end), ...(asks ? this.#ask(record) : [])];
    const written = await this.#store.write(changes, [{ key: entry.key, revision: entry.revision }]);
    return written.ok ? toView(record) : undefined;
  }

  async get(id: string): Promise<SubscriptionRecord | undefined> {
    const entry = await this.#entry(id);
    return entry === undefined ? undefined : (decode(entry) as SubscriptionRecord);
  }

  /** False when there is none, or it is confirmed already: a link works once. */
  async confirm(id: string): Promise<boolean> {
    const entry = await this.#entry(id);
    if (entry === undefined) return false;
    const record = decode(entry) as SubscriptionRecord;
    if (record.state === 'confirmed') return true;
    const end = this.#space.key('end', record.topic, fingerprint(record.target));
    const changes = this.#puts({ ...record, state: 'confirmed' }, end);
    return (await this.#store.write(changes, [{ key: entry.key, revision: entry.revision }])).ok;
  }

  /** True when there was one. What is on its way to it is skipped. */
  async unsubscribe(id: string): Promise<boolean> {
    const record = await this.get(id);
    if (record === undefined) return false;
    await this.#store.write(this.removal(record));
    return true;
  }

  removal(record: SubscriptionRecord): readonly Change[] {
    const { id, topic, target } = record;
    return [
      remove(this.#space.key('sub', id)),
      remove(this.#space.key('topic', topic, id)),
      remove(this.#space.key('end', topic, fingerprint(target))),
    ];
  }

  /** Of one topic, or of all. */
  async list(
    topic: string | undefined,
    { limit, after }: Page,
  ): Promise<{ items: readonly SubscriptionView[]; cursor?: string }> {
    const prefix = topic === undefined ? this.#space.under('sub') : this.#space.under('topic', topic);
    const entries = await this.#store.list({
      prefix,
      ...(after === undefined ? {} : { after: prefix + after }),
      limit: limit + 1,
      keysOnly: true,
    });
    const shown = entries.slice(0, limit).map((entry) => lastPart(entry.key));
    const records = await Promise.all(shown.map((id) => this.get(id)));
    const items = records.filter((record) => record !== undefined).map(toView);
    const last = shown.at(-1);
    return entries.length > limit && last !== undefined ? { items, cursor: toCursor(last) } : { items };
  }

  /** A page of a topic's subscriptions, in the order of their ids. */
  async page(
    topic: string,
    after: string | undefined,
    limit: number,
  ): Promise<{ ids: readonly string[]; records: readonly SubscriptionRecord[] }> {
    const prefix = this.#space.under('topic', topic);
    const entries = await this.#store.list({
      prefix,
      ...(after === undefined ? {} : { after: prefix + after }),
      limit,
      keysOnly: true,
    });
    const ids = entries.map((entry) => lastPart(entry.key));
    const records = await Promise.all(ids.map((id) => this.get(id)));
    return { ids, records: records.filter((record) => record !== undefined) };
  }

  /** A new secret; the old ones sign beside it for a day (Standard Webhooks, "Signature scheme"). */
  async rotateSecret(id: string): Promise<string> {
    const entry = await this.#entry(id);
    const record = entry === undefined ? undefined : (decode(entry) as SubscriptionRecord);
    if (entry === undefined || record?.target.channel !== 'webhook') {
      throw refuse(
        `Cannot rotate the secret of ${JSON.stringify(id)}: there is no such webhook; list the subscriptions`,
      );
    }
    const secret = newSecret();
    const until = this.#now() + rotationMs;
    const older = record.target.secrets
      .filter((each) => each.until === undefined || each.until > this.#now())
      .slice(0, 3);
    const target = {
      ...record.target,
      secrets: [
        { sealed: this.#keyring.seal(this.#space, secret) },
        ...older.map((each) => ({ ...each, until: each.until ?? until })),
      ],
    };
    const end = this.#space.key('end', record.topic, fingerprint(target));
    const written = await this.#store.write(this.#puts({ ...record, target }, end), [
      { key: entry.key, revision: entry.revision },
    ]);
    if (written.ok) return secret;
    throw refuse('Cannot rotate the secret: the subscription changed meanwhile; try again');
  }

  async #entry(id: string): Promise<Entry | undefined> {
    return this.#store.get(this.#space.key('sub', id));
  }

  #withSecret(
    target: { readonly channel: 'webhook'; readonly url: string },
    secret: string,
  ): SubscriptionTarget {
    return { ...target, secrets: [{ sealed: this.#keyring.seal(this.#space, secret) }] };
  }

  #puts(record: SubscriptionRecord, end: string): readonly Change[] {
    const expiresAt = record.state === 'pending' ? this.#now() + confirmMs : undefined;
    const expiry = expiresAt === undefined ? {} : { expiresAt };
    return [
      put(this.#space.key('sub', record.id), record, expiresAt),
      { kind: 'put', key: this.#space.key('topic', record.topic, record.id), value: noBytes, ...expiry },
      { kind: 'put', key: end, value: Buffer.from(record.id), ...expiry },
    ];
  }

  #ask(record: SubscriptionRecord): readonly Change[] {
    const place = {
      priority: 'high',
      at: this.#now(),
      destination: destinationOf(record.target),
      job: { kind: 'challenge', subscription: record.id },
    } as const;
    return [putDue(this.#space, place, 0), markSpace(this.#space)];
  }

  async #refuseTooMany(topic: string): Promise<void> {
    if (!topic.startsWith('@')) return;
    const entries = await this.#store.list({
      prefix: this.#space.under('topic', topic),
      keysOnly: true,
      limit: mostContacts,
    });
    if (entries.length >= mostContacts)
      throw refuse(`Cannot add a contact: the user has ${mostContacts}; remove some`);
  }
}

export function requireLinks(sender: SenderFacts): string {
  if (sender.links !== undefined) return sender.links;
  throw refuse(
    `Cannot send links: the address of "${sender.function}" is not known; set "url" of the binding in islet.json, or start the host with --public-url`,
  );
}

function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export function toView(record: SubscriptionRecord): SubscriptionView {
  const { id, topic, user, target, state, filter, createdAt } = record;
  return {
    id,
    ...(topic.startsWith('@') ? { user: topic.slice(1) } : { topic }),
    ...(user === undefined ? {} : { user }),
    channel: target.channel,
    to: toLabel(target),
    state,
    ...(filter === undefined ? {} : { filter }),
    createdAt,
  };
}

import type { Change, Entry, Store } from '#bindings/store/store.ts';
import { refuse, toCursor } from './arguments.ts';
import type { Page } from './arguments.ts';
import { destinationOf, letterOf, markSpace, putDue } from './due.ts';
import { keptUntil } from './publisher.ts';
import { decode, put, remove } from './records.ts';
import type { Attempt, Channel, DeliveryRecord, DeliveryState, MessageRecord } from './records.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Space } from './space.ts';

/** A delivery as functions see it. */
export interface DeliveryView {
  /** `<message>.<subscription>`. */
  readonly id: string;
  readonly topic?: string;
  readonly user?: string;
  readonly channel: Channel;
  readonly to: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly nextAt?: number;
  readonly log: readonly Attempt[];
}

export interface MessageView {
  readonly id: string;
  /** `accepted` until it is handed out to all its receivers. */
  readonly state: MessageRecord['state'];
  readonly createdAt: number;
  readonly deliverAt: number;
  readonly deliveries: readonly DeliveryView[];
  readonly cursor?: string;
}

/** The log of deliveries, and those that failed for good. */
export class Deliveries {
  readonly #store: Store;
  readonly #space: Space;
  readonly #subscriptions: Subscriptions;
  readonly #now: () => number;

  constructor(
    store: Store,
    space: Space,
    { subscriptions, now }: { readonly subscriptions: Subscriptions; readonly now: () => number },
  ) {
    this.#store = store;
    this.#space = space;
    this.#subscriptions = subscriptions;
    this.#now = now;
  }

  /** Null for a message that never was, or that its retention has taken. */
  async of(message: string, page: Page): Promise<MessageView | null> {
    const entry = await this.#store.get(this.#space.key('msg', message));
    if (entry === undefined) return null;
    const { id, state, createdAt, deliverAt } = decode(entry) as MessageRecord;
    const found = await this.#page(this.#space.under('dlv', message), page);
    const deliveries = found.entries.map((each) => toView(decode(each) as DeliveryRecord));
    return {
      id,
      state,
      createdAt,
      deliverAt,
      deliveries,
      ...(found.cursor === undefined ? {} : { cursor: found.cursor }),
    };
  }

  /** The oldest first. */
  async listDead(page: Page): Promise<{ readonly items: readonly DeliveryView[]; readonly cursor?: string }> {
    const found = await this.#page(this.#space.under('dead'), page);
    const entries = await Promise.all(
      found.entries.map(async (each) => await this.#store.get(this.#deliveryKey(each.key))),
    );
    const items = entries
      .filter((entry) => entry !== undefined)
      .map((entry) => toView(decode(entry) as DeliveryRecord));
    return { items, ...(found.cursor === undefined ? {} : { cursor: found.cursor }) };
  }

  /** Tries it again from the start. False when it is no dead letter. */
  async redrive(id: string): Promise<boolean> {
    const [message = '', delivery = ''] = id.split('.');
    const key = this.#space.key('dlv', message, delivery);
    const [entry, messageEntry] = await Promise.all([
      this.#store.get(key),
      this.#store.get(this.#space.key('msg', message)),
    ]);
    if (entry === undefined || messageEntry === undefined) return false;
    const { dead, ...record } = decode(entry) as DeliveryRecord;
    if (record.state !== 'dead' || dead === undefined) return false;
    const sent = decode(messageEntry) as MessageRecord;
    const now = this.#now();
    const target = (await this.#subscriptions.get(delivery))?.target;
    const place = {
      priority: sent.priority,
      at: now,
      destination: target === undefined ? letterOf(record.channel) : destinationOf(target),
      job: { kind: 'delivery', message, delivery },
    } as const;
    const changes: readonly Change[] = [
      put(key, {
        ...record,
        state: 'waiting',
        attempts: 0,
        nextAt: now,
        updatedAt: now,
        log: [...record.log, { at: now, outcome: 'redriven', detail: '' }],
      }),
      put(messageEntry.key, sent, Math.max(keptUntil(sent), keptUntil({ ...sent, deliverAt: now }))),
      remove(dead),
      putDue(this.#space, place, 0),
      markSpace(this.#space),
    ];
    return (await this.#store.write(changes, [{ key, revision: entry.revision }])).ok;
  }

  /** How many of the dead letters there were a moment ago are tried again: up to 100. */
  async redriveAll(): Promise<number> {
    const { items } = await this.listDead({ limit: 100 });
    const redriven = await Promise.all(items.map(({ id }) => this.redrive(id)));
    return redriven.filter(Boolean).length;
  }

  /** Takes it off the list; its log stays. */
  async bury(id: string): Promise<boolean> {
    const [message = '', delivery = ''] = id.split('.');
    const entry = await this.#store.get(this.#space.key('dlv', message, delivery));
    const dead = entry === undefined ? undefined : (decode(entry) as DeliveryRecord).dead;
    if (entry === undefined || dead === undefined) return false;
    const { dead: _dead, ...record } = decode(entry) as DeliveryRecord;
    const changes = [put(entry.key, record, entry.expiresAt), remove(dead)];
    return (await this.#store.write(changes, [{ key: entry.key, revision: entry.revision }])).ok;
  }

  /** `dead/<time>/<message>/<delivery>` to `dlv/<message>/<delivery>`. */
  #deliveryKey(dead: string): string {
    const [delivery = '', message = ''] = dead.split('/').slice(-2).toReversed().map(decodeURIComponent);
    return this.#space.key('dlv', message, delivery);
  }

  async #page(
    prefix: string,
    { limit, after }: Page,
  ): Promise<{ readonly entries: readonly Entry[]; readonly cursor?: string }> {
    const entries = await this.#store.list({
      prefix,
      ...(after === undefined ? {} : { after: prefix + after }),
      limit: limit + 1,
    });
    const shown = entries.slice(0, limit);
    const last = shown.at(-1)?.key.slice(prefix.length);
    return entries.length > limit && last !== undefined
      ? { entries: shown, cursor: toCursor(last) }
      : { entries: shown };
  }
}

function toView({ message, key, dead: _dead, ...rest }: DeliveryRecord): DeliveryView {
  return { id: `${message}.${key}`, ...rest };
}

/** For the facade of one page's worth; refused where an id is none. */
export function splitDeliveryId(id: string): string {
  if (/^msg_[0-9a-f]+\.[\w-]+$/.test(id)) return id;
  throw refuse(
    `Cannot use delivery ${JSON.stringify(id)}; give an id of a delivery, as deliveries() lists them`,
  );
}

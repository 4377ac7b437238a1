import type { Change, Check, Store } from '#bindings/store/store.ts';
import { destinationOf, letterOf, putDue } from './due.ts';
import { matchesFilter } from './filter.ts';
import { keptUntil } from './publisher.ts';
import { decode, put } from './records.ts';
import type { DeliveryRecord, MessageRecord, SubscriptionRecord, SubscriptionTarget } from './records.ts';
import type { Settlement } from './lane.ts';
import { contactTopic } from './subscriptions.ts';
import type { Subscriptions } from './subscriptions.ts';
import { toLabel } from './subscription.ts';
import type { Space } from './space.ts';

/** Subscriptions handed out to in one write. */
const pageSize = 200;

export interface HandOutNeeds {
  readonly store: Store;
  readonly space: Space;
  readonly subscriptions: Subscriptions;
  readonly now: () => number;
}

/** Receivers that a send names itself, without a subscription. */
export const ownTargets = {
  inbox: 'to-inbox',
  email: 'to-email',
} as const;

/**
 * One page of a message's receivers: their deliveries, and how far it came, in one write. Whoever takes over after a
 * crash goes on from there, and gives nobody a second delivery.
 */
export async function handOutPage(needs: HandOutNeeds, id: string): Promise<Settlement> {
  const { store, space, subscriptions, now } = needs;
  const key = space.key('msg', id);
  const entry = await store.get(key);
  const message = entry === undefined ? undefined : (decode(entry) as MessageRecord);
  if (entry === undefined || message?.state !== 'accepted') return { changes: [] };
  const checks: readonly Check[] = [{ key, revision: entry.revision }];
  if (message.expiresAt !== undefined && message.expiresAt <= now()) {
    return { changes: [put(key, { ...message, state: 'sent' }, keptUntil(message))], checks };
  }
  const topic = message.user === undefined ? (message.topic ?? '') : contactTopic(message.user);
  const { ids, records } = await subscriptions.page(topic, message.cursor, pageSize);
  const wanted = records.filter((record) => isWanted(message, record));
  const deliveries = [
    ...(message.cursor === undefined ? ownDeliveries(needs, message) : []),
    ...wanted.map((record) =>
      toDelivery(needs, message, { key: record.id, target: record.target, user: record.user }),
    ),
  ];
  const last = ids.at(-1);
  const more = ids.length === pageSize && last !== undefined;
  const next: MessageRecord = {
    ...message,
    state: more ? 'accepted' : 'sent',
    ...(last === undefined ? {} : { cursor: last }),
    deliveries: message.deliveries + deliveries.length,
  };
  return {
    changes: [put(key, next, keptUntil(message)), ...deliveries.flat()],
    checks,
    ...(more ? { again: { at: now(), attempts: 0 } } : {}),
  };
}

function isWanted(message: MessageRecord, { state, filter, target }: SubscriptionRecord): boolean {
  if (state !== 'confirmed') return false;
  if (message.email !== undefined && target.channel === 'email') return false;
  const personal = target.channel === 'email' || target.channel === 'push' || target.channel === 'inbox';
  if (personal && message.only !== undefined && !message.only.includes(target.channel)) return false;
  return filter === undefined || matchesFilter(filter, message.attributes);
}

function ownDeliveries(needs: HandOutNeeds, message: MessageRecord): readonly (readonly Change[])[] {
  const { user, email, only } = message;
  if (user === undefined) return [];
  const targets: SubscriptionTarget[] = [];
  if (only === undefined || only.includes('inbox')) targets.push({ channel: 'inbox', user });
  if (email !== undefined && (only === undefined || only.includes('email')))
    targets.push({ channel: 'email', address: email });
  return targets.map((target) =>
    toDelivery(needs, message, { key: ownTargets[target.channel as 'email'], target, user }),
  );
}

function toDelivery(
  { space, now }: HandOutNeeds,
  message: MessageRecord,
  {
    key,
    target,
    user,
  }: { readonly key: string; readonly target: SubscriptionTarget; readonly user: string | undefined },
): readonly Change[] {
  const { topic, priority } = message;
  const owner = user ?? message.user;
  const record: DeliveryRecord = {
    message: message.id,
    key,
    ...(topic === undefined ? {} : { topic }),
    ...(owner === undefined ? {} : { user: owner }),
    channel: target.channel,
    to: toLabel(target),
    state: 'waiting',
    attempts: 0,
    log: [],
    createdAt: now(),
    updatedAt: now(),
    nextAt: now(),
  };
  const destination = target.channel === 'inbox' ? letterOf('inbox') : destinationOf(target);
  return [
    put(space.key('dlv', message.id, key), record),
    putDue(
      space,
      { priority, at: now(), destination, job: { kind: 'delivery', message: message.id, delivery: key } },
      0,
    ),
  ];
}

import type { Change, Check, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import type { Result, Send } from './channel.ts';
import { toContent } from './content.ts';
import type { Templates } from './content.ts';
import { ownTargets } from './hand-out.ts';
import type { Settlement } from './lane.ts';
import { loggedAttempts } from './limits.ts';
import { readPreferences } from './preference-store.ts';
import { isWanted, personalChannels } from './preferences.ts';
import type { PersonalChannel } from './preferences.ts';
import { quietUntil } from './quiet-hours.ts';
import { decode, put } from './records.ts';
import type {
  Channel,
  DeliveryRecord,
  DeliveryState,
  MessageRecord,
  SubscriptionRecord,
  SubscriptionTarget,
} from './records.ts';
import type { Subscriptions } from './subscriptions.ts';
import { toTime } from './space.ts';
import type { Space } from './space.ts';

export interface DeliveryNeeds {
  readonly store: Store;
  readonly space: Space;
  readonly subscriptions: Subscriptions;
  readonly templates: Templates;
  readonly channels: Readonly<Record<Channel, Send>>;
  readonly retry: Retry;
  readonly now: () => number;
  readonly random: () => number;
}

export interface Retry {
  /** Attempts before it is a dead letter. */
  readonly attempts: number;
  /** Before the second; doubled for each after it. */
  readonly baseMs: number;
  readonly mostMs: number;
}

/** 16 attempts over about a day. */
export const defaultRetry: Retry = { attempts: 16, baseMs: 3000, mostMs: 6 * 3_600_000 };

/** Exponential backoff; half of it is left to chance, so that what failed together does not come back together. */
export function backoffMs({ baseMs, mostMs }: Retry, attempts: number, random: () => number): number {
  const whole = Math.min(mostMs, baseMs * 2 ** Math.min(attempts - 1, 40));
  return Math.round(whole * (0.5 + random() / 2));
}

interface Attempting {
  readonly message: string;
  readonly delivery: string;
  /** This one included. */
  readonly attempts: number;
  readonly signal: AbortSignal;
}

/** One attempt, and what is to be written after it. */
export async function attemptDelivery(
  needs: DeliveryNeeds,
  { message: id, delivery: key, attempts, signal }: Attempting,
): Promise<Settlement> {
  const { store, space, subscriptions, now } = needs;
  const entries = await Promise.all([store.get(space.key('dlv', id, key)), store.get(space.key('msg', id))]);
  const [entry, messageEntry] = entries;
  if (entry === undefined || messageEntry === undefined) return { changes: [] };
  const record = decode(entry) as DeliveryRecord;
  const message = decode(messageEntry) as MessageRecord;
  if (record.state !== 'waiting') return { changes: [] };
  const settle = new Settling(needs, { record, message, attempts, revision: entry.revision });
  const subscription = await subscriptions.get(key);
  const target = toTarget(message, key, subscription);
  if (target === undefined) return settle.end('skipped', 'the subscription is gone');
  if (message.expiresAt !== undefined && message.expiresAt <= now()) return settle.end('skipped', 'too late');
  if (attempts > needs.retry.attempts + 3) return settle.end('dead', 'the host ended during each attempt');
  const held = await holdBack(needs, message, record);
  if (held === 'unwanted') return settle.end('skipped', 'the user does not want it');
  if (held !== undefined) return settle.later(held);
  const { user, channel } = record;
  let result: Result;
  try {
    const content = await toContent(needs.templates, message, channel);
    result = await needs.channels[channel]({
      space,
      message,
      delivery: key,
      content,
      target,
      ...(subscription === undefined ? {} : { subscription }),
      ...(user === undefined ? {} : { user }),
      signal,
    });
  } catch (error) {
    if (!(error instanceof HostError) || error.code !== 'ERR_NOTIFY') throw error;
    result = { kind: 'refused', detail: error.message };
  }
  return settle.with(result, subscription);
}

function toTarget(
  message: MessageRecord,
  key: string,
  subscription: SubscriptionRecord | undefined,
): SubscriptionTarget | undefined {
  const { user, email } = message;
  if (key === ownTargets.inbox && user !== undefined) return { channel: 'inbox', user };
  if (key === ownTargets.email && email !== undefined) return { channel: 'email', address: email };
  return subscription?.state === 'confirmed' ? subscription.target : undefined;
}

/** What a user wants, and when: undefined to go on, or the end of the quiet hours. */
async function holdBack(
  { store, space, now }: DeliveryNeeds,
  { required, priority, topic }: MessageRecord,
  { user, channel }: DeliveryRecord,
): Promise<'unwanted' | number | undefined> {
  if (user === undefined || !personalChannels.includes(channel as PersonalChannel)) return undefined;
  const preferences = await readPreferences({ store, space }, user);
  if (!required && !isWanted(preferences, topic, channel as PersonalChannel)) return 'unwanted';
  const { quietHours } = preferences;
  // An inbox makes no noise.
  if (quietHours === undefined || priority === 'urgent' || channel === 'inbox') return undefined;
  return quietUntil(quietHours, now());
}

interface SettlingFacts {
  readonly record: DeliveryRecord;
  readonly message: MessageRecord;
  readonly attempts: number;
  readonly revision: number;
}

/** How an attempt ended, as what is written. */
class Settling {
  readonly #needs: DeliveryNeeds;
  readonly #facts: SettlingFacts;

  constructor(needs: DeliveryNeeds, facts: SettlingFacts) {
    this.#needs = needs;
    this.#facts = facts;
  }

  with(result: Result, subscription: SubscriptionRecord | undefined): Settlement {
    const { retry, random, now, subscriptions } = this.#needs;
    const { attempts } = this.#facts;
    switch (result.kind) {
      case 'delivered':
        return this.end('delivered', result.detail, result.changes);
      case 'gone':
        return this.end(
          'skipped',
          result.detail,
          subscription === undefined ? [] : subscriptions.removal(subscription),
        );
      case 'refused':
        return this.end('dead', result.detail);
      case 'failed': {
        if (attempts >= retry.attempts) return this.end('dead', result.detail);
        const at = now() + Math.max(backoffMs(retry, attempts, random), result.afterMs ?? 0);
        const record = this.#logged({ nextAt: at, attempts }, 'failed', result.detail);
        return { changes: [put(this.#key, record)], checks: this.#checks, again: { at, attempts } };
      }
    }
  }

  /** Not now, and it was no attempt. */
  later(at: number): Settlement {
    const attempts = this.#facts.attempts - 1;
    const record = this.#logged({ nextAt: at, attempts }, 'postponed', 'quiet hours');
    return { changes: [put(this.#key, record)], checks: this.#checks, again: { at, attempts } };
  }

  end(state: DeliveryState, detail: string, changes: readonly Change[] = []): Settlement {
    const { space, now } = this.#needs;
    const { message, attempts } = this.#facts;
    const until = now() + message.sender.keepMs;
    const { nextAt: _nextAt, ...rest } = this.#logged(
      { attempts, state },
      state === 'dead' ? 'failed' : state,
      detail,
    );
    if (state !== 'dead') return { changes: [put(this.#key, rest, until), ...changes], checks: this.#checks };
    const dead = space.key('dead', toTime(now()), rest.message, rest.key);
    const written = [put(this.#key, { ...rest, dead }, until), put(dead, {}, until)];
    return { changes: [...written, ...changes], checks: this.#checks };
  }

  #logged(changed: Partial<DeliveryRecord>, outcome: string, detail: string): DeliveryRecord {
    const { record } = this.#facts;
    const at = this.#needs.now();
    const log = [...record.log, { at, outcome, detail: detail.slice(0, 300) }].slice(-loggedAttempts);
    return { ...record, ...changed, log, updatedAt: at };
  }

  get #key(): string {
    const { record } = this.#facts;
    return this.#needs.space.key('dlv', record.message, record.key);
  }

  get #checks(): readonly Check[] {
    return [{ key: this.#key, revision: this.#facts.revision }];
  }
}

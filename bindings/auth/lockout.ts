import { createHash } from 'node:crypto';
import type { Store } from '#bindings/store/store.ts';
import type { Places } from './places.ts';
import { change } from './state.ts';

export interface LockoutRules {
  /** Attempts that fail before an account is locked. */
  readonly failures: number;
  /** Seconds of the first lock; each further one is twice as long. */
  readonly seconds: number;
}

interface Count {
  readonly failures: number;
  readonly until: number;
}

/** Of one address, beside what each account allows: people behind one address are many. */
const addressFactor = 10;
const longestMs = 24 * 3_600_000;
/** Failures are forgotten after this long. */
const memoryMs = 24 * 3_600_000;
/** Mails that one address of the pool may be sent through requests of anybody, an hour. */
const mostMails = 10;

/**
 * Locks what is guessed at. An attempt counts as a failure until it has succeeded, so that many at once are not more
 * than many one after the other. Accounts that do not exist are locked like those that do.
 */
export class Lockout {
  readonly #store: Store;
  readonly #places: Places;
  readonly #rules: LockoutRules;
  readonly #now: () => number;

  constructor(
    store: Store,
    places: Places,
    options: { readonly rules: LockoutRules; readonly now: () => number },
  ) {
    this.#store = store;
    this.#places = places;
    this.#rules = options.rules;
    this.#now = options.now;
  }

  /** Seconds to wait, 0 when the attempt may be made. */
  async attempt(account: string, ip: string): Promise<number> {
    const network = networkOf(ip);
    const byAddress = await this.#count(this.#key('ip', network), this.#rules.failures * addressFactor);
    if (byAddress > 0) return byAddress;
    return await this.#count(this.#key('account', account), this.#rules.failures);
  }

  /** The attempt was good: the account's failures are forgotten, and the address's are one less. */
  async succeeded(account: string, ip: string): Promise<void> {
    await change<Count, void>(this.#store, this.#key('account', account), () => ({
      next: undefined,
      result: undefined,
    }));
    await change<Count, void>(this.#store, this.#key('ip', networkOf(ip)), (count) => ({
      next:
        count === undefined ? undefined : this.#kept({ ...count, failures: Math.max(0, count.failures - 1) }),
      result: undefined,
    }));
  }

  /** Seconds to wait, 0 when this address may be sent a mail. */
  async mail(address: string): Promise<number> {
    const now = this.#now();
    return await change<Count, number>(this.#store, this.#key('mail', address), (count) => {
      const open =
        count === undefined || count.until <= now ? { failures: 0, until: now + 3_600_000 } : count;
      if (open.failures >= mostMails)
        return { next: { value: open, expiresAt: open.until }, result: seconds(open.until - now) };
      return { next: { value: { ...open, failures: open.failures + 1 }, expiresAt: open.until }, result: 0 };
    });
  }

  async #count(key: string, most: number): Promise<number> {
    const now = this.#now();
    return await change<Count, number>(this.#store, key, (count = { failures: 0, until: 0 }) => {
      if (count.until > now) return { next: this.#kept(count), result: seconds(count.until - now) };
      const failures = count.failures + 1;
      const locks = failures - most;
      const until =
        locks < 0 ? 0 : now + Math.min(longestMs, this.#rules.seconds * 1000 * 2 ** Math.min(locks, 30));
      return { next: this.#kept({ failures, until }), result: 0 };
    });
  }

  #kept(value: Count): { readonly value: Count; readonly expiresAt: number } {
    return { value, expiresAt: Math.max(value.until, this.#now()) + memoryMs };
  }

  #key(kind: 'account' | 'ip' | 'mail', name: string): string {
    const hash = createHash('sha256').update(name.trim().toLowerCase()).digest('hex');
    return this.#places.other('l', `${kind}-${hash}`);
  }
}

/** Of an IPv6 address its /64, which one customer has whole (RFC 6177, 2); an IPv4 address in its IPv6 form is itself. */
function networkOf(ip: string): string {
  const url = ip.includes(':') ? URL.parse(`http://[${ip.split('%', 1)[0]}]/`) : null;
  if (url === null) return ip;
  const text = url.hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  if (mapped !== null) {
    const [high, low] = mapped.slice(1).map((part) => Number.parseInt(part, 16));
    return [high, low].flatMap((part = 0) => [part >> 8, part & 255]).join('.');
  }
  const [left = [], right = []] = text
    .split('::')
    .map((part) => part.split(':').filter((each) => each !== ''));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return `${[...left, ...zeros, ...right].slice(0, 4).join(':')}::/64`;
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}

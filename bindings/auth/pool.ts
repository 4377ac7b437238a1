import { Buffer } from 'node:buffer';
import { randomBytes, type KeyObject } from 'node:crypto';
import type { Caller } from '#runtime/caller.ts';
import type { Sealer } from '#runtime/sealer.ts';
import type { Change, Entry, Store } from '#bindings/store/store.ts';
import { KnownCredentials } from './known.ts';
import { Places, lastOf } from './places.ts';
import type { RowChange } from './rows.ts';
import { importVerifyingKey } from './signatures.ts';
import type { Row } from './where.ts';

/** A user as `users.*` rows hold it, and a session of theirs. */
export interface SignedIn {
  readonly user: Row;
  readonly session: Row;
  readonly organization?: Caller['organization'];
}

export interface PoolOptions {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly now: () => number;
  readonly log: (level: 'warn' | 'error', message: string) => void;
}

/** Longest life of an access token (config), and what clocks may differ by: marks are of no use after it. */
const markMs = 3_600_000 + 60_000;
const leastSweep = 1024;
/** A signing key that was replaced is good so much longer: a day more than any token it signed. */
export const keyGraceMs: number = 2 * 86_400_000;

interface VerifyingKey {
  readonly key: KeyObject;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Origins of a pool without a configured one, beyond those its operator names. */
export const mostOrigins = 32;

/**
 * What a host keeps of one user pool to say whose a request is without the library: keys, revoked sessions, users that
 * changed. All of it is in the store, and followed by a watch: other hosts see it, and so does the next start.
 */
export class Pool {
  readonly places: Places;
  readonly known: KnownCredentials = new KnownCredentials();
  readonly #options: PoolOptions;
  readonly #keys = new Map<string, VerifyingKey>();
  /** Keys that were revoked: one that is read while it is deleted does not come back. */
  readonly #revokedKeys = new Set<string>();
  readonly #issuers = new Set<string>();
  /** Session → until when the mark matters; user → when they changed. In ms since the epoch. */
  readonly #revoked = new Map<string, number>();
  readonly #changedAt = new Map<string, number>();
  /** Marks that are held before those of no use are looked for: doubled, so that looking costs a part of what comes. */
  #sweepAt = leastSweep;
  readonly #stop = new AbortController();
  #secret: Promise<string> | undefined;
  #following: Promise<void> | undefined;
  /** Grows whenever users, sessions or keys change: what was cached under a lower one is not asked. */
  generation = 0;

  constructor(cordon: string, name: string, options: PoolOptions) {
    this.places = new Places(cordon, name);
    this.#options = options;
  }

  /** Resolves when what is stored is known here. */
  ready(): Promise<void> {
    this.#following ??= this.#follow().catch((error: unknown) => {
      this.#following = undefined;
      throw error;
    });
    return this.#following;
  }

  close(): void {
    this.#stop.abort();
  }

  /** The signing key of this name while it is good. One that is not known is read: another host may have just made it. */
  async key(id: string): Promise<VerifyingKey | undefined> {
    if (!this.#keys.has(id) && !this.#revokedKeys.has(id)) {
      const entry = await this.#options.store.get(this.places.row('jwks', id));
      if (entry !== undefined) this.#learnKey(entry);
    }
    const known = this.#keys.get(id);
    return known !== undefined && known.until > this.#options.now() ? known : undefined;
  }

  isIssuer(issuer: unknown): boolean {
    return typeof issuer === 'string' && this.#issuers.has(issuer);
  }

  /** Whether one more place on this machine may be served at: whoever sends a request names it, and each stays known. */
  mayServe(origin: string): boolean {
    const origins = new Set(Array.from(this.#issuers, (issuer) => new URL(issuer).origin));
    return origins.has(origin) || origins.size < mostOrigins;
  }

  /** False for tokens of a session that ended, and of users that changed since. `issuedAt` in seconds since the epoch. */
  stands(sessionId: string, userId: string, issuedAt: number): boolean {
    if (this.#revoked.has(sessionId)) return false;
    const changed = this.#changedAt.get(userId);
    // Tokens have whole seconds: one of the same second may be of before or after.
    return changed === undefined || issuedAt * 1000 + 999 >= changed;
  }

  /** Of the pool: signs cookies, encrypts keys and second factors. Made on first use, sealed. */
  secret(): Promise<string> {
    this.#secret ??= this.#openSecret().catch((error: unknown) => {
      this.#secret = undefined;
      throw error;
    });
    return this.#secret;
  }

  /** Tokens that name this issuer are the pool's, whichever of its functions they were made for. */
  async addIssuer(issuer: string): Promise<void> {
    if (this.#issuers.has(issuer)) return;
    const key = this.places.other('s', issuer);
    await this.#options.store.write([{ kind: 'put', key, value: Buffer.from('1') }]);
    this.#issuers.add(issuer);
  }

  /** The session of a cookie's token with its user, unless either is over. */
  async signedIn(token: string): Promise<SignedIn | undefined> {
    const found = await this.#options.store.get(this.places.unique('session', 'token', token));
    return found === undefined ? undefined : await this.session(Buffer.from(found.value).toString(), token);
  }

  /** The same by the session's id. */
  async session(id: string, token?: string): Promise<SignedIn | undefined> {
    const session = await this.#row('session', id);
    if (session === undefined || (token !== undefined && session['token'] !== token)) return undefined;
    if (!(Date.parse(String(session['expiresAt'])) > this.#options.now())) return undefined;
    const user = await this.#row('user', String(session['userId']));
    if (user === undefined || this.isBanned(user)) return undefined;
    const organization = await this.#organization(session, user);
    return { user, session, ...(organization === undefined ? {} : { organization }) };
  }

  async user(id: string): Promise<Row | undefined> {
    return await this.#row('user', id);
  }

  /** The id of the user with this address, in lower case. */
  async userIdOf(email: string): Promise<string | undefined> {
    const entry = await this.#options.store.get(this.places.unique('user', 'email', email));
    return entry === undefined ? undefined : Buffer.from(entry.value).toString();
  }

  isBanned(user: Row): boolean {
    if (user['banned'] !== true) return false;
    const until = user['banExpires'];
    return typeof until !== 'string' || Date.parse(until) > this.#options.now();
  }

  /** What is written with these rows: marks that their tokens are over. */
  marks(changes: readonly RowChange[]): readonly Change[] {
    const expiresAt = this.#options.now() + markMs;
    const value = Buffer.from(String(this.#options.now()));
    return changes.flatMap(({ model, before, after }): readonly Change[] => {
      if (model === 'session' && before !== undefined && after === undefined) {
        return [{ kind: 'put', key: this.places.other('x', String(before['id'])), value, expiresAt }];
      }
      if (model !== 'user' || before === undefined || !differs(before, after)) return [];
      return [{ kind: 'put', key: this.places.other('v', String(before['id'])), value, expiresAt }];
    });
  }

  /** The same marks, here and now: whoever wrote sees them before the watch does. */
  marked(changes: readonly RowChange[]): void {
    const now = this.#options.now();
    for (const { model, before, after } of changes) {
      if (model === 'session' || model === 'user' || model === 'member') this.generation++;
      if (before === undefined) continue;
      const id = String(before['id']);
      if (model === 'jwks' && after === undefined) this.#revokeKey(id);
      if (model === 'session' && after === undefined) this.#mark(this.#revoked, id, now + markMs);
      if (model === 'user' && differs(before, after)) this.#mark(this.#changedAt, id, now);
    }
  }

  /** Keys that went while nobody watched are forgotten. */
  async #readKeys(): Promise<void> {
    const entries = await this.#options.store.list({ prefix: this.places.rows('jwks') });
    const stored = new Set(entries.map(({ key }) => lastOf(key)));
    for (const id of this.#keys.keys()) if (!stored.has(id)) this.#forgetKey(id);
    for (const entry of entries) this.#learnKey(entry);
  }

  /** For good: ids are never used again. */
  #revokeKey(id: string): void {
    this.#revokedKeys.add(id);
    this.#forgetKey(id);
  }

  /** With what it signed, for what was remembered is not verified again. */
  #forgetKey(id: string): void {
    this.#keys.delete(id);
    this.known.clear();
  }

  async #organization(session: Row, user: Row): Promise<Caller['organization']> {
    const id = session['activeOrganizationId'];
    if (typeof id !== 'string') return undefined;
    const { store } = this.#options;
    const entries = await store.list({
      prefix: this.places.index('member', 'userId', user['id']),
      keysOnly: true,
    });
    for (const { key } of entries) {
      const member = await this.#row('member', lastOf(key));
      if (member?.['organizationId'] === id) return { id, role: String(member['role']) };
    }
    return undefined;
  }

  async #row(model: string, id: string): Promise<Row | undefined> {
    const entry = await this.#options.store.get(this.places.row(model, id));
    return entry === undefined ? undefined : (JSON.parse(Buffer.from(entry.value).toString()) as Row);
  }

  async #openSecret(): Promise<string> {
    const { store, sealer } = this.#options;
    const key = this.places.other('k', 'secret');
    const made = sealer.seal(key, randomBytes(32).toString('base64url'));
    await store.write([{ kind: 'put', key, value: made }], [{ key, revision: 0 }]);
    const stored = await store.get(key);
    return sealer.open(key, stored?.value ?? made);
  }

  /** Watches first, then reads: nothing falls between. */
  async #follow(): Promise<void> {
    const { store, log } = this.#options;
    const changes = store.watch(this.places.prefix, this.#stop.signal);
    const following = (async () => {
      for await (const change of changes) {
        if (change.kind === 'put') this.#learn(change.entry);
        else if (this.#isState(change.key)) this.generation++;
        else if (change.key.startsWith(this.places.rows('jwks'))) this.#revokeKey(lastOf(change.key));
      }
    })();
    for (const kind of ['x', 'v', 's']) {
      for (const entry of await store.list({ prefix: this.places.other(kind, '') })) this.#learn(entry);
    }
    await this.#readKeys();
    following
      .catch((error: unknown) => log('warn', `A user pool is read anew: ${String(error)}`))
      .finally(() => {
        // Broken off (it fell behind), or closed: the next call follows anew.
        this.generation++;
        this.#following = undefined;
      });
  }

  #learn(entry: Entry): void {
    const { key, value } = entry;
    const rest = key.slice(this.places.prefix.length);
    if (this.#isState(key)) this.generation++;
    if (rest.startsWith('x/')) this.#mark(this.#revoked, lastOf(key), entry.expiresAt ?? Infinity);
    else if (rest.startsWith('v/'))
      this.#mark(this.#changedAt, lastOf(key), Number(Buffer.from(value).toString()));
    else if (rest.startsWith('s/')) this.#issuers.add(lastOf(key));
    else if (rest.startsWith('r/jwks/')) this.#learnKey(entry);
  }

  #isState(key: string): boolean {
    return /^(?:r\/(?:user|session|member|apikey)|x|v)\//.test(key.slice(this.places.prefix.length));
  }

  #learnKey({ key, value }: Entry): void {
    const id = lastOf(key);
    if (this.#revokedKeys.has(id)) return;
    const row = JSON.parse(Buffer.from(value).toString()) as Row;
    const known = this.#keys.get(id);
    const end = row['expiresAt'];
    const stored = typeof end === 'string' ? Date.parse(end) + keyGraceMs : Infinity;
    // A key's end only comes nearer: what was read earlier does not put it off.
    const until = Math.min(stored, known?.until ?? Infinity);
    try {
      const imported = known?.key ?? importVerifyingKey(JSON.parse(String(row['publicKey'])));
      this.#keys.set(id, { key: imported, until });
    } catch (error) {
      this.#options.log('error', `A signing key is unreadable: ${String(error)}`);
    }
  }

  #mark(marks: Map<string, number>, name: string, at: number): void {
    marks.delete(name);
    marks.set(name, at);
    if (this.#revoked.size + this.#changedAt.size < this.#sweepAt) return;
    const now = this.#options.now();
    for (const [id, until] of this.#revoked) if (until < now) this.#revoked.delete(id);
    for (const [id, changed] of this.#changedAt) if (changed + markMs < now) this.#changedAt.delete(id);
    this.#sweepAt = leastSweep + 2 * (this.#revoked.size + this.#changedAt.size);
  }
}

/** Whether tokens that were made before say something else than they would now. */
function differs(before: Row, after: Row | undefined): boolean {
  if (after === undefined) return true;
  return ['role', 'banned', 'claims', 'email', 'emailVerified'].some(
    (field) => (before[field] ?? null) !== (after[field] ?? null),
  );
}

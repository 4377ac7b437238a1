import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Store } from '#bindings/store/store.ts';
import type { Sealer } from '#runtime/sealer.ts';
import { refuse } from './arguments.ts';
import { decode, put } from './records.ts';
import type { Space } from './space.ts';

/** What a link may do, signed by the space's own key. */
export type Claim =
  /** Makes a subscription confirmed. */
  | { readonly for: 'confirm'; readonly subscription: string; readonly until: number }
  /** Ends a subscription; works for as long as there is one. */
  | { readonly for: 'unsubscribe'; readonly subscription: string }
  /** Turns a user's mails about a topic off, all of them without one. */
  | { readonly for: 'mute'; readonly user: string; readonly topic?: string }
  /** Reads a user's inbox and marks what was read. */
  | { readonly for: 'inbox'; readonly user: string; readonly until: number };

interface VapidKeys {
  readonly publicKey: string;
  readonly privateKey: string;
}

/** Keys of each space: made on first use, sealed in the store, kept in memory. */
export class Keyring {
  readonly #store: Store;
  readonly #sealer: Sealer;
  readonly #known = new Map<string, Promise<string>>();

  constructor(store: Store, sealer: Sealer) {
    this.#store = store;
    this.#sealer = sealer;
  }

  /** `<claim>.<HMAC-SHA256>`, both base64url. */
  async sign(space: Space, claim: Claim): Promise<string> {
    const payload = Buffer.from(JSON.stringify(claim)).toString('base64url');
    return `${payload}.${(await this.#mac(space, payload)).toString('base64url')}`;
  }

  /** Undefined for what this space did not sign, and for what is over at `now`. */
  async verify(space: Space, token: string, now: number): Promise<Claim | undefined> {
    const [payload = '', mac = '', ...rest] = token.split('.');
    const given = Buffer.from(mac, 'base64url');
    const expected = await this.#mac(space, payload);
    if (rest.length > 0 || given.length !== expected.length || !timingSafeEqual(given, expected))
      return undefined;
    const claim = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claim;
    return 'until' in claim && claim.until <= now ? undefined : claim;
  }

  /** VAPID keys (RFC 8292), base64url each. Apps subscribe under the public one: they never change. */
  async vapid(space: Space): Promise<VapidKeys> {
    const keys = await this.#secret(space, 'vapid', async () => {
      const { default: webPush } = await import('web-push');
      return JSON.stringify(webPush.generateVAPIDKeys());
    });
    return JSON.parse(keys) as VapidKeys;
  }

  /** A secret of a subscription as its record holds it. */
  seal(space: Space, text: string): string {
    return Buffer.from(this.#sealer.seal(nameOf(space, 'webhook'), text)).toString('base64');
  }

  unseal(space: Space, sealed: string): string {
    return this.#sealer.open(nameOf(space, 'webhook'), Buffer.from(sealed, 'base64'));
  }

  async #mac(space: Space, payload: string): Promise<Buffer> {
    const key = await this.#secret(space, 'links', async () => randomBytes(32).toString('base64'));
    return createHmac('sha256', Buffer.from(key, 'base64')).update(payload).digest();
  }

  async #secret(space: Space, name: string, make: () => Promise<string>): Promise<string> {
    const key = space.key('key', name);
    const known = this.#known.get(key) ?? this.#load(space, name, make);
    this.#known.set(key, known);
    try {
      return await known;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  /** Of two that make one at once, the store takes one, and both use it. */
  async #load(space: Space, name: string, make: () => Promise<string>): Promise<string> {
    const key = space.key('key', name);
    for (let attempt = 0; attempt < 3; attempt++) {
      const entry = await this.#store.get(key);
      if (entry !== undefined) {
        const { sealed } = decode(entry) as { readonly sealed: string };
        return this.#sealer.open(nameOf(space, name), Buffer.from(sealed, 'base64'));
      }
      const made = await make();
      const sealed = Buffer.from(this.#sealer.seal(nameOf(space, name), made)).toString('base64');
      const written = await this.#store.write([put(key, { sealed })], [{ key, revision: 0 }]);
      if (written.ok) return made;
    }
    throw refuse('Cannot make keys: others made and removed them meanwhile; try again');
  }
}

function nameOf(space: Space, name: string): string {
  return `${space.key('key')}/${name}`;
}

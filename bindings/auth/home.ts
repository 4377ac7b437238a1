import { createHash } from 'node:crypto';
import type { DeploymentHead } from '#runtime/deployment.ts';
import type { Mailer } from '#bindings/mail/mail.ts';
import { HostError } from '#runtime/errors.ts';
import type { FunctionCaller } from '#runtime/functions.ts';
import { createRowAdapter, inTransaction, withOnly, type RowAdapter } from './adapter.ts';
import { UsedCodes } from './codes.ts';
import type { AuthConfig, HookName } from './config.ts';
import { addressHeaderName } from './headers.ts';
import { askHook, type Hooked } from './hooks.ts';
import { Identifier, sessionCookie } from './identify.ts';
import type { HookAnswer, Instance, InstanceOptions, InstancePorts, MailKind } from './instance.ts';
import { Lockout } from './lockout.ts';
import { mailText } from './mails.ts';
import type { Passwords } from './password.ts';
import { keyGraceMs, type Pool } from './pool.ts';
import { Rates } from './rate.ts';
import { RefreshTokens } from './refresh.ts';
import type { RowsOptions } from './rows.ts';
import { toSchema } from './schema.ts';
import { openProvider, type Provider } from './social.ts';
import type { Store } from '#bindings/store/store.ts';
import type { Row } from './where.ts';

export interface HomeOptions {
  readonly pool: Pool;
  readonly poolName: string;
  readonly config: AuthConfig;
  readonly deployment: DeploymentHead;
  readonly store: Store;
  readonly passwords: Passwords;
  readonly mailer: Mailer;
  readonly functions: FunctionCaller | undefined;
  /** The value of a secret of the function. */
  readonly secret: (name: string) => Promise<string | undefined>;
  /** The way out, guarded by the deployment's policy. */
  readonly fetch: typeof globalThis.fetch;
  /** Where the host is reached from outside. */
  readonly publicUrl: string | undefined;
  readonly now: () => number;
  readonly log: (level: 'warn' | 'error', message: string) => void;
}

/** One place the pool is served at: an origin, and the path its endpoints are under. */
export interface Base {
  /** E.g. `https://shop.example.com`. */
  readonly origin: string;
  /** What was stripped from the function's path. */
  readonly prefix: string;
}

/** Origins differ by port and host alone where no origin is configured. */
const mostInstances = 16;
/** One whose providers could not all be reached is made again after this. */
const brokenMs = 30_000;

/** A pool as one deployment uses it: the library's instances, made when they are needed, and what they share. */
export class Home {
  readonly options: HomeOptions;
  readonly lockout: Lockout;
  readonly refresh: RefreshTokens;
  readonly codes: UsedCodes;
  readonly identifier: Identifier;
  /** Of access tokens; nothing else the pool signs is for it. */
  readonly audience: string;
  readonly #rates: Rates;
  readonly #instances = new Map<string, { readonly instance: Promise<Instance>; readonly until: number }>();
  readonly #pending = new Set<Promise<void>>();

  constructor(options: HomeOptions) {
    const { pool, store, config, now, deployment, poolName } = options;
    this.options = options;
    this.audience = `islet:${deployment.cordon}/${poolName}`;
    this.lockout = new Lockout(store, pool.places, { rules: config.lockout, now });
    this.refresh = new RefreshTokens(store, pool.places);
    this.codes = new UsedCodes(store, pool.places, now);
    this.#rates = new Rates(now);
    this.identifier = new Identifier({
      pool,
      audience: this.audience,
      now,
      apiKey: async (key) => (await this.own()).verifyApiKey(key),
    });
  }

  /** Where endpoints are when nobody has asked for any: for work that comes from the guest. */
  own(): Promise<Instance> {
    return this.instance({ origin: this.options.config.origin ?? 'http://localhost', prefix: '' });
  }

  /** Address of the endpoints, without a slash at the end. */
  baseUrl({ origin, prefix }: Base): string {
    return `${origin}${prefix}${this.options.config.path}`;
  }

  /** Whether links and cookies may be made for this origin: one that whoever sends a request cannot choose freely. */
  allows(origin: string): boolean {
    const { config, deployment, publicUrl } = this.options;
    if (config.origin !== undefined) return origin === config.origin;
    const url = new URL(origin);
    const own = publicUrl === undefined ? undefined : new URL(publicUrl);
    if (own?.protocol === url.protocol && [own.host, `${deployment.function}.${own.host}`].includes(url.host))
      return true;
    if (/^(?:localhost|.*\.localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname))
      return this.options.pool.mayServe(url.origin);
    return deployment.routes.some((route) => route.split('/')[0] === url.hostname);
  }

  async instance(base: Base): Promise<Instance> {
    const address = this.baseUrl(base);
    const known = this.#instances.get(address);
    if (known !== undefined && known.until > this.options.now()) return await known.instance;
    const oldest = this.#instances.keys().next().value;
    if (this.#instances.size >= mostInstances && oldest !== undefined) this.#instances.delete(oldest);
    const { providers, whole } = await this.#providers();
    const instance = this.#open(base, providers);
    this.#instances.set(address, { instance, until: whole ? Infinity : this.options.now() + brokenMs });
    instance.catch(() => this.#instances.delete(address));
    return await instance;
  }

  cookieName(base: Base): string {
    return base.origin.startsWith('https:') ? `__Secure-${sessionCookie}` : sessionCookie;
  }

  /** Sends a mail after the answer. */
  mail(kind: MailKind, { email, link }: { readonly email: string; readonly link: string }): void {
    const { config, mailer, log } = this.options;
    const { subject, text, html } = mailText(kind, config.title, link);
    this.later('A mail', async () => {
      // Anybody may have a mail sent to anybody: not without end.
      if ((await this.lockout.mail(email)) > 0)
        return log('warn', 'An address has had its mails of this hour');
      return await mailer.send({ to: email, subject, text, html });
    });
  }

  /** Asks a hook's function; there need be none. */
  async ask(name: HookName, user: Row): Promise<Hooked> {
    const { functions, deployment, poolName, config, now, log } = this.options;
    const { cordon } = deployment;
    return await askHook(name, user, { functions, cordon, pool: poolName, hooks: config.hooks, now, log });
  }

  /** Work nobody waits for: mails, and hooks that come after. Failures are logged. */
  later(what: string, work: () => Promise<unknown>): void {
    const done = work()
      .then(
        () => undefined,
        (error: unknown) =>
          this.options.log('error', `${what} of pool ${this.options.poolName}: ${String(error)}`),
      )
      .finally(() => this.#pending.delete(done));
    this.#pending.add(done);
  }

  /** Resolves when all of it is done. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async #open(base: Base, providers: readonly Provider[]): Promise<Instance> {
    const { config, pool } = this.options;
    const { createInstance, libraryTables, Refusal } = await import('./library.ts');
    await pool.ready();
    const address = this.baseUrl(base);
    const rows: RowsOptions = {
      store: this.options.store,
      places: pool.places,
      schema: toSchema(libraryTables()),
      alongside: (changes) => pool.marks(changes),
      committed: (changes) => pool.marked(changes),
    };
    const clientIds = config.clients.map(({ id }) => id);
    // Rows of applications that no config names any more are there still, and are none.
    const known = (own: RowAdapter): RowAdapter =>
      withOnly(own, { model: 'oauthClient', field: 'clientId', values: clientIds });
    const options: InstanceOptions = {
      base: address,
      cookiePath: base.prefix === '' ? '/' : base.prefix,
      origins: [base.origin, ...config.redirects],
      secret: await pool.secret(),
      title: config.title,
      database: {
        adapter: known(createRowAdapter(rows)),
        transaction: (work) => inTransaction(rows, (own) => work(known(own))),
      },
      addressHeader: addressHeaderName,
      signUp: config.signUp,
      verifyEmail: config.verifyEmail,
      passwordLength: config.passwordLength,
      sessionSeconds: config.sessionSeconds,
      perMinute: config.perMinute,
      keyGraceSeconds: keyGraceMs / 1000,
      clientIds,
      providers,
      ports: this.#ports(base, Refusal),
    };
    const instance = await createInstance(options);
    await pool.addIssuer(address);
    await this.#registerClients(instance);
    return instance;
  }

  #ports(base: Base, refusal: new (message: string) => Error): InstancePorts {
    const { passwords, log } = this.options;
    const ask = async (name: HookName, user: Row): Promise<HookAnswer> => {
      const hooked = await this.ask(name, user);
      if (hooked.kind === 'refused') throw new refusal(hooked.message);
      return hooked.answer;
    };
    return {
      hash: (password) => passwords.hash(password),
      verify: (hash, password) => passwords.verify(hash, password),
      mail: (kind, { email, url, token }) =>
        this.mail(kind, { email, link: this.#link(kind, base, { url, token }) }),
      beforeSignUp: (user) => ask('beforeSignUp', user),
      beforeSignIn: (user) => ask('beforeSignIn', user),
      afterSignUp: (user) => this.later('A hook', () => this.ask('afterSignUp', user)),
      afterSignIn: (user) => this.later('A hook', () => this.ask('afterSignIn', user)),
      consume: (key, rule) => this.#rates.consume(key, rule),
      log,
    };
  }

  /** Resets are done on the sign-in page unless the request named a page of its own. */
  #link(
    kind: MailKind,
    base: Base,
    { url, token }: { readonly url: string; readonly token: string },
  ): string {
    if (kind !== 'reset') return url;
    const own = URL.parse(url)?.searchParams.get('callbackURL');
    if (own !== null && own !== undefined && own !== '') return url;
    return `${this.baseUrl(base)}/sign-in?reset=${encodeURIComponent(token)}`;
  }

  async #providers(): Promise<{ readonly providers: readonly Provider[]; readonly whole: boolean }> {
    const { config, secret, fetch, log } = this.options;
    const opened = await Promise.all(
      config.providers.map(async (provider) => {
        try {
          const value = provider.secret === undefined ? undefined : await secret(provider.secret);
          if (provider.secret !== undefined && value === undefined)
            throw new TypeError(`there is no secret ${provider.secret}`);
          return await openProvider(provider, {
            fetch,
            secret: value,
            log: (message) => log('warn', message),
          });
        } catch (error) {
          log('error', `Provider ${provider.id} cannot be used now: ${String(error)}`);
          return undefined;
        }
      }),
    );
    const providers = opened.filter((provider) => provider !== undefined);
    return { providers, whole: providers.length === opened.length };
  }

  /** Applications of the config, as rows; a row that is in no config any more is left, and not seen. */
  async #registerClients({ adapter }: Instance): Promise<void> {
    const { config, secret } = this.options;
    for (const client of config.clients) {
      const value = client.secret === undefined ? undefined : await secret(client.secret);
      if (client.secret !== undefined && value === undefined) {
        throw new HostError(
          'ERR_AUTH',
          `Cannot serve client "${client.id}": there is no secret ${client.secret}; put it with \`islet secret put\``,
        );
      }
      const data: Row = {
        name: client.name ?? client.id,
        clientSecret: value === undefined ? null : createHash('sha256').update(value).digest('base64url'),
        redirectUris: client.redirects,
        tokenEndpointAuthMethod: value === undefined ? 'none' : 'client_secret_post',
        public: value === undefined,
        grantTypes: ['authorization_code', 'refresh_token'],
        responseTypes: ['code'],
        scopes: ['openid', 'profile', 'email', 'offline_access'],
        skipConsent: true,
        requirePKCE: true,
        enableEndSession: true,
        disabled: false,
        updatedAt: new Date(),
      };
      const where = [{ field: 'clientId', value: client.id }];
      const stored = await adapter.findOne({ model: 'oauthClient', where });
      if (stored === null)
        await adapter.create({
          model: 'oauthClient',
          data: { clientId: client.id, createdAt: new Date(), ...data },
        });
      else await adapter.update({ model: 'oauthClient', where, update: data });
    }
  }
}

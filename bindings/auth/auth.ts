import type { Answer, Attachment, Binding, Grant, GrantContext, Operation } from '#runtime/binding.ts';
import type { Credentials } from '#runtime/caller.ts';
import type { DeploymentHead } from '#runtime/deployment.ts';
import type { Egress } from '#runtime/egress.ts';
import { HostError } from '#runtime/errors.ts';
import type { FunctionCaller } from '#runtime/functions.ts';
import type { Sealer } from '#runtime/sealer.ts';
import type { Mailer } from '#bindings/mail/mail.ts';
import type { Store } from '#bindings/store/store.ts';
import { userVerbs } from './admin.ts';
import { Arguments } from './arguments.ts';
import { parseAuthConfig } from './config.ts';
import { groupVerbs } from './groups.ts';
import { Home } from './home.ts';
import { onOccasion } from './hooks.ts';
import { Passwords } from './password.ts';
import { Pool } from './pool.ts';
import { serveAuth } from './served.ts';

export interface AuthOptions {
  readonly store: Store;
  readonly sealer: Sealer;
  readonly mailer: Mailer;
  /** For hooks; without it a pool with hooks lets nobody in. */
  readonly functions?: FunctionCaller;
  /** For social sign-in. */
  readonly egress: Pick<Egress, 'fetchUnder'>;
  /** The value of a function's secret: what providers and clients are known by. */
  readonly secret: (owner: DeploymentHead['function'], name: string) => Promise<string | undefined>;
  /** Where the host is reached from outside: functions are there by path, and by name below it. */
  readonly publicUrl?: string | undefined;
  readonly log?: (level: 'warn' | 'error', message: string) => void;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

export interface AuthBinding extends Binding {
  /** Resolves when no mail and no hook is under way. */
  settled(): Promise<void>;
  /** Ends watching; waits for what is under way. */
  close(): Promise<void>;
}

/**
 * The `auth` binding: user pools. Config: a pool, an object (config.ts), or nothing for the function's own pool,
 * "<function>/<NAME>". Endpoints are served under `path`; `identify` checks tokens, cookies and API keys.
 */
export function createAuthBinding(options: AuthOptions): AuthBinding {
  const now = options.now ?? Date.now;
  const log = options.log ?? (() => undefined);
  const passwords = new Passwords();
  const pools = new Map<string, Pool>();
  const homes = new Set<WeakRef<Home>>();
  const poolOf = (cordon: string, name: string): Pool => {
    const key = JSON.stringify([cordon, name]);
    const known = pools.get(key);
    if (known !== undefined) return known;
    const { store, sealer } = options;
    const pool = new Pool(cordon, name, { store, sealer, now, log });
    pools.set(key, pool);
    return pool;
  };
  const settled = async (): Promise<void> => {
    await Promise.all([...homes].map(async (home) => await home.deref()?.settled()));
  };
  return {
    kind: 'auth',
    parse: parseAuthConfig,
    attach(declaration, deployment): Attachment {
      const config = parseAuthConfig(declaration.config);
      const poolName = config.pool ?? `${deployment.function}/${declaration.name}`;
      const home = new Home({
        pool: poolOf(deployment.cordon, poolName),
        poolName,
        config,
        deployment,
        store: options.store,
        passwords,
        mailer: options.mailer,
        functions: options.functions,
        secret: (name) => options.secret(deployment.function, name),
        fetch: options.egress.fetchUnder(deployment.egress),
        publicUrl: options.publicUrl,
        now,
        log,
      });
      for (const each of homes) if (each.deref() === undefined) homes.delete(each);
      homes.add(new WeakRef(home));
      return {
        grant: (context) => new AuthGrant(home, context),
        served: serveAuth(home),
        identify: (credentials) => home.identifier.identify(credentials),
        signIn: (returnTo) => `${config.path}/sign-in?to=${encodeURIComponent(returnTo)}`,
      };
    },
    settled,
    async close() {
      for (const pool of pools.values()) pool.close();
      await settled();
    },
  };
}

class AuthGrant implements Grant {
  readonly #home: Home;
  readonly #context: GrantContext;

  constructor(home: Home, context: GrantContext) {
    this.#home = home;
    this.#context = context;
  }

  async call({ method, args: given }: Operation): Promise<Answer> {
    const args = new Arguments(given);
    if (method === 'verify') return { value: await this.#verify(args) };
    const verb = userVerbs[method] ?? groupVerbs[method];
    if (verb === undefined) {
      throw new TypeError(
        `AUTH has no method ${JSON.stringify(method.slice(0, 100))}; use verify, users.list, users.get, …`,
      );
    }
    if (!this.#home.options.config.admin) {
      throw new HostError(
        'ERR_NOT_GRANTED',
        `Cannot use ${method}: the binding is not for admin work; set "admin": true in its config`,
      );
    }
    const { origin, signal } = this.#context;
    const value = await onOccasion({ origin: { ...origin, signal } }, async () =>
      verb(await this.#home.own(), args, this.#home),
    );
    return { value };
  }

  /** The user of the request given, or of the one that is being answered; null when it is nobody's. */
  async #verify(args: Arguments): Promise<unknown> {
    const { request } = this.#context;
    const headers = args.has('headers') ? parseHeaders(args.get('headers')) : request?.headers;
    if (headers === undefined) return null;
    const url = request?.url ?? '';
    const identity = await this.#home.identifier.identify({ headers, url });
    return identity.kind === 'caller' ? identity.caller : null;
  }
}

/** Flat: name, value, …; names in any case. */
function parseHeaders(value: unknown): Credentials['headers'] {
  if (Array.isArray(value) && value.length <= 400 && value.every((each) => typeof each === 'string')) {
    return (value as readonly string[]).map((each, index) => (index % 2 === 0 ? each.toLowerCase() : each));
  }
  throw new TypeError('AUTH headers are a flat list of names and values');
}

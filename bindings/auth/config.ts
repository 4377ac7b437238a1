import { closest } from 'fastest-levenshtein';

/** An OAuth or OIDC provider people may sign in with. */
export interface ProviderConfig {
  /** In addresses: `<path>/callback/<id>`. `google` and `github` need nothing but the client. */
  readonly id: string;
  readonly name?: string;
  readonly clientId: string;
  /** Name of the function's secret that holds the client secret; absent for public clients. */
  readonly secret?: string;
  /** OIDC: the rest is discovered from here. */
  readonly issuer?: string;
  readonly authorizationUrl?: string;
  readonly tokenUrl?: string;
  readonly userInfoUrl?: string;
  /** Without OIDC: a list of `{ email, primary, verified }`, as GitHub has it, for what its user info does not say. */
  readonly emailsUrl?: string;
  readonly scopes?: readonly string[];
}

/** Another application that signs in with this pool (OIDC relying party). */
export interface ClientConfig {
  readonly id: string;
  readonly name?: string;
  readonly redirects: readonly string[];
  /** Name of the function's secret that holds its client secret; absent for public clients (PKCE is asked of all). */
  readonly secret?: string;
}

export type HookName = 'beforeSignUp' | 'afterSignUp' | 'beforeSignIn' | 'afterSignIn';

export interface AuthConfig {
  readonly pool?: string;
  readonly path: string;
  /** E.g. `https://shop.example.com`; what links, tokens and passkeys are made for. */
  readonly origin?: string;
  /** Further origins that may be redirected to and that may call with credentials. */
  readonly redirects: readonly string[];
  readonly admin: boolean;
  readonly signUp: boolean;
  readonly verifyEmail: boolean;
  readonly title: string;
  /** CSS variables of the sign-in page without their `--`, e.g. `{ "accent": "#06c" }`. */
  readonly theme: Readonly<Record<string, string>>;
  /** `data:image/…` URL. */
  readonly logo?: string;
  readonly accessTokenSeconds: number;
  readonly sessionSeconds: number;
  readonly lockout: { readonly failures: number; readonly seconds: number };
  /** Requests a minute that one address may send to one endpoint that checks credentials. */
  readonly perMinute: number;
  readonly passwordLength: number;
  readonly providers: readonly ProviderConfig[];
  readonly clients: readonly ClientConfig[];
  readonly hooks: Readonly<Partial<Record<HookName, string>>>;
}

const poolPattern = /^[A-Za-z0-9][\w.-]{0,63}(?:\/[A-Za-z_$][\w$]{0,63})?$/;
const pathPattern = /^\/(?:[A-Za-z0-9_-]+\/)*[A-Za-z0-9_-]+$/;
const idPattern = /^[A-Za-z0-9][\w-]{0,63}$/;
const functionPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const logoPattern = /^data:image\/(?:png|jpeg|webp|gif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$/;
const variablePattern = /^[a-z][a-z-]{0,31}$/;
const themePattern = /^[#\w\s.,%()"'-]{1,100}$/;

/** Unknown to config: nothing, a pool's name, or an object. Throws a TypeError that says what would work. */
export function parseAuthConfig(config: unknown): AuthConfig {
  const given = new Reader('AUTH binding', typeof config === 'string' ? { pool: config } : (config ?? {}), [
    'pool',
    'path',
    'origin',
    'redirects',
    'admin',
    'signUp',
    'verifyEmail',
    'title',
    'theme',
    'logo',
    'accessTokenSeconds',
    'sessionSeconds',
    'lockout',
    'perMinute',
    'passwordLength',
    'providers',
    'clients',
    'hooks',
  ]);
  const lockout = new Reader('AUTH lockout', given.get('lockout') ?? {}, ['failures', 'seconds']);
  const hooks = new Reader('AUTH hooks', given.get('hooks') ?? {}, [
    'beforeSignUp',
    'afterSignUp',
    'beforeSignIn',
    'afterSignIn',
  ]);
  return {
    ...given.optional('pool', (name) =>
      given.text(name, poolPattern, '"main", or another function\'s own, "shop/AUTH"'),
    ),
    path: given.text('path', pathPattern, '"/auth"') ?? '/auth',
    ...given.optional('origin', (name) => originOf(name, given.get(name))),
    redirects: given.list('redirects').map((value) => originOf('redirects', value)),
    admin: given.flag('admin') ?? false,
    signUp: given.flag('signUp') ?? true,
    verifyEmail: given.flag('verifyEmail') ?? true,
    title: given.text('title', /^[^\p{Cc}]{1,80}$/u, '"My shop"') ?? 'Sign in',
    theme: parseTheme(given.get('theme')),
    ...given.optional('logo', (name) => given.text(name, logoPattern, '"data:image/png;base64,…"')),
    accessTokenSeconds: given.whole('accessTokenSeconds', [30, 3600]) ?? 300,
    sessionSeconds: given.whole('sessionSeconds', [300, 34_560_000]) ?? 2_592_000,
    lockout: {
      failures: lockout.whole('failures', [3, 100]) ?? 10,
      seconds: lockout.whole('seconds', [1, 86_400]) ?? 60,
    },
    perMinute: given.whole('perMinute', [1, 100_000]) ?? 30,
    passwordLength: given.whole('passwordLength', [8, 64]) ?? 8,
    providers: given.list('providers').map(parseProvider),
    clients: given.list('clients').map(parseClient),
    hooks: Object.fromEntries(
      hooks.keys().map((name) => [name, hooks.text(name, functionPattern, 'the name of a function') ?? '']),
    ),
  };
}

function parseProvider(value: unknown): ProviderConfig {
  const given = new Reader('AUTH provider', value, [
    'id',
    'name',
    'clientId',
    'secret',
    'issuer',
    'authorizationUrl',
    'tokenUrl',
    'userInfoUrl',
    'emailsUrl',
    'scopes',
  ]);
  const provider: ProviderConfig = {
    id: given.text('id', idPattern, '"google"') ?? given.missing('id'),
    ...given.optional('name', (name) => given.text(name, /^[^\p{Cc}]{1,80}$/u, '"Google"')),
    clientId: given.text('clientId', /^[\x21-\x7e]{1,255}$/, "the client's id") ?? given.missing('clientId'),
    ...given.optional('secret', (name) => given.text(name, /^[A-Za-z_]\w{0,63}$/, 'the name of a secret')),
    ...given.optional('issuer', (name) => addressOf(name, given.get(name))),
    ...given.optional('authorizationUrl', (name) => addressOf(name, given.get(name))),
    ...given.optional('tokenUrl', (name) => addressOf(name, given.get(name))),
    ...given.optional('userInfoUrl', (name) => addressOf(name, given.get(name))),
    ...given.optional('emailsUrl', (name) => addressOf(name, given.get(name))),
    ...given.optional('scopes', (name) => given.list(name).map(String)),
  };
  const known = provider.id === 'google' || provider.id === 'github';
  if (known || provider.issuer !== undefined) return provider;
  if (
    provider.authorizationUrl !== undefined &&
    provider.tokenUrl !== undefined &&
    provider.userInfoUrl !== undefined
  )
    return provider;
  throw new TypeError(
    `AUTH provider "${provider.id}" is incomplete; give its "issuer", or "authorizationUrl", "tokenUrl" and "userInfoUrl"`,
  );
}

function parseClient(value: unknown): ClientConfig {
  const given = new Reader('AUTH client', value, ['id', 'name', 'redirects', 'secret']);
  const redirects = given.list('redirects').map((redirect) => addressOf('redirects', redirect));
  if (redirects.length === 0) given.missing('redirects');
  return {
    id: given.text('id', idPattern, '"my-app"') ?? given.missing('id'),
    ...given.optional('name', (name) => given.text(name, /^[^\p{Cc}]{1,80}$/u, '"My app"')),
    redirects,
    ...given.optional('secret', (name) => given.text(name, /^[A-Za-z_]\w{0,63}$/, 'the name of a secret')),
  };
}

function parseTheme(value: unknown): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('AUTH theme is an object of CSS variables');
  for (const [name, text] of Object.entries(value)) {
    if (
      !variablePattern.test(name) ||
      typeof text !== 'string' ||
      !themePattern.test(text) ||
      /url|expression/i.test(text)
    ) {
      throw new TypeError(
        `AUTH theme has ${JSON.stringify(name)}; use names of a-z and "-", and values such as "#06c" or "12px"`,
      );
    }
  }
  return { ...(value as Record<string, string>) };
}

/** `https://host[:port]`; plain http for this machine only. */
function originOf(name: string, value: unknown): string {
  const address = addressOf(name, value);
  if (new URL(address).origin === address) return address;
  throw new TypeError(
    `AUTH ${name} is ${JSON.stringify(value)}; use an origin, e.g. "https://shop.example.com"`,
  );
}

function addressOf(name: string, value: unknown): string {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  const local = url !== null && /^(?:localhost|.*\.localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  const usable = url?.protocol === 'https:' || (url?.protocol === 'http:' && local);
  if (url !== null && usable && url.username === '' && url.password === '' && url.hash === '')
    return value as string;
  throw new TypeError(
    `AUTH ${name} is ${JSON.stringify(value)}; use an https address (http for localhost alone)`,
  );
}

/** Reads the members of one object; a TypeError names the key and what would work. */
class Reader {
  readonly #what: string;
  readonly #value: Readonly<Record<string, unknown>>;

  constructor(what: string, value: unknown, keys: readonly string[]) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new TypeError(
        `${what} is ${Array.isArray(value) ? 'a list' : typeof value}; use an object with ${keys.join(', ')}`,
      );
    }
    const unknown = Object.keys(value).find((key) => !keys.includes(key));
    if (unknown !== undefined) {
      throw new TypeError(
        `${what} has an unknown key ${JSON.stringify(unknown)}; did you mean ${JSON.stringify(closest(unknown, keys))}?`,
      );
    }
    this.#what = what;
    this.#value = value as Readonly<Record<string, unknown>>;
  }

  keys(): readonly string[] {
    return Object.keys(this.#value);
  }

  get(name: string): unknown {
    return this.#value[name];
  }

  optional<K extends string, T>(name: K, read: (name: K) => T | undefined): { readonly [key in K]?: T } {
    return this.#value[name] === undefined ? {} : ({ [name]: read(name) } as { readonly [key in K]?: T });
  }

  text(name: string, pattern: RegExp, example: string): string | undefined {
    const value = this.#value[name];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.#wrong(name, example);
  }

  flag(name: string): boolean | undefined {
    const value = this.#value[name];
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrong(name, 'true or false');
  }

  whole(name: string, [least, most]: readonly [number, number]): number | undefined {
    const value = this.#value[name];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    throw this.#wrong(name, `a whole number from ${least} to ${most}`);
  }

  list(name: string): readonly unknown[] {
    const value = this.#value[name];
    if (value === undefined) return [];
    if (Array.isArray(value) && value.length <= 50) return value;
    throw this.#wrong(name, 'a list of up to 50');
  }

  missing(name: string): never {
    throw new TypeError(`${this.#what} has no ${name}; give one`);
  }

  #wrong(name: string, example: string): TypeError {
    const value = JSON.stringify(this.#value[name]) ?? typeof this.#value[name];
    return new TypeError(`${this.#what} has ${name} ${value.slice(0, 100)}; use ${example}`);
  }
}

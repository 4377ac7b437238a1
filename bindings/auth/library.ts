import { apiKey } from '@better-auth/api-key';
import { createAdapterFactory } from '@better-auth/core/db/adapter';
import { oauthProvider, oauthProviderOpenIdConfigMetadata } from '@better-auth/oauth-provider';
import { passkey } from '@better-auth/passkey';
import type { BetterAuthOptions } from 'better-auth';
import { APIError, isAPIError } from 'better-auth/api';
import { betterAuth } from 'better-auth/minimal';
import { getAuthTables } from 'better-auth/db';
import {
  admin,
  createJwk,
  genericOAuth,
  jwt,
  organization,
  resolveSigningKey,
  twoFactor,
} from 'better-auth/plugins';
import type { RowAdapter } from './adapter.ts';
import type { Table } from './schema.ts';
import type { Row } from './where.ts';

import type { Database, HookAnswer, Instance, InstanceOptions, InstancePorts } from './instance.ts';
import type { InstanceAdapter, InstanceUsers } from './instance.ts';

/** A hook's no. Its message goes to whoever signs up or in. */
export class Refusal extends Error {}

const cookiePrefix = 'islet';
/** Signing keys are replaced this often. */
const rotationSeconds = 30 * 86_400;
/** Endpoints that say whether a secret is right, or that send mail. */
const guarded = [
  '/sign-in/*',
  '/sign-up/*',
  '/two-factor/*',
  '/request-password-reset',
  '/reset-password',
  '/change-password',
  '/verify-password',
  '/change-email',
  '/organization/invite-member',
  '/send-verification-email',
  '/passkey/verify-authentication',
];

const keyRules = (gracePeriod: number) =>
  ({ jwks: { keyPairConfig: { alg: 'ES256' }, rotationInterval: rotationSeconds, gracePeriod } }) as const;

/** The library's tables, its plugins' included: the same for all pools. */
export function libraryTables(): Readonly<Record<string, Table>> {
  return getAuthTables({ plugins: plugins(bare) });
}

const bare = {
  base: 'http://localhost/auth',
  title: '',
  providers: [],
  clientIds: [],
  keyGraceSeconds: 0,
  ports: undefined,
  origins: [],
} as const;

/**
 * The one door to better-auth. Loaded (0.4 s, 40 MB) when a pool answers its first request, never for verifying. `npm
 * run build` puts the packages into this file, so nothing of ours but types is imported here: it would be there twice.
 */
export async function createInstance(options: InstanceOptions): Promise<Instance> {
  const { ports } = options;
  const auth = betterAuth({
    appName: options.title,
    baseURL: options.base,
    secret: options.secret,
    trustedOrigins: [...options.origins],
    database: databaseOf(options.database) as never,
    telemetry: { enabled: false },
    logger: {
      level: 'error',
      log: (level, message, ...rest: unknown[]) => {
        const causes = rest.map((each) => (each instanceof Error ? `: ${each.message}` : ''));
        ports.log(level === 'error' ? 'error' : 'warn', message + causes.join(''));
      },
    },
    onAPIError: {
      errorURL: `${options.base}/sign-in`,
      // What it answers itself is no fault; the rest is for whoever called.
      onError: (error) => {
        if (!isAPIError(error)) throw error;
      },
    },
    disabledPaths: ['/token', '/sign-in/oauth2', '/delete-user', '/is-username-available', '/error', '/ok'],
    emailAndPassword: {
      enabled: true,
      disableSignUp: !options.signUp,
      requireEmailVerification: options.verifyEmail,
      minPasswordLength: options.passwordLength,
      maxPasswordLength: 256,
      revokeSessionsOnPasswordReset: true,
      password: {
        hash: (password) => ports.hash(password),
        verify: ({ hash, password }) => ports.verify(hash, password),
      },
      sendResetPassword: async ({ user, url, token }) =>
        ports.mail('reset', { email: user.email, url, token }),
    },
    emailVerification: {
      sendOnSignUp: true,
      sendOnSignIn: true,
      autoSignInAfterVerification: true,
      sendVerificationEmail: async ({ user, url, token }) =>
        ports.mail('verify', { email: user.email, url, token }),
    },
    // The store expires them; the library's way is to read all of them at each look.
    verification: { disableCleanup: true },
    user: {
      additionalFields: { claims: { type: 'string', required: false, input: false, returned: false } },
      changeEmail: {
        enabled: true,
        sendChangeEmailConfirmation: async ({ user, url, token }) =>
          ports.mail('change', { email: user.email, url, token }),
      },
    },
    session: {
      expiresIn: options.sessionSeconds,
      updateAge: Math.min(86_400, Math.floor(options.sessionSeconds / 2)),
      additionalFields: { claims: { type: 'string', required: false, input: false, returned: false } },
    },
    account: { encryptOAuthTokens: true, accountLinking: { enabled: true } },
    rateLimit: {
      enabled: true,
      window: 60,
      max: options.perMinute * 10,
      customRules: Object.fromEntries([
        ...guarded.map((path) => [path, { window: 60, max: options.perMinute }] as const),
        ['/*', { window: 60, max: options.perMinute * 10 }] as const,
      ]),
      customStorage: {
        consume: async (key: string, rule: { window: number; max: number }) => ports.consume(key, rule),
      },
    },
    advanced: {
      cookiePrefix,
      useSecureCookies: options.base.startsWith('https:'),
      defaultCookieAttributes: { path: options.cookiePath, sameSite: 'lax', httpOnly: true },
      disableCSRFCheck: false,
      disableOriginCheck: false,
      ipAddress: { ipAddressHeaders: [options.addressHeader] },
    },
    databaseHooks: hooksOf(options),
    plugins: plugins(options),
  } satisfies BetterAuthOptions);
  const context = await auth.$context;
  const api = auth.api as unknown as KeyCalls;
  const rules = keyRules(options.keyGraceSeconds);
  const discovery = oauthProviderOpenIdConfigMetadata(auth as never);
  return {
    handle: (request) => auth.handler(request),
    discovery: (request) => discovery(request),
    adapter: context.adapter as unknown as InstanceAdapter,
    users: context.internalAdapter as unknown as InstanceUsers,
    signingKey: async () => {
      const key = await resolveSigningKey({ context } as never, rules);
      if (key === null) throw new TypeError('Signing is left to nobody else');
      return key;
    },
    createKey: async () => (await createJwk({ context } as never, rules)).id,
    createApiKey: async (body) => await api.createApiKey({ body }),
    verifyApiKey: async (key) => {
      const { valid, key: row } = await api.verifyApiKey({ body: { key } });
      return valid && row !== null ? row : undefined;
    },
  };
}

/** Endpoints of the API key plugin, which the list of plugins is too wide a type to tell. */
interface KeyCalls {
  createApiKey(call: { readonly body: unknown }): Promise<Row>;
  verifyApiKey(call: {
    readonly body: { readonly key: string };
  }): Promise<{ readonly valid: boolean; readonly key: Row | null }>;
}

type PluginFacts = Pick<InstanceOptions, 'base' | 'title' | 'providers' | 'clientIds' | 'keyGraceSeconds'> & {
  readonly ports: InstancePorts | undefined;
  readonly origins: readonly string[];
};

function plugins({
  base,
  title,
  providers,
  clientIds,
  keyGraceSeconds,
  ports,
  origins,
}: PluginFacts): NonNullable<BetterAuthOptions['plugins']> {
  const { origin, hostname } = new URL(base);
  return [
    jwt({ ...keyRules(keyGraceSeconds), disableSettingJwtHeader: true, jwt: { issuer: base } }),
    twoFactor({
      issuer: title,
      twoFactorTable: 'twoFactor',
      backupCodeOptions: { storeBackupCodes: 'encrypted' },
    } as never),
    passkey({
      rpID: hostname,
      rpName: title,
      origin: [origin, ...origins.filter((each) => each !== origin)],
    }),
    organization({
      sendInvitationEmail: async ({ id, email }) =>
        ports?.mail('invite', {
          email,
          url: `${base}/account?invitation=${encodeURIComponent(id)}`,
          token: id,
        }),
    }),
    admin({ defaultRole: 'user', adminRoles: ['admin'] }),
    apiKey({
      defaultPrefix: 'islet_',
      enableMetadata: true,
      apiKeyHeaders: 'x-api-key',
      rateLimit: { enabled: false },
    }),
    oauthProvider({
      loginPage: `${base}/sign-in`,
      consentPage: `${base}/sign-in`,
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      cachedTrustedClients: new Set(clientIds),
      grantTypes: ['authorization_code', 'refresh_token'],
      // Applications are in the config, and nowhere else.
      clientPrivileges: () => false,
      resourcePrivileges: () => false,
      silenceWarnings: { oauthAuthServerConfig: true, openidConfig: true },
    } as never) as never,
    genericOAuth({
      config: providers.map((provider) => ({
        providerId: provider.id,
        name: provider.name,
        clientId: provider.clientId,
        ...(provider.clientSecret === undefined ? {} : { clientSecret: provider.clientSecret }),
        authorizationUrl: provider.authorizationUrl,
        tokenUrl: provider.tokenUrl,
        scopes: [...provider.scopes],
        pkce: true,
        accountSubject: ({ profile }: { profile: { readonly id?: unknown } }) => String(profile.id),
        getToken: async (code: { code: string; redirectURI: string; codeVerifier?: string | undefined }) =>
          await provider.exchange(code),
        getUserInfo: async (tokens: { idToken?: string | undefined; accessToken?: string | undefined }) =>
          (await provider.profile(tokens)) ?? null,
      })) as never,
    }),
  ];
}

function hooksOf({ ports }: InstanceOptions): NonNullable<BetterAuthOptions['databaseHooks']> {
  const asked = async (ask: () => Promise<HookAnswer>): Promise<HookAnswer> => {
    try {
      return await ask();
    } catch (error) {
      // Not 403: sign-up answers that as though it had worked.
      if (error instanceof Refusal)
        throw new APIError('UNPROCESSABLE_ENTITY', { code: 'REFUSED', message: error.message });
      throw error;
    }
  };
  return {
    user: {
      create: {
        before: async (user) => {
          const { claims, roles } = await asked(() => ports.beforeSignUp(user));
          const added = {
            ...(claims && { claims: JSON.stringify(claims) }),
            ...(roles && { role: roles.join(',') }),
          };
          return { data: { ...user, ...added } };
        },
        after: async (user) => ports.afterSignUp(user),
      },
    },
    session: {
      create: {
        before: async (session, context) => {
          const user = await context?.context.internalAdapter.findUserById(session.userId);
          const { claims } = user ? await asked(() => ports.beforeSignIn(user)) : {};
          return claims === undefined ? undefined : { data: { ...session, claims: JSON.stringify(claims) } };
        },
        after: async (session, context) => {
          const user = await context?.context.internalAdapter.findUserById(session.userId);
          if (user) ports.afterSignIn(user, session);
        },
      },
    },
  };
}

/** The library's factory turns dates, lists and JSON to text and back; rows hold what JSON holds. */
function databaseOf(database: Database): (options: BetterAuthOptions) => unknown {
  const config = {
    adapterId: 'islet',
    supportsDates: false,
    supportsJSON: false,
    supportsArrays: false,
    supportsBooleans: true,
    supportsNumericIds: false,
  };
  const within = (own: RowAdapter, options: BetterAuthOptions): unknown =>
    createAdapterFactory({ config: { ...config, transaction: false }, adapter: () => own as never })(options);
  return (options) =>
    createAdapterFactory({
      config: {
        ...config,
        transaction: (work) => database.transaction(async (own) => await work(within(own, options) as never)),
      },
      adapter: () => database.adapter as never,
    })(options);
}

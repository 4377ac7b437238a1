import type { RowAdapter } from './adapter.ts';
import type { SigningKey } from './signatures.ts';
import type { Provider } from './social.ts';
import type { Clause, Row } from './where.ts';

/** One pool at one address, as the library is asked for it (library.ts makes it). */
export interface InstanceOptions {
  /** Where the endpoints are, e.g. `https://shop.example.com/auth`. */
  readonly base: string;
  /** Cookies are for this path and below. */
  readonly cookiePath: string;
  /** Origins that may be redirected to, and may call; the base's own is one of them. */
  readonly origins: readonly string[];
  readonly secret: string;
  readonly title: string;
  readonly database: Database;
  /** The header that says where a request comes from; nobody outside can set it. */
  readonly addressHeader: string;
  readonly signUp: boolean;
  readonly verifyEmail: boolean;
  readonly passwordLength: number;
  readonly sessionSeconds: number;
  readonly perMinute: number;
  /** Keys that were replaced stay in the JWKS so long. */
  readonly keyGraceSeconds: number;
  readonly clientIds: readonly string[];
  readonly providers: readonly Provider[];
  readonly ports: InstancePorts;
}

/** Rows, as the library's factory for adapters takes them. */
export interface Database {
  readonly adapter: RowAdapter;
  transaction<T>(work: (adapter: RowAdapter) => Promise<T>): Promise<T>;
}

/** What the library asks back. */
export interface InstancePorts {
  hash(password: string): Promise<string>;
  verify(hash: string, password: string): Promise<boolean>;
  /** Sends later: whether there is such a user shows neither in an answer nor in its time. */
  mail(kind: MailKind, facts: { readonly email: string; readonly url: string; readonly token: string }): void;
  /** Claims and roles to add, or a Refusal. */
  beforeSignUp(user: Row): Promise<HookAnswer>;
  afterSignUp(user: Row): void;
  beforeSignIn(user: Row): Promise<HookAnswer>;
  afterSignIn(user: Row, session: Row): void;
  consume(
    key: string,
    rule: { readonly window: number; readonly max: number },
  ): { allowed: boolean; retryAfter: number | null };
  log(level: 'warn' | 'error', message: string): void;
}

export type MailKind = 'verify' | 'reset' | 'change' | 'exists' | 'invite';

export interface HookAnswer {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly roles?: readonly string[];
}

export interface Instance {
  /** Answers one of the library's endpoints. */
  handle(request: Request): Promise<Response>;
  /** OpenID Connect Discovery 1.0, 3. */
  discovery(request: Request): Promise<Response>;
  /** Rows as endpoints see them: dates are Dates, and hooks run. */
  readonly adapter: InstanceAdapter;
  readonly users: InstanceUsers;
  signingKey(): Promise<SigningKey>;
  /** A further key, by its id, which signs from now on. */
  createKey(): Promise<string>;
  createApiKey(options: Readonly<Record<string, unknown>>): Promise<Row>;
  /** Undefined unless the key is good now. */
  verifyApiKey(key: string): Promise<Row | undefined>;
}

export interface InstanceAdapter {
  create(query: { readonly model: string; readonly data: Row }): Promise<Row>;
  findOne(query: { readonly model: string; readonly where: readonly Partial<Clause>[] }): Promise<Row | null>;
  findMany(query: {
    readonly model: string;
    readonly where?: readonly Partial<Clause>[];
    readonly limit?: number;
    readonly offset?: number;
    readonly sortBy?: { readonly field: string; readonly direction: 'asc' | 'desc' };
  }): Promise<Row[]>;
  update(query: {
    readonly model: string;
    readonly where: readonly Partial<Clause>[];
    readonly update: Row;
  }): Promise<Row | null>;
  updateMany(query: {
    readonly model: string;
    readonly where: readonly Partial<Clause>[];
    readonly update: Row;
  }): Promise<number>;
  delete(query: { readonly model: string; readonly where: readonly Partial<Clause>[] }): Promise<void>;
  deleteMany(query: { readonly model: string; readonly where: readonly Partial<Clause>[] }): Promise<number>;
  count(query: { readonly model: string; readonly where?: readonly Partial<Clause>[] }): Promise<number>;
}

/** The library's own verbs for users: hooks and cascades included. */
export interface InstanceUsers {
  createUser(user: Row): Promise<Row>;
  updateUser(id: string, data: Row): Promise<Row | null>;
  deleteUser(id: string): Promise<void>;
  findUserById(id: string): Promise<Row | null>;
  findUserByEmail(email: string): Promise<{ readonly user: Row } | null>;
  linkAccount(account: Row): Promise<Row>;
  updatePassword(userId: string, hash: string): Promise<void>;
  findAccounts(userId: string): Promise<Row[]>;
  createSession(userId: string, dontRememberMe?: boolean, override?: Row): Promise<Row>;
  deleteUserSessions(userId: string): Promise<void>;
}

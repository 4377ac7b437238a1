import { join } from 'node:path';
import type { Test } from 'tap';
import { createAuthBinding, type AuthBinding, type AuthOptions } from '#bindings/auth/auth.ts';
import type { Mail, Mailer } from '#bindings/mail/mail.ts';
import type { Store } from '#bindings/store/store.ts';
import { openVault } from '#host/deploy/vault.ts';
import type { Answer, Attachment } from '#runtime/binding.ts';
import type { Identity } from '#runtime/caller.ts';
import { attachmentOf } from '#test/contract/binding.ts';
import { temporaryDir, temporaryStore } from '#test/support/store-files.ts';

/** Keeps what it is given, as a person's mailbox does. */
export class Mailbox implements Mailer {
  readonly mails: Mail[] = [];

  async send(mail: Mail): Promise<{ readonly messageId: string }> {
    this.mails.push(mail);
    return { messageId: `<${this.mails.length}@mailbox.test>` };
  }

  /** The link in the last mail to this address. Throws when there is none. */
  linkTo(address: string): URL {
    const text = this.mails.findLast(({ to }) => to === address)?.text ?? '';
    const link = /https?:\S+/.exec(text)?.[0];
    if (link === undefined) throw new Error(`No mail with a link to ${address}`);
    return new URL(link);
  }
}

export interface AuthCase {
  readonly binding: AuthBinding;
  readonly store: Store;
  readonly mailbox: Mailbox;
  /** Milliseconds that the binding's clock is ahead. */
  ahead: number;
}

/** A binding over a store of its own, with a clock that tests may move. */
export async function authCase(t: Test, given: Partial<AuthOptions> = {}): Promise<AuthCase> {
  const store = given.store ?? temporaryStore(t);
  const mailbox = new Mailbox();
  const vault = await openVault(join(temporaryDir(t), 'key'), { inUse: false });
  const made: { ahead: number } = { ahead: 0 };
  const binding = createAuthBinding({
    store,
    sealer: vault,
    mailer: mailbox,
    egress: { fetchUnder: () => globalThis.fetch },
    secret: async () => undefined,
    now: () => Date.now() + made.ahead,
    ...given,
  });
  t.teardown(() => binding.close());
  return Object.assign(made, { binding, store, mailbox });
}

export const origin = 'http://shop.localhost';

/** Somebody with a cookie jar, or a program with tokens, in front of one deployment's endpoints. */
export class Visitor {
  readonly attachment: Attachment;
  readonly cookies: Map<string, string> = new Map();
  readonly headers: Record<string, string> = {};
  ip = '192.0.2.1';
  origin: string = origin;

  constructor(attachment: Attachment) {
    this.attachment = attachment;
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await this.send(path, { headers });
  }

  async post(
    path: string,
    body: unknown = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return await this.send(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: this.origin, ...headers },
      body: JSON.stringify(body),
    });
  }

  /** `path` below /auth, or a whole address. */
  async send(path: string, init: RequestInit): Promise<Response> {
    const url = path.startsWith('http')
      ? path
      : path.startsWith('/.well-known')
        ? this.origin + path
        : `${this.origin}/auth${path}`;
    const headers = new Headers({ ...this.headers, ...(init.headers as Record<string, string>) });
    if (this.cookies.size > 0 && !headers.has('cookie')) headers.set('cookie', this.cookieHeader());
    if (headers.get('cookie') === '') headers.delete('cookie');
    const request = new Request(url, { ...init, headers });
    const { served } = this.attachment;
    if (served === undefined) throw new Error('Nothing is served');
    const response = await served.respond(request, {
      ip: this.ip,
      prefix: '',
      signal: new AbortController().signal,
    });
    for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
    return response;
  }

  cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** What the door says of a request with these headers, or with the cookies held. */
  async identity(headers: readonly string[] = ['cookie', this.cookieHeader()]): Promise<Identity> {
    const identity = await this.attachment.identify?.({ method: 'GET', url: `${this.origin}/`, headers });
    if (identity === undefined) throw new Error('Nobody can be identified');
    return identity;
  }

  #keep(cookie: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
    if (value === '' || /max-age=0/i.test(cookie)) this.cookies.delete(name);
    else this.cookies.set(name, value);
  }
}

export interface Facts {
  readonly function?: string;
  readonly cordon?: string;
  readonly name?: string;
}

export function visitor({ binding }: AuthCase, config?: unknown, facts: Facts = {}): Visitor {
  return new Visitor(attachmentOf(binding, config, facts));
}

export const ada = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada' };

/** Signs up and opens the mailed link: the visitor is signed in. */
export async function signUp(made: AuthCase, who: Visitor, user: typeof ada = ada): Promise<void> {
  const response = await who.post('/sign-up/email', user);
  if (!response.ok) throw new Error(`Sign-up: ${response.status} ${await response.text()}`);
  await made.binding.settled();
  const verified = await who.get(made.mailbox.linkTo(user.email).href);
  if (verified.status !== 302) throw new Error(`Verification: ${verified.status} ${await verified.text()}`);
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Signs in as a program. */
export async function signInForTokens(who: Visitor, user: typeof ada = ada): Promise<Tokens> {
  const { email, password } = user;
  const response = await who.post('/sign-in/email', { email, password }, { 'x-auth-tokens': '1' });
  if (!response.ok) throw new Error(`Sign-in: ${response.status} ${await response.text()}`);
  return (await response.json()) as Tokens;
}

export async function operate({ attachment }: Visitor, method: string, args: unknown = {}): Promise<unknown> {
  const grant = attachment.grant({
    invocationId: '00000000-0000-4000-8000-000000000000',
    signal: new AbortController().signal,
    origin: { depth: 0 },
  });
  const answer: Answer = await grant.call({ method, args });
  return answer.value;
}

/** A part of a JWT (RFC 7515, 3). */
export function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

export function decode(part: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Record<string, unknown>;
}

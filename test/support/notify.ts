import { join } from 'node:path';
import type { Test } from 'tap';
import { createEgress } from '#bindings/fetch/egress.ts';
import { openMailer } from '#bindings/mail/mail.ts';
import { createNotifyBinding } from '#bindings/notify/notify.ts';
import type { NotifyBinding, NotifyNeeds } from '#bindings/notify/notify.ts';
import type { MessageView } from '#bindings/notify/deliveries.ts';
import type { SubscriptionView } from '#bindings/notify/subscriptions.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import type { Store } from '#bindings/store/store.ts';
import { openVault } from '#host/deploy/vault.ts';
import type { Attachment, Grant } from '#runtime/binding.ts';
import { defaultEgress } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Callee, Called, FunctionCaller } from '#runtime/functions.ts';
import { deploymentOf } from '#test/contract/binding.ts';
import { eventually } from './host.ts';
import { temporaryDir } from './store-files.ts';

/** Addresses of tests' functions; links in messages begin with it. */
export const shopUrl = 'https://shop.example.com';
export const quickRetry = { attempts: 4, baseMs: 10, mostMs: 40 } as const;

/** Functions that tests write as functions; others are not there. */
export type TestFunctions = Readonly<Record<string, (event: unknown) => Called | Promise<Called>>>;

export function callerOf(functions: TestFunctions): FunctionCaller {
  const missing = (name: string): never => {
    throw new HostError('ERR_NO_FUNCTION', `Cannot call "${name}": there is none`);
  };
  return {
    call: async ({ name }: Callee, event) => (functions[name] ?? missing(name))(event),
    fetch: async ({ name }) => missing(name),
  };
}

export interface NotifyParts extends Partial<NotifyNeeds> {
  /** Folder of the store and the key; the same again opens what is there. */
  readonly dir: string;
  readonly smtpUrl?: string;
  readonly functionsOf?: TestFunctions;
}

export interface OpenedNotify {
  readonly store: Store;
  readonly binding: NotifyBinding;
  readonly attachment: Attachment;
  readonly grant: Grant;
  call<T = Record<string, unknown>>(method: string, args?: unknown): Promise<T>;
  publish(message: unknown, options?: unknown): Promise<string>;
  subscribe(subscription: unknown, topic?: string): Promise<SubscriptionView>;
  deliveries(message: string): Promise<MessageView>;
  /** A path under /notifications, answered by the host. */
  serve(path: string, init?: RequestInit & { readonly aborts?: AbortSignal }): Promise<Response>;
  close(): Promise<void>;
}

/** The notify binding on real parts: a store in a file, a vault, SMTP, HTTP through the guard. Started. */
export async function openNotify(parts: NotifyParts): Promise<OpenedNotify> {
  const { dir, smtpUrl, functionsOf = {}, ...needs } = parts;
  const store =
    needs.store ?? openSqliteStore(join(dir, 'store.db'), needs.now === undefined ? {} : { now: needs.now });
  const mailer = openMailer({ folder: join(dir, 'mail'), ...(smtpUrl === undefined ? {} : { smtpUrl }) });
  const egress = createEgress({ allowPrivate: true });
  const binding = createNotifyBinding({
    functions: callerOf(functionsOf),
    mailer,
    egress,
    sealer: await openVault(join(dir, 'key'), { inUse: false }),
    retry: quickRetry,
    pollMs: 50,
    failed: (error, what) => process.stderr.write(`${what}: ${(error as Error).stack ?? String(error)}\n`),
    ...needs,
    store,
  });
  const attachment = attachNotify(binding, { url: shopUrl, from: 'Shop <shop@example.com>' });
  const grant = attachment.grant(context());
  binding.start();
  const call = async <T>(method: string, args?: unknown): Promise<T> =>
    (await grant.call({ method, args: args ?? {} })).value as T;
  return {
    store,
    binding,
    attachment,
    grant,
    call,
    publish: async (message, options) =>
      (await call<{ id: string }>('publish', { topic: 'orders', message, options })).id,
    subscribe: (subscription, topic = 'orders') => call('subscribe', { topic, subscription }),
    deliveries: (message) => call('deliveries', { message }),
    serve: async (path, { aborts, ...init } = {}) => {
      const signal = aborts ?? new AbortController().signal;
      const request = new Request(`${shopUrl}/notifications${path}`, init);
      return (
        (await attachment.served?.respond(request, { ip: '127.0.0.1', prefix: '', signal })) ??
        Response.error()
      );
    },
    async close() {
      await binding.close();
      await mailer.close();
      await egress.close();
      if (needs.store === undefined) await store.close();
    },
  };
}

/** As a function "shop" has it, that may reach this machine. */
export function attachNotify(
  binding: NotifyBinding,
  config: unknown,
  facts: { readonly cordon?: string; readonly function?: string } = {},
): Attachment {
  const deployment = { ...deploymentOf(facts), egress: { ...defaultEgress, private: ['127.0.0.1'] } };
  return binding.attach({ name: 'NOTIFY', kind: 'notify', config: binding.parse(config) }, deployment);
}

export function context(): Parameters<Attachment['grant']>[0] {
  return {
    invocationId: '00000000-0000-4000-8000-000000000000',
    signal: new AbortController().signal,
    origin: { depth: 0 },
  };
}

/** Opened for one test, and closed with it. */
export async function openFor(t: Test, parts: Partial<NotifyParts> = {}): Promise<OpenedNotify> {
  const notify = await openNotify({ dir: temporaryDir(t), ...parts });
  t.teardown(() => notify.close());
  return notify;
}

/** Waits until a message is handed out and each of its deliveries is in this state. */
export async function settled(notify: OpenedNotify, id: string, state: string): Promise<MessageView> {
  return eventually(`${id} is ${state}`, async () => {
    const view = await notify.deliveries(id);
    return view.state === 'sent' && view.deliveries.every((each) => each.state === state) ? view : undefined;
  });
}

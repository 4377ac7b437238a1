import { toBase64 } from './base64.ts';
import type { Invocation } from './invocation.ts';
import { operate } from './operations.ts';
import { NativeTypeError, defineProperty, guestJson, isArray, viewOf } from './primordials.ts';

type Call = (method: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>;

/**
 * `env.NAME` of kind "notify". The host checks everything; here attachments of bytes become text and streams bodies.
 * Operations and their answers: bindings/notify/README.md, "The path of a call".
 */
class Notify {
  readonly #call: Call;
  readonly subscriptions: object;
  readonly contacts: object;
  readonly templates: object;
  readonly preferences: object;
  readonly inbox: object;
  readonly deadLetters: object;

  constructor(invocation: Invocation, binding: string) {
    const call: Call = async (method, args) =>
      (await operate(invocation, { binding, method, args: toJson(args) })).value;
    this.#call = call;
    this.subscriptions = { list: (options?: object) => call('subscriptions.list', { ...options }) };
    this.contacts = {
      add: (user: unknown, subscription: unknown) => call('subscribe', { user, subscription }),
      list: (user: unknown, options?: object) => call('subscriptions.list', { ...options, user }),
      remove: (id: unknown) => call('unsubscribe', { id }),
    };
    this.templates = {
      put: (name: unknown, template: unknown) => call('templates.put', { name, template }),
      get: (name: unknown) => call('templates.get', { name }),
      delete: (name: unknown) => call('templates.delete', { name }),
      list: () => call('templates.list'),
    };
    this.preferences = {
      get: (user: unknown) => call('preferences.get', { user }),
      set: (user: unknown, preferences: unknown) => call('preferences.set', { user, preferences }),
    };
    this.inbox = {
      list: (user: unknown, options?: object) => call('inbox.list', { ...options, user }),
      markRead: (user: unknown, ids: unknown, options?: object) =>
        call('inbox.markRead', { ...options, user, ids }),
      delete: (user: unknown, ids: unknown) => call('inbox.delete', { user, ids }),
      /** A body of server-sent events: `new Response(stream, { headers: { 'content-type': 'text/event-stream' } })`. */
      stream: async (user: unknown, options?: object) => {
        const args = toJson({ ...options, user });
        const answer = await operate(invocation, { binding, method: 'inbox.stream', args });
        return answer.body?.stream();
      },
    };
    this.deadLetters = {
      list: (options?: object) => call('deadLetters.list', { ...options }),
      redrive: (id: unknown) => call('deadLetters.redrive', { id }),
      redriveAll: () => call('deadLetters.redrive', { all: true }),
      delete: (id: unknown) => call('deadLetters.delete', { id }),
    };
  }

  async publish(topic: unknown, message: unknown, options?: unknown): Promise<unknown> {
    return await this.#call('publish', { topic, message: toMessage(message), options });
  }

  async send(user: unknown, message: unknown, options?: unknown): Promise<unknown> {
    return await this.#call('send', { user, message: toMessage(message), options });
  }

  async cancel(id: unknown): Promise<unknown> {
    return await this.#call('cancel', { id });
  }

  async subscribe(topic: unknown, subscription: unknown): Promise<unknown> {
    return await this.#call('subscribe', { topic, subscription });
  }

  async unsubscribe(id: unknown): Promise<unknown> {
    return await this.#call('unsubscribe', { id });
  }

  async confirm(token: unknown): Promise<unknown> {
    return await this.#call('confirm', { token });
  }

  async rotateSecret(id: unknown): Promise<unknown> {
    return await this.#call('rotateSecret', { id });
  }

  async inboxToken(user: unknown, options?: object): Promise<unknown> {
    return await this.#call('inboxToken', { ...options, user });
  }

  async deliveries(message: unknown, options?: object): Promise<unknown> {
    return await this.#call('deliveries', { ...options, message });
  }

  async pushKey(): Promise<unknown> {
    return await this.#call('pushKey');
  }
}

/** JSON text; what JSON cannot say is the caller's mistake. */
function toJson(args: Readonly<Record<string, unknown>> | undefined): string {
  if (args === undefined) return '{}';
  const json = guestJson(args);
  if (json === undefined) throw new NativeTypeError('Notify takes values that JSON can say');
  return json;
}

/** Attachments that are bytes, as base64. */
function toMessage(message: unknown): unknown {
  if (typeof message !== 'object' || message === null) return message;
  const { attachments } = message as { readonly attachments?: unknown };
  if (!isArray(attachments)) return message;
  const list: unknown[] = [];
  for (let at = 0; at < attachments.length; at++) {
    const given = attachments[at] as { readonly content?: unknown } | null;
    const bytes = typeof given === 'object' && given !== null ? viewOf(given.content) : undefined;
    list[at] = bytes === undefined ? given : { ...given, content: toBase64(bytes), encoding: 'base64' };
  }
  return { ...message, attachments: list };
}

defineProperty(Notify.prototype, Symbol.toStringTag, { value: 'Notify', configurable: true });

export function createNotify(invocation: Invocation, binding: string): object {
  return new Notify(invocation, binding);
}

export type NotifyChannel = 'function' | 'webhook' | 'email' | 'push' | 'inbox';
export type NotifyAttributes = Readonly<
  Record<string, string | number | boolean | readonly (string | number | boolean)[]>
>;

export interface NotifyContent {
  readonly title?: string;
  readonly text?: string;
  readonly html?: string;
  readonly url?: string;
  readonly icon?: string;
  readonly data?: unknown;
  readonly template?: string;
  readonly variables?: Readonly<Record<string, unknown>>;
}

export type NotifyMessage =
  | string
  | (NotifyContent & {
      readonly attachments?: readonly {
        readonly filename: string;
        readonly content: string | ArrayBuffer | ArrayBufferView;
        readonly contentType?: string;
        readonly encoding?: 'base64';
      }[];
      /** Said differently on one of them. */
      readonly channels?: Readonly<Partial<Record<NotifyChannel, NotifyContent>>>;
    });

export interface PublishOptions {
  readonly attributes?: NotifyAttributes;
  readonly priority?: 'urgent' | 'high' | 'normal' | 'low';
  /** Milliseconds since the epoch, or ISO 8601. */
  readonly deliverAt?: number | string;
  readonly delaySeconds?: number;
  readonly ttlSeconds?: number;
  /** The same id twice is one message. */
  readonly id?: string;
}

export interface SendOptions extends PublishOptions {
  /** Whose preferences hold. */
  readonly topic?: string;
  readonly email?: string;
  readonly channels?: readonly ('email' | 'push' | 'inbox')[];
  /** Whatever the user prefers. */
  readonly required?: boolean;
}

export interface NotifySubscription {
  readonly function?: string;
  readonly webhook?: string;
  readonly secret?: string;
  readonly email?: string;
  readonly push?: unknown;
  readonly inbox?: string;
  readonly user?: string;
  /** As SNS's filter policies. */
  readonly filter?: Readonly<Record<string, unknown>>;
  readonly confirmed?: boolean;
}

export interface Page {
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Paged<Item> {
  readonly items: readonly Item[];
  readonly cursor?: string;
}

/** A record whose members the binding's README describes. */
export type NotifyRecord = Readonly<Record<string, unknown>>;

/** `env.NAME` of kind "notify": topics, subscriptions, and messages to users. */
export interface Notify {
  publish(
    topic: string,
    message: NotifyMessage,
    options?: PublishOptions,
  ): Promise<{ readonly id: string; readonly duplicate: boolean }>;
  send(
    user: string,
    message: NotifyMessage,
    options?: SendOptions,
  ): Promise<{ readonly id: string; readonly duplicate: boolean }>;
  cancel(id: string): Promise<{ readonly cancelled: boolean }>;
  subscribe(
    topic: string,
    subscription: NotifySubscription,
  ): Promise<NotifyRecord & { readonly id: string; readonly secret?: string }>;
  unsubscribe(id: string): Promise<{ readonly unsubscribed: boolean }>;
  confirm(token: string): Promise<{ readonly confirmed: boolean }>;
  rotateSecret(id: string): Promise<{ readonly secret: string }>;
  inboxToken(
    user: string,
    options?: { readonly seconds?: number },
  ): Promise<{ readonly token: string; readonly until: unknown }>;
  deliveries(message: string, options?: Page): Promise<NotifyRecord | null>;
  /** The VAPID public key, base64url. */
  pushKey(): Promise<unknown>;
  readonly subscriptions: {
    list(options?: Page & { readonly topic?: string }): Promise<Paged<NotifyRecord>>;
  };
  readonly contacts: {
    add(user: string, subscription: NotifySubscription): Promise<NotifyRecord & { readonly id: string }>;
    list(user: string, options?: Page): Promise<Paged<NotifyRecord>>;
    remove(id: string): Promise<{ readonly unsubscribed: boolean }>;
  };
  readonly templates: {
    put(name: string, template: NotifyContent): Promise<unknown>;
    get(name: string): Promise<NotifyContent | null>;
    delete(name: string): Promise<unknown>;
    list(): Promise<unknown>;
  };
  readonly preferences: {
    get(user: string): Promise<NotifyRecord>;
    set(user: string, preferences: NotifyRecord): Promise<NotifyRecord>;
  };
  readonly inbox: {
    list(
      user: string,
      options?: Page & { readonly unread?: boolean },
    ): Promise<Paged<NotifyRecord> & { readonly unread: number }>;
    markRead(
      user: string,
      ids: readonly string[] | 'all',
      options?: { readonly read?: boolean },
    ): Promise<{ readonly unread: number }>;
    delete(user: string, ids: readonly string[] | 'all'): Promise<{ readonly unread: number }>;
    /** A body of server-sent events. */
    stream(user: string, options?: { readonly after?: string }): Promise<ReadableStream<Uint8Array>>;
  };
  readonly deadLetters: {
    list(options?: Page): Promise<Paged<NotifyRecord>>;
    redrive(id: string): Promise<NotifyRecord>;
    redriveAll(): Promise<NotifyRecord>;
    delete(id: string): Promise<NotifyRecord>;
  };
}

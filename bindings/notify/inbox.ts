import type { Store } from '#bindings/store/store.ts';
import { toCursor } from './arguments.ts';
import type { Page } from './arguments.ts';
import type { Order, Result, Send } from './channel.ts';
import { inboxItemCharacters, inboxItems } from './limits.ts';
import { decode, put, remove } from './records.ts';
import type { Content, InboxRecord } from './records.ts';
import { lastPart, toTime } from './space.ts';
import type { Space } from './space.ts';

/** An item as functions and pages see it. */
export type InboxItem = Omit<InboxRecord, 'message'>;

export interface InboxPage {
  readonly items: readonly InboxItem[];
  readonly unread: number;
  readonly cursor?: string;
}

/**
 * Puts messages into users' inboxes: `inbox/<user>/<time>-<message>`, in the very write that says it was delivered, and
 * only where it is not yet: a message is there once, and stays read.
 */
export function toInbox(store: Store, now: () => number): Send {
  return async ({ space, message, content, target }: Order): Promise<Result> => {
    if (target.channel !== 'inbox') throw new TypeError('target');
    const prefix = space.under('inbox', target.user);
    const id = `${toTime(message.createdAt)}-${message.id}`;
    const present = await store.list({ prefix, keysOnly: true, limit: inboxItems + 1 });
    const key = space.key('inbox', target.user, id);
    if (present.some((entry) => entry.key === key)) return { kind: 'delivered', detail: 'in the inbox' };
    const { topic } = message;
    const record: InboxRecord = {
      id,
      message: message.id,
      ...(topic === undefined ? {} : { topic }),
      ...toShown(content),
      createdAt: message.createdAt,
    };
    const oldest = present.slice(0, Math.max(0, present.length + 1 - inboxItems));
    return {
      kind: 'delivered',
      detail: 'in the inbox',
      changes: [
        put(key, record, now() + message.sender.inboxMs),
        ...oldest.map((entry) => remove(entry.key)),
      ],
    };
  };
}

/** Without HTML, which pages would have to make safe; what is too long is cut, and says so. */
function toShown({ title, text, url, icon, data }: Content): Partial<InboxRecord> {
  const cutText = text?.slice(0, inboxItemCharacters).replace(/[\ud800-\udbff]$/, '');
  const keepsData = data !== undefined && JSON.stringify(data).length <= inboxItemCharacters;
  const truncated = cutText !== text || (data !== undefined && !keepsData);
  return {
    ...(title === undefined ? {} : { title }),
    ...(cutText === undefined ? {} : { text: cutText }),
    ...(url === undefined ? {} : { url }),
    ...(icon === undefined ? {} : { icon }),
    ...(keepsData ? { data } : {}),
    ...(truncated ? { truncated } : {}),
  };
}

/** One user's inbox. */
export class Inbox {
  readonly #store: Store;
  readonly #space: Space;
  readonly #user: string;
  readonly #now: () => number;

  constructor(
    store: Store,
    space: Space,
    { user, now }: { readonly user: string; readonly now: () => number },
  ) {
    this.#store = store;
    this.#space = space;
    this.#user = user;
    this.#now = now;
  }

  get prefix(): string {
    return this.#space.under('inbox', this.#user);
  }

  /** The newest first. */
  async list({ limit, after }: Page, options: { readonly unreadOnly: boolean }): Promise<InboxPage> {
    const entries = await this.#store.list({ prefix: this.prefix, reverse: true });
    const records = entries.map((entry) => decode(entry) as InboxRecord);
    const unread = records.filter((record) => record.readAt === undefined);
    const rest = (options.unreadOnly ? unread : records).filter(
      ({ id }) => after === undefined || id < after,
    );
    const items = rest.slice(0, limit);
    const last = items.at(-1)?.id;
    return {
      items: items.map(toItem),
      unread: unread.length,
      ...(rest.length > limit && last !== undefined ? { cursor: toCursor(last) } : {}),
    };
  }

  /** These, or all; gives how many are unread after it. */
  async markRead(ids: readonly string[] | 'all', read: boolean): Promise<number> {
    const entries = await this.#store.list({ prefix: this.prefix });
    const wanted = ids === 'all' ? undefined : new Set(ids);
    let unread = 0;
    const changing = entries.filter((entry) => {
      const isRead = (decode(entry) as InboxRecord).readAt !== undefined;
      const changes = isRead !== read && (wanted === undefined || wanted.has(lastPart(entry.key)));
      if (changes ? !read : !isRead) unread++;
      return changes;
    });
    const now = this.#now();
    await Promise.all(
      changing.map((entry) => {
        const { readAt: _readAt, ...record } = decode(entry) as InboxRecord;
        const changed = read ? { ...record, readAt: now } : record;
        // Another who marks the same item at once says the same.
        const check = { key: entry.key, revision: entry.revision };
        return this.#store.write([put(entry.key, changed, entry.expiresAt)], [check]);
      }),
    );
    return unread;
  }

  async delete(ids: readonly string[]): Promise<void> {
    await this.#store.write(ids.map((id) => remove(this.#space.key('inbox', this.#user, id))));
  }
}

export function toItem({ message: _message, ...item }: InboxRecord): InboxItem {
  return item;
}

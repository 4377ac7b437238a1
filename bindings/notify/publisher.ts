import type { Change, Store } from '#bindings/store/store.ts';
import { refuse } from './arguments.ts';
import { handOut, markSpace, putDue } from './due.ts';
import type { ParsedMessage, PublishOptions, SendOptions } from './message.ts';
import { decode, put } from './records.ts';
import type { MessageRecord, SenderFacts } from './records.ts';
import { newId } from './space.ts';
import type { Space } from './space.ts';

export interface Published {
  readonly id: string;
  /** A message with the same id was there: nothing was sent now. */
  readonly duplicate: boolean;
}

export interface PublishFacts {
  readonly sender: SenderFacts;
  readonly depth: number;
  readonly dedupMs: number;
}

/** Days beyond its retention for which a message is there: its deliveries may still be tried. */
const deliveringMs = 8 * 86_400_000;

/** Takes messages: one write, durable before it is acknowledged, with all that delivery needs. */
export class Publisher {
  readonly #store: Store;
  readonly #space: Space;
  readonly #now: () => number;

  constructor(store: Store, space: Space, now: () => number) {
    this.#store = store;
    this.#space = space;
    this.#now = now;
  }

  publish(
    topic: string,
    message: ParsedMessage,
    facts: PublishFacts & { readonly options: PublishOptions },
  ): Promise<Published> {
    return this.#take({ topic, required: false }, message, facts);
  }

  send(
    user: string,
    message: ParsedMessage,
    facts: PublishFacts & { readonly options: SendOptions },
  ): Promise<Published> {
    const { topic, email, only, required } = facts.options;
    const head = {
      user,
      required,
      ...(topic === undefined ? {} : { topic }),
      ...(email === undefined ? {} : { email }),
      ...(only === undefined ? {} : { only }),
    };
    return this.#take(head, message, facts);
  }

  /** True when it had not been handed out yet. */
  async cancel(id: string): Promise<boolean> {
    const key = this.#space.key('msg', id);
    const entry = await this.#store.get(key);
    if (entry === undefined)
      throw refuse(`Cannot cancel ${JSON.stringify(id)}: there is no such message; check the id`);
    const record = decode(entry) as MessageRecord;
    if (record.state !== 'accepted' || record.cursor !== undefined) return false;
    const written = await this.#store.write(
      [put(key, { ...record, state: 'cancelled' }, keptUntil(record))],
      [{ key, revision: entry.revision }],
    );
    return written.ok;
  }

  async #take(
    head: Pick<MessageRecord, 'topic' | 'user' | 'email' | 'only' | 'required'>,
    { content, attachments }: ParsedMessage,
    { sender, depth, dedupMs, options }: PublishFacts & { readonly options: PublishOptions },
  ): Promise<Published> {
    const now = this.#now();
    const { id: given, attributes, priority, deliverAt, expiresAt } = options;
    const record: MessageRecord = {
      id: newId('msg'),
      ...head,
      content,
      attributes,
      attachments: attachments.map((attachment) => attachment.head),
      priority,
      createdAt: now,
      deliverAt,
      ...(expiresAt === undefined ? {} : { expiresAt }),
      depth,
      sender,
      state: 'accepted',
      deliveries: 0,
    };
    const until = keptUntil(record);
    const changes: Change[] = [put(this.#space.key('msg', record.id), record, until), markSpace(this.#space)];
    for (const [index, { bytes }] of attachments.entries()) {
      changes.push({
        kind: 'put',
        key: this.#space.key('att', record.id, String(index)),
        value: bytes,
        expiresAt: until,
      });
    }
    const place = {
      priority,
      at: deliverAt,
      destination: handOut,
      job: { kind: 'message', message: record.id },
    } as const;
    changes.push(putDue(this.#space, place, 0));
    if (given === undefined) {
      await this.#store.write(changes);
      return { id: record.id, duplicate: false };
    }
    const once = this.#space.key(
      'once',
      head.user === undefined ? `t:${head.topic}` : `u:${head.user}`,
      given,
    );
    changes.push({ kind: 'put', key: once, value: Buffer.from(record.id), expiresAt: now + dedupMs });
    const written = await this.#store.write(changes, [{ key: once, revision: 0 }]);
    if (written.ok) return { id: record.id, duplicate: false };
    const first = await this.#store.get(once);
    // Between the two it may have run out: then this one is the first.
    if (first === undefined)
      return this.#take(head, { content, attachments }, { sender, depth, dedupMs, options });
    return { id: Buffer.from(first.value).toString(), duplicate: true };
  }
}

/** While it may be delivered, and for its retention after that. */
export function keptUntil({ deliverAt, sender }: MessageRecord): number {
  return deliverAt + sender.keepMs + deliveringMs;
}

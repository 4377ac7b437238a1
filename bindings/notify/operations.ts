import type { Answer, GrantContext, Operation } from '#runtime/binding.ts';
import type { Store } from '#bindings/store/store.ts';
import {
  describe,
  optionalText,
  parseFlag,
  parseId,
  parseMembers,
  parsePage,
  parseTopic,
  parseUser,
  parseWhole,
  refuse,
} from './arguments.ts';
import type { Members } from './arguments.ts';
import type { Templates } from './content.ts';
import { splitDeliveryId } from './deliveries.ts';
import type { Deliveries } from './deliveries.ts';
import { Inbox } from './inbox.ts';
import { streamInbox } from './inbox-stream.ts';
import type { Keyring } from './keyring.ts';
import { mostInboxTokenSeconds } from './limits.ts';
import { parseMessage, parsePublishOptions, parseSendOptions } from './message.ts';
import { readPreferences, writePreferences } from './preference-store.ts';
import { parsePreferences } from './preferences.ts';
import type { Publisher } from './publisher.ts';
import type { SenderFacts } from './records.ts';
import { parseEmail, parseSubscription } from './subscription.ts';
import { contactTopic } from './subscriptions.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Space } from './space.ts';

/** What the operations of one invocation stand on. */
export interface Desk {
  readonly store: Store;
  readonly space: Space;
  readonly keyring: Keyring;
  readonly subscriptions: Subscriptions;
  readonly templates: Templates;
  readonly publisher: Publisher;
  readonly deliveries: Deliveries;
  readonly context: GrantContext;
  readonly sender: SenderFacts;
  readonly dedupMs: number;
  readonly now: () => number;
  /** Something was accepted. */
  readonly wake: () => void;
}

type Method = (desk: Desk, args: Members, operation: Operation) => Promise<unknown>;

/** Every operation: what it takes and gives is in README, "The path of a call". */
const methods: Readonly<Record<string, Method>> = {
  publish: async (desk, args) => {
    const { topic, message, options } = parseMembers('publish', args, ['topic', 'message', 'options']);
    const facts = { ...factsOf(desk), options: parsePublishOptions(options, desk.now()) };
    return waking(desk, desk.publisher.publish(parseTopic(topic), parseMessage(message), facts));
  },
  send: async (desk, args) => {
    const { user, message, options } = parseMembers('send', args, ['user', 'message', 'options']);
    const parsed = parseSendOptions(options, desk.now());
    const checked = parsed.email === undefined ? parsed : { ...parsed, email: parseEmail(parsed.email) };
    return waking(
      desk,
      desk.publisher.send(parseUser(user), parseMessage(message), { ...factsOf(desk), options: checked }),
    );
  },
  cancel: async (desk, args) => ({ cancelled: await desk.publisher.cancel(idOf(args)) }),
  subscribe: async (desk, args) => {
    const { topic, user, subscription } = parseMembers('subscribe', args, ['topic', 'user', 'subscription']);
    const parsed = parseSubscription(subscription);
    if (user === undefined) {
      return waking(
        desk,
        desk.subscriptions.subscribe(parsed, { topic: parseTopic(topic), sender: desk.sender }),
      );
    }
    if (topic !== undefined)
      throw new TypeError('subscribe takes a topic or a user, not both; a subscription may name its user');
    const owner = parseUser(user);
    const own = { ...parsed, user: owner };
    return waking(
      desk,
      desk.subscriptions.subscribe(own, { topic: contactTopic(owner), sender: desk.sender }),
    );
  },
  unsubscribe: async (desk, args) => ({ unsubscribed: await desk.subscriptions.unsubscribe(idOf(args)) }),
  confirm: async (desk, args) => {
    const { token } = parseMembers('confirm', args, ['token']);
    const claim = await desk.keyring.verify(desk.space, optionalText('token', token, 2048) ?? '', desk.now());
    return { confirmed: claim?.for === 'confirm' && (await desk.subscriptions.confirm(claim.subscription)) };
  },
  rotateSecret: async (desk, args) => ({ secret: await desk.subscriptions.rotateSecret(idOf(args)) }),
  'subscriptions.list': async (desk, args) => {
    const { topic, user } = parseMembers('subscriptions.list', args, ['topic', 'user', 'limit', 'cursor']);
    const own = user === undefined || user === null ? undefined : contactTopic(parseUser(user));
    const named = topic === undefined || topic === null ? undefined : parseTopic(topic);
    return desk.subscriptions.list(own ?? named, parsePage(args));
  },
  'templates.put': async (desk, args) => {
    const { name, template } = parseMembers('templates.put', args, ['name', 'template']);
    await desk.templates.put(name, template);
  },
  'templates.get': async (desk, args) =>
    desk.templates.get(parseMembers('templates.get', args, ['name'])['name']),
  'templates.delete': async (desk, args) =>
    desk.templates.delete(parseMembers('templates.delete', args, ['name'])['name']),
  'templates.list': async (desk) => desk.templates.list(),
  'preferences.get': async (desk, args) => readPreferences(desk, userOf('preferences.get', args)),
  'preferences.set': async (desk, args) => {
    const { user, preferences } = parseMembers('preferences.set', args, ['user', 'preferences']);
    const parsed = parsePreferences(preferences);
    await writePreferences(desk, parseUser(user), parsed);
    return parsed;
  },
  'inbox.list': async (desk, args) => {
    const { user, unread } = parseMembers('inbox.list', args, ['user', 'limit', 'cursor', 'unread']);
    return inboxOf(desk, user).list(parsePage(args), { unreadOnly: parseFlag('unread', unread) });
  },
  'inbox.markRead': async (desk, args) => {
    const { user, ids, read } = parseMembers('inbox.markRead', args, ['user', 'ids', 'read']);
    const wanted = read === undefined || read === null ? true : parseFlag('read', read);
    return { unread: await inboxOf(desk, user).markRead(parseIds(ids), wanted) };
  },
  'inbox.delete': async (desk, args) => {
    const { user, ids } = parseMembers('inbox.delete', args, ['user', 'ids']);
    const list = parseIds(ids);
    if (list === 'all') throw new TypeError('inbox.delete takes a list of ids');
    await inboxOf(desk, user).delete(list);
  },
  inboxToken: async (desk, args) => {
    const { user, seconds } = parseMembers('inboxToken', args, ['user', 'seconds']);
    const lives = parseWhole('seconds', seconds ?? 3600, 1, mostInboxTokenSeconds);
    const until = desk.now() + lives * 1000;
    return {
      token: await desk.keyring.sign(desk.space, { for: 'inbox', user: parseUser(user), until }),
      until,
    };
  },
  deliveries: async (desk, args) => {
    const { message } = parseMembers('deliveries', args, ['message', 'limit', 'cursor']);
    return desk.deliveries.of(parseId(message), parsePage(args));
  },
  'deadLetters.list': async (desk, args) => {
    return desk.deliveries.listDead(parsePage(parseMembers('deadLetters.list', args, ['limit', 'cursor'])));
  },
  'deadLetters.redrive': async (desk, args) => {
    const { id, all } = parseMembers('deadLetters.redrive', args, ['id', 'all']);
    if (parseFlag('all', all))
      return waking(
        desk,
        desk.deliveries.redriveAll().then((redriven) => ({ redriven })),
      );
    const redriven = await desk.deliveries.redrive(splitDeliveryId(parseId(id)));
    desk.wake();
    if (redriven) return { redriven: 1 };
    throw refuse(`Cannot redrive ${describe(id)}: it is no dead letter; list them with deadLetters.list()`);
  },
  'deadLetters.delete': async (desk, args) => ({
    deleted: await desk.deliveries.bury(splitDeliveryId(idOf(args))),
  }),
  pushKey: async (desk) => (await desk.keyring.vapid(desk.space)).publicKey,
};

/** One operation of a guest. */
export async function callNotify(desk: Desk, operation: Operation): Promise<Answer> {
  const { method } = operation;
  const args = parseArguments(operation.args);
  if (method === 'inbox.stream') return streamOf(desk, args, operation);
  const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (run === undefined) {
    throw new TypeError(
      `Notify has no method ${describe(method)}; use publish, send, subscribe … (the reference lists all)`,
    );
  }
  return { value: await run(desk, args, operation) };
}

function parseArguments(args: unknown): Members {
  if (args === undefined || args === null) return {};
  if (typeof args === 'object' && !Array.isArray(args)) return args as Members;
  throw new TypeError('Notify arguments are not an object; send named arguments');
}

function streamOf(desk: Desk, args: Members, operation: Operation): Answer {
  const { user, after } = parseMembers('inbox.stream', args, ['user', 'after']);
  const signals = [desk.context.signal, ...(operation.signal === undefined ? [] : [operation.signal])];
  const from =
    after === undefined || after === null
      ? {}
      : { after: parseWhole('after', after, 0, Number.MAX_SAFE_INTEGER) };
  return {
    stream: streamInbox(desk.store, inboxOf(desk, user).prefix, {
      ...from,
      signal: AbortSignal.any(signals),
    }),
  };
}

function factsOf({ sender, context, dedupMs }: Desk): {
  readonly sender: SenderFacts;
  readonly depth: number;
  readonly dedupMs: number;
} {
  return { sender, depth: context.origin.depth, dedupMs };
}

async function waking<T>({ wake }: Desk, work: Promise<T>): Promise<T> {
  const done = await work;
  wake();
  return done;
}

function idOf(args: Members): string {
  return parseId(parseMembers('arguments', args, ['id'])['id']);
}

function userOf(what: string, args: Members): string {
  return parseUser(parseMembers(what, args, ['user'])['user']);
}

function inboxOf({ store, space, now }: Desk, user: unknown): Inbox {
  return new Inbox(store, space, { user: parseUser(user), now });
}

function parseIds(value: unknown): readonly string[] | 'all' {
  if (value === 'all') return 'all';
  if (!Array.isArray(value)) throw new TypeError(`ids is ${describe(value)}; use a list of ids, or "all"`);
  if (value.length > 1000) throw refuse(`Cannot take ${value.length} ids; give 1000 at most`);
  return value.map(parseId);
}

import type { Store } from '#bindings/store/store.ts';
import type { ServeFacts, Served } from '#runtime/binding.ts';
import { Inbox } from './inbox.ts';
import { streamInbox } from './inbox-stream.ts';
import type { Claim, Keyring } from './keyring.ts';
import { mostListed, mostStreams } from './limits.ts';
import { questionPage, saidPage } from './pages.ts';
import { mutePreferences } from './preference-store.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Space } from './space.ts';

export interface ServedNeeds {
  readonly store: Store;
  readonly space: Space;
  readonly subscriptions: Subscriptions;
  readonly keyring: Keyring;
  readonly now: () => number;
}

/**
 * What the host answers under the config's path: `confirm`, `unsubscribe`, `inbox`, `inbox/read`, `inbox/stream`, `push-key`.
 * Whoever holds a link's or an inbox's token may do what it says, and nothing else is asked.
 */
export function createServed(path: string, given: ServedNeeds): Served {
  const needs: Needs = { ...given, streams: new Map() };
  return {
    path,
    async respond(request, facts) {
      const url = new URL(request.url);
      const asked: Asked = { request, url, facts, token: tokenOf(request, url) };
      switch (url.pathname.slice(path.length)) {
        case '/confirm':
          return confirm(needs, asked);
        case '/unsubscribe':
          return unsubscribe(needs, asked);
        case '/inbox':
          return withInbox(needs, asked, 'GET', listInbox);
        case '/inbox/read':
          return withInbox(needs, asked, 'POST', markRead);
        case '/inbox/stream':
          return withInbox(needs, asked, 'GET', openStream);
        case '/push-key':
          if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed('GET');
          return json(200, { publicKey: (await needs.keyring.vapid(needs.space)).publicKey });
        default:
          return json(404, { error: 'There is nothing here' });
      }
    },
  };
}

interface Needs extends ServedNeeds {
  /** Open ones of each inbox, by the prefix of its keys. */
  readonly streams: Map<string, number>;
}

interface Asked {
  readonly request: Request;
  readonly url: URL;
  readonly facts: ServeFacts;
  readonly token: string;
}

/** `Authorization: Bearer`, or the address: EventSource and links in mails cannot send headers. */
function tokenOf(request: Request, url: URL): string {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '');
  return bearer?.[1] ?? url.searchParams.get('token') ?? '';
}

/** Opening a link changes nothing: mail scanners open all of them. The button does. */
async function confirm(
  { subscriptions, keyring, space, now }: ServedNeeds,
  { request, token }: Asked,
): Promise<Response> {
  const claim = await keyring.verify(space, token, now());
  const subscription = claim?.for === 'confirm' ? await subscriptions.get(claim.subscription) : undefined;
  if (subscription === undefined)
    return saidPage(400, 'This link does not work (any more)', 'Ask for a new one where you subscribed.');
  if (request.method === 'GET' || request.method === 'HEAD') {
    return questionPage('Confirm your subscription', 'Messages are sent to you once you confirm.', {
      label: 'Confirm',
      token,
    });
  }
  if (request.method !== 'POST') return notAllowed('GET, POST');
  const done = await subscriptions.confirm(subscription.id);
  return done
    ? saidPage(200, 'Confirmed', 'You will get messages from now on.')
    : saidPage(409, 'Not confirmed', 'The subscription changed meanwhile; open the link again.');
}

/** A POST, from the button or by a mail program for its user (RFC 8058, 3.2), ends it without asking anything more. */
async function unsubscribe(needs: ServedNeeds, { request, token }: Asked): Promise<Response> {
  const { keyring, space, now } = needs;
  const claim = await keyring.verify(space, token, now());
  if (claim?.for !== 'unsubscribe' && claim?.for !== 'mute') {
    return saidPage(400, 'This link does not work', 'Use the link at the end of a message as it is.');
  }
  if (request.method === 'GET' || request.method === 'HEAD') {
    return questionPage('Unsubscribe?', 'You will get no more of these messages.', {
      label: 'Unsubscribe',
      token,
    });
  }
  if (request.method !== 'POST') return notAllowed('GET, POST');
  await leave(needs, claim);
  return saidPage(200, 'Unsubscribed', 'You will get no more of these messages.');
}

async function leave(
  { store, space, subscriptions }: ServedNeeds,
  claim: Extract<Claim, { for: 'unsubscribe' | 'mute' }>,
): Promise<void> {
  if (claim.for === 'unsubscribe') {
    await subscriptions.unsubscribe(claim.subscription);
    return;
  }
  await mutePreferences({ store, space }, claim.user, { topic: claim.topic, channel: 'email' });
}

type InboxAnswer = (needs: Needs, asked: Asked, inbox: Inbox) => Promise<Response>;

async function withInbox(needs: Needs, asked: Asked, method: string, answer: InboxAnswer): Promise<Response> {
  if (asked.request.method !== method) return notAllowed(method);
  const { keyring, space, store, now } = needs;
  const claim = await keyring.verify(space, asked.token, now());
  if (claim?.for !== 'inbox') {
    return json(401, { error: 'No inbox token, or one that is over' }, { 'www-authenticate': 'Bearer' });
  }
  return answer(needs, asked, new Inbox(store, space, { user: claim.user, now }));
}

async function listInbox(_needs: Needs, { url }: Asked, inbox: Inbox): Promise<Response> {
  const limit = Math.min(
    mostListed,
    Math.max(1, Math.trunc(Number(url.searchParams.get('limit') ?? mostListed)) || mostListed),
  );
  const after = Buffer.from(url.searchParams.get('cursor') ?? '', 'base64url').toString();
  const page = await inbox.list(after === '' ? { limit } : { limit, after }, {
    unreadOnly: url.searchParams.get('unread') === 'true',
  });
  return json(200, page);
}

const longestBody = 64 * 1024;

/** `{ "ids": [...] }` or `{ "all": true }`, `"read": false` to take it back. */
async function markRead(_needs: Needs, { request }: Asked, inbox: Inbox): Promise<Response> {
  const text = await request.text();
  const { ids, all, read } = toMarks(text);
  const list =
    Array.isArray(ids) && ids.length <= 1000 && ids.every((id): id is string => typeof id === 'string')
      ? ids
      : undefined;
  if (list === undefined && all !== true) return json(400, { error: 'Send {"ids": ["…"]} or {"all": true}' });
  return json(200, { unread: await inbox.markRead(list ?? 'all', read !== false) });
}

interface Marks {
  readonly ids?: unknown;
  readonly all?: unknown;
  readonly read?: unknown;
}

function toMarks(text: string): Marks {
  try {
    return (text.length > longestBody ? {} : ((JSON.parse(text) as Marks | null) ?? {})) satisfies Marks;
  } catch {
    return {};
  }
}

/** `Last-Event-ID` as browsers send it when they come back (HTML, 9.2.4), or `after` for the first connection. */
async function openStream(
  { store, streams }: Needs,
  { request, url, facts }: Asked,
  { prefix }: Inbox,
): Promise<Response> {
  const open = streams.get(prefix) ?? 0;
  if (open >= mostStreams)
    return json(
      429,
      { error: `${open} streams of this inbox are open; close some` },
      { 'retry-after': '10' },
    );
  const last = request.headers.get('last-event-id') ?? url.searchParams.get('after') ?? '';
  const after = /^\d{1,15}$/.test(last) ? { after: Number(last) } : {};
  const events = streamInbox(store, prefix, { ...after, signal: facts.signal });
  streams.set(prefix, open + 1);
  const ended = once(() => {
    const left = (streams.get(prefix) ?? 1) - 1;
    if (left === 0) streams.delete(prefix);
    else streams.set(prefix, left);
  });
  facts.signal.addEventListener('abort', ended, { once: true });
  return new Response(toStream(events, ended), {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  });
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

function toStream(
  events: AsyncIterableIterator<Uint8Array, void>,
  ended: () => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await events.next();
        if (done !== true) return controller.enqueue(new Uint8Array(value));
        ended();
        controller.close();
      } catch (error) {
        ended();
        throw error;
      }
    },
    async cancel() {
      ended();
      await events.return?.();
    },
  });
}

function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(value, { status, headers: { 'cache-control': 'no-store', ...headers } });
}

function notAllowed(allow: string): Response {
  return json(405, { error: `Use ${allow}` }, { allow });
}

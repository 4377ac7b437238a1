import { setTimeout as sleep } from 'node:timers/promises';
import type { ChangeEvent, Entry, Store } from '#bindings/store/store.ts';
import { HostError } from '#runtime/errors.ts';
import { toItem } from './inbox.ts';
import { decode } from './records.ts';
import type { InboxRecord } from './records.ts';
import { lastPart } from './space.ts';

/** Comments between events, so that proxies do not take silence for an end. */
const heartbeatMs = 20_000;

export interface StreamOptions {
  /** What `Last-Event-ID` said: everything that changed since. Absent: from now on. */
  readonly after?: number;
  readonly signal: AbortSignal;
  readonly heartbeatMs?: number;
}

/**
 * Server-sent events (HTML, 9.2) of an inbox: `ready` at the start, `item` for what is new or was marked, `gone` for what was deleted. The id
 * of an event is the store's revision, so that nothing between two connections is missed, whatever happened first.
 */
export function streamInbox(
  store: Store,
  prefix: string,
  options: StreamOptions,
): AsyncIterableIterator<Uint8Array, void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const events = generate(store, prefix, { ...options, signal });
  return {
    next: () => events.next(),
    // A generator that waits for the next change hears of its reader's end by the signal alone.
    return() {
      stop.abort();
      return events.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

async function* generate(
  store: Store,
  prefix: string,
  options: StreamOptions,
): AsyncGenerator<Uint8Array, void> {
  const { signal: ended } = options;
  let resumes = options.after !== undefined;
  let after = options.after ?? 0;
  yield Buffer.from('retry: 2000\n\n');
  let state: 'behind' | 'over' = 'behind';
  while (state === 'behind' && !ended.aborted) {
    state = 'over';
    // Watched before it is listed: nothing falls in between.
    const changes = store.watch(prefix, ended)[Symbol.asyncIterator]();
    for (const entry of await catchUp(store, prefix, after)) {
      if (resumes) yield toEvent(entry);
      after = Math.max(after, entry.revision);
    }
    // So that whoever comes back before anything happened says from where.
    if (!resumes) yield Buffer.from(`id: ${after}\nevent: ready\ndata: {}\n\n`);
    resumes = true;
    const listed = after;
    for await (const event of withHeartbeats(changes, {
      everyMs: options.heartbeatMs ?? heartbeatMs,
      signal: ended,
    })) {
      if (event === 'behind') state = 'behind';
      else if (event === 'quiet') yield Buffer.from(':\n\n');
      else {
        const revision = event.kind === 'put' ? event.entry.revision : event.revision;
        if (revision <= listed) continue;
        after = revision;
        yield event.kind === 'put' ? toEvent(event.entry) : toGone(event.key, revision);
      }
    }
  }
}

/** What changed after it, by revision. */
async function catchUp(store: Store, prefix: string, after: number): Promise<readonly Entry[]> {
  const entries = await store.list({ prefix });
  return entries.filter((entry) => entry.revision > after).sort((a, b) => a.revision - b.revision);
}

async function* withHeartbeats(
  changes: AsyncIterator<ChangeEvent>,
  { everyMs, signal }: { readonly everyMs: number; readonly signal: AbortSignal },
): AsyncGenerator<ChangeEvent | 'quiet' | 'behind', void> {
  let next = changes.next();
  // Whoever reads this may leave before the store has answered.
  next.catch(() => undefined);
  while (!signal.aborted) {
    const timer = new AbortController();
    const quiet = sleep(everyMs, 'quiet' as const, {
      signal: AbortSignal.any([timer.signal, signal]),
    }).catch(() => 'over' as const);
    try {
      const result = await Promise.race([next, quiet]);
      if (result === 'over') return;
      if (result === 'quiet') {
        yield 'quiet';
        continue;
      }
      if (result.done === true) return;
      next = changes.next();
      next.catch(() => undefined);
      yield result.value;
    } catch (error) {
      // Too far behind: what was missed is in the list.
      if (!(error instanceof HostError) || error.code !== 'ERR_STORE') throw error;
      yield 'behind';
      return;
    } finally {
      timer.abort();
    }
  }
}

function toEvent(entry: Entry): Uint8Array {
  const item = toItem(decode(entry) as InboxRecord);
  return Buffer.from(`id: ${entry.revision}\nevent: item\ndata: ${JSON.stringify(item)}\n\n`);
}

function toGone(key: string, revision: number): Uint8Array {
  return Buffer.from(`id: ${revision}\nevent: gone\ndata: ${JSON.stringify({ id: lastPart(key) })}\n\n`);
}

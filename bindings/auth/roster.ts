import { setImmediate as turn } from 'node:timers/promises';
import type { Entry, Range, Store } from '#bindings/store/store.ts';
import { lastOf, type Places } from './places.ts';
import type { Row } from './where.ts';

/** A page is read in one go, and the host does other work between two: about 2 ms each. */
const pageRows = 500;

/** Every entry of a range, a page at a time. */
export async function* pages(
  store: Store,
  range: Omit<Range, 'limit' | 'reverse'>,
): AsyncGenerator<readonly Entry[], void> {
  for (let { after } = range; ;) {
    const page = await store.list({ ...range, ...(after === undefined ? {} : { after }), limit: pageRows });
    yield page;
    after = page.at(-1)?.key;
    if (page.length < pageRows || after === undefined) return;
    await turn();
  }
}

export interface Roster {
  readonly users: readonly Row[];
  /** Users that match, on all pages. */
  readonly total: number;
}

/**
 * Users in the order they were made, those whose address holds `search`. One pass over the model, of which the order alone
 * is kept: a pool of millions costs time, and neither memory nor the host's other work.
 */
export async function listUsers(
  { store, places }: { readonly store: Store; readonly places: Places },
  { limit, offset, search }: { readonly limit: number; readonly offset: number; readonly search: string },
): Promise<Roster> {
  const found: { readonly id: string; readonly createdAt: string }[] = [];
  for await (const page of pages(store, { prefix: places.rows('user') })) {
    for (const { key, value } of page) {
      const row = rowOf(value);
      if (String(row['email']).includes(search))
        found.push({ id: lastOf(key), createdAt: String(row['createdAt']) });
    }
  }
  // By id where two were made in one millisecond, which is the order they were read in.
  found.sort((left, right) =>
    left.createdAt < right.createdAt ? -1 : Number(left.createdAt > right.createdAt),
  );
  const users: Row[] = [];
  for (const { id } of found.slice(offset, offset + limit)) {
    const entry = await store.get(places.row('user', id));
    if (entry !== undefined) users.push(rowOf(entry.value));
  }
  return { users, total: found.length };
}

function rowOf(value: Uint8Array): Row {
  return JSON.parse(Buffer.from(value).toString()) as Row;
}

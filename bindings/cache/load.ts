import type { Store } from '#bindings/store/store.ts';
import { EntryIndex } from './entry-index.ts';
import { decodeHead } from './head.ts';
import { longestMs } from './limits.ts';
import { loadNames } from './names.ts';

/** Heads read at once, with the bodies that lie with them. */
const pageEntries = 32;

interface Loaded {
  readonly index: EntryIndex;
  /** Greater than every id in use. */
  readonly next: number;
  readonly names: readonly string[];
}

/** What a space holds. Pieces of bodies without a head, whose put a crash cut short, are removed. */
export async function loadSpace(store: Store, prefix: string): Promise<Loaded> {
  const entries = [];
  for (let after: string | undefined; ;) {
    const page = await store.list({
      prefix: `${prefix}e/`,
      limit: pageEntries,
      ...(after === undefined ? {} : { after }),
    });
    for (const { key, value, expiresAt } of page) {
      const { head } = decodeHead(value);
      const id = key.slice(key.lastIndexOf('/') + 1);
      const bytes = value.length + (head.pieces === 0 ? 0 : head.bodyBytes);
      entries.push({ key, id, bytes, pieces: head.pieces, expiresAt: expiresAt ?? Date.now() + longestMs });
    }
    if (page.length < pageEntries) break;
    after = page.at(-1)?.key;
  }
  // The order of use is not kept over restarts: the order of putting stands for it.
  entries.sort((a, b) => (a.id < b.id ? -1 : 1));
  const index = new EntryIndex();
  for (const entry of entries) index.add(entry);
  const ids = new Set(entries.map(({ id }) => id));
  const pieces = await store.list({ prefix: `${prefix}b/`, keysOnly: true });
  const idOfPiece = (key: string): string => key.split('/').at(-2) ?? '';
  const orphans = pieces.filter(({ key }) => !ids.has(idOfPiece(key)));
  if (orphans.length > 0) await store.write(orphans.map(({ key }) => ({ kind: 'delete', key })));
  const last = [...ids, ...pieces.map(({ key }) => idOfPiece(key))].reduce(
    (most, id) => (id > most ? id : most),
    '0',
  );
  return { index, next: Number.parseInt(last, 36) + 1, names: await loadNames(store, prefix) };
}

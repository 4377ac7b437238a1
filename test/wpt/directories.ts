/** One line of the table: what is run when no directory is named, and how paths are put together. */
export interface Row {
  readonly name: string;
  /** Folders of the checkout. */
  readonly folders: readonly string[];
  /** Percent of its subtests that must pass. */
  readonly bar?: number;
}

const one = (name: string, bar?: number): Row => some(name, [''], bar);
const some = (name: string, parts: readonly string[], bar?: number): Row => ({
  name,
  folders: parts.map((part) => (part === '' ? name : `${name}/${part}`)),
  ...(bar === undefined ? {} : { bar }),
});

/** Percent of all subtests that must pass, and of the mean of the rows' shares. */
export const wholeBars = { all: 97, mean: 98 } as const;

/**
 * The parts of the web platform that a server-side runtime has, as others are measured by them. Bars keep islet
 * beside Node and Deno; a row without one is run all the same.
 */
export const rows: readonly Row[] = [
  one('url', 97),
  one('urlpattern', 93),
  one('encoding', 99.9),
  one('compression', 99),
  one('streams', 99),
  some('fetch/api', ['basic', 'headers', 'request', 'response', 'body', 'abort'], 91),
  one('fetch/data-urls', 100),
  one('FileAPI', 97),
  one('xhr/formdata', 100),
  one('dom/abort', 100),
  one('dom/events', 100),
  one('WebCryptoAPI', 97),
  some('html/webappapis', ['atob', 'structured-clone', 'timers', 'microtask-queuing'], 99),
  one('console', 100),
  one('hr-time', 94),
  one('user-timing', 99),
  one('performance-timeline', 90),
  one('wasm/jsapi', 99),
  one('wasm/webapi'),
  one('webidl', 98),
  one('websockets', 90),
  one('webmessaging', 90),
  one('eventsource'),
];

/** The row a file belongs to; files beyond the rows have one of their folder. */
export function rowOf(path: string): string {
  const found = rows.find(({ folders }) => folders.some((folder) => path.startsWith(`${folder}/`)));
  return found?.name ?? path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** One line of the table: what is run when no directory is named, and how paths are put together. */
export interface Row {
  readonly name: string;
  /** Folders of the checkout. */
  readonly folders: readonly string[];
}

const one = (name: string): Row => ({ name, folders: [name] });
const some = (name: string, parts: readonly string[]): Row => ({
  name,
  folders: parts.map((part) => `${name}/${part}`),
});

/** The parts of the web platform that a server-side runtime has, as others are measured by them. */
export const rows: readonly Row[] = [
  one('url'),
  one('urlpattern'),
  one('encoding'),
  one('compression'),
  one('streams'),
  some('fetch/api', ['basic', 'headers', 'request', 'response', 'body', 'abort']),
  one('fetch/data-urls'),
  one('FileAPI'),
  one('xhr/formdata'),
  one('dom/abort'),
  one('dom/events'),
  one('WebCryptoAPI'),
  some('html/webappapis', ['atob', 'structured-clone', 'timers', 'microtask-queuing']),
  one('console'),
  one('hr-time'),
  one('user-timing'),
  one('performance-timeline'),
  one('wasm/jsapi'),
  one('wasm/webapi'),
  one('webidl'),
  one('websockets'),
  one('webmessaging'),
  one('eventsource'),
];

/** The row a file belongs to; files beyond the rows have one of their folder. */
export function rowOf(path: string): string {
  const found = rows.find(({ folders }) => folders.some((folder) => path.startsWith(`${folder}/`)));
  return found?.name ?? path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

import type { AssetFile, AssetList } from './list.ts';

/** What a path means. */
export type Found =
  | { readonly kind: 'file'; readonly file: AssetFile }
  /** The page lies at another path, e.g. `/docs/` for `/docs`. Encoded. */
  | { readonly kind: 'moved'; readonly path: string }
  | { readonly kind: 'none' };

const none: Found = { kind: 'none' };

/** The files of one version by path. */
export class Index {
  /** The function whose they are. */
  readonly owner: string;
  readonly list: AssetList;
  readonly #files: ReadonlyMap<string, AssetFile>;

  constructor(owner: string, list: AssetList) {
    this.owner = owner;
    this.list = list;
    this.#files = new Map(list.files.map((file) => [file.path, file]));
  }

  /** A file by its decoded path. */
  file(path: string | undefined): AssetFile | undefined {
    return path === undefined ? undefined : this.#files.get(path);
  }

  /** The path of a URL, as it stands there: the file itself, `<path>.html`, or index.html of a folder. */
  find(encoded: string): Found {
    const path = toFilePath(encoded);
    if (path === undefined) return none;
    if (path.endsWith('/')) return this.#folder(path, encoded);
    const file = this.#files.get(path) ?? this.#files.get(`${path}.html`);
    if (file !== undefined) return { kind: 'file', file };
    return this.#files.has(`${path}/index.html`) ? { kind: 'moved', path: `${encoded}/` } : none;
  }

  #folder(path: string, encoded: string): Found {
    const file = this.#files.get(`${path}index.html`);
    if (file !== undefined) return { kind: 'file', file };
    if (path === '/') return none;
    const page = path.slice(0, -1);
    if (this.#files.has(`${page}.html`)) return { kind: 'moved', path: encoded.slice(0, -1) };
    return none;
  }
}

/**
 * A URL's path as a file's: decoded once, NFC. Undefined for what names no file in any folder: empty and dot segments,
 * encoded slashes, backslashes and control characters, what is not UTF-8.
 */
export function toFilePath(encoded: string): string | undefined {
  const parts: string[] = [];
  const segments = encoded.split('/');
  for (const [i, segment] of segments.entries()) {
    const text = decode(segment);
    if (text === undefined) return undefined;
    const open = text === '' && (i === 0 || i === segments.length - 1);
    if (!open && !isFileName(text)) return undefined;
    parts.push(text);
  }
  return parts.length > 1 && parts[0] === '' ? parts.join('/').normalize('NFC') : undefined;
}

/** True for one segment of a file's path. */
export function isFileName(name: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\u0000-\u001f\u007f]/.test(name);
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

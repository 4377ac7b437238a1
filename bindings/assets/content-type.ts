import { lookup } from 'mrmime';

/** Text beside `text/*`: worth compressing. */
const texts: ReadonlySet<string> = new Set([
  'application/json',
  'application/ld+json',
  'application/manifest+json',
  'application/geo+json',
  'application/javascript',
  'application/xml',
  'application/rss+xml',
  'application/atom+xml',
  'application/xhtml+xml',
  'application/wasm',
  'image/svg+xml',
  'image/bmp',
  'font/ttf',
  'font/otf',
]);

/** Of a file by the end of its name; text is UTF-8. */
export function contentType(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const type = (name.includes('.') ? lookup(name) : undefined) ?? 'application/octet-stream';
  return type.startsWith('text/') ? `${type};charset=utf-8` : type;
}

/** True for types that shrink. */
export function isCompressible(path: string): boolean {
  const [type = ''] = contentType(path).split(';');
  return type.startsWith('text/') || texts.has(type);
}

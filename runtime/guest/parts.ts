/**
 * The parts of the bundle that run when something of them is first used, by name: files of this folder, with everything that
 * only they import. What the rest imports from them may be functions and classes; nothing of it may be called while the
 * bundle loads. Predicates (`isBlob`) answer false without them: nothing can be of a class that never ran.
 */
export const parts: Readonly<Record<string, readonly string[]>> = {
  base64: ['web/base64.ts'],
  bindings: ['assets.ts', 'auth.ts', 'function.ts', 'notify.ts'],
  bodies: ['bodies.ts', 'operations.ts'],
  caches: ['caches.ts'],
  clone: ['web/structured-clone.ts'],
  compression: ['web/compression.ts'],
  console: ['console.ts', 'inspect.ts'],
  crypto: ['crypto/crypto.ts'],
  encoder: ['web/text-encoder.ts'],
  events: [
    'web/abort.ts',
    'web/close-event.ts',
    'web/event.ts',
    'web/event-target.ts',
    'web/global-events.ts',
    'web/progress-event.ts',
  ],
  exception: ['web/dom-exception.ts'],
  fetch: ['fetch.ts', 'integrity.ts', 'web/local-fetch.ts'],
  files: ['web/blob.ts', 'web/blob-url.ts', 'web/form-data.ts', 'web/multipart.ts'],
  idna: ['web/tr46.ts'],
  kv: ['kv.ts'],
  lambda: ['api-gateway.ts', 'lambda.ts'],
  messages: ['web/broadcast-channel.ts', 'web/message-event.ts', 'web/message-port.ts'],
  mime: ['web/cors-safelist.ts', 'web/mime.ts'],
  params: ['web/url-search-params.ts'],
  pattern: ['web/url-pattern.ts'],
  performance: ['web/performance.ts', 'web/performance-entry.ts', 'web/performance-observer.ts'],
  reader: ['web/file-list.ts', 'web/file-reader.ts'],
  sockets: ['socket.ts', 'socket-connect.ts', 'web/socket-pair.ts', 'web/websocket.ts'],
  source: ['web/event-source.ts'],
  streams: [
    'web/streams.ts',
    'web/streams/readable-controllers.ts',
    'web/streams/readable-stream.ts',
    'web/streams/readers.ts',
    'web/streams/strategies.ts',
    'web/streams/transform-stream.ts',
    'web/streams/writable-stream.ts',
  ],
  subtle: ['crypto/crypto-key.ts', 'crypto/subtle-crypto.ts'],
  temporal: ['temporal.ts'],
  text: ['web/text-decoder.ts'],
  textStreams: ['web/text-streams.ts'],
  urls: ['web/url-machine.ts'],
  wasm: ['wasm-memory.ts', 'webassembly.ts'],
  utf8: ['web/encoding.ts'],
};

/** Those that many functions use: they stay in the script, and V8's code cache has them. */
export const commonParts: readonly string[] = [
  'console',
  'crypto',
  'encoder',
  'kv',
  'lambda',
  'params',
  'utf8',
];

/** In the bundle's source between the script that every isolate runs, and the text of the parts. */
export const piecesMark: string = '\n/*pieces*/';

/** A bundle's source taken apart. */
export function splitBundle(source: string): { readonly script: string; readonly pieces: string } {
  const at = source.indexOf(piecesMark);
  if (at === -1) return { script: source, pieces: '' };
  return { script: source.slice(0, at), pieces: source.slice(at + piecesMark.length) };
}

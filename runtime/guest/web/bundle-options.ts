/**
 * What esbuild must know to bundle this folder; paths are relative to the directory that holds `runtime/`.
 * `tr46` and the multi-byte tables of `@exodus/bytes` would add 700 KB to every isolate.
 */
export const webAlias: Readonly<Record<string, string>> = {
  tr46: './runtime/guest/web/tr46.ts',
  '@exodus/bytes/encoding.js': '@exodus/bytes/encoding-lite.js',
};

/** What @exodus/bytes asks for of the platform it runs on: of ours it would be asking itself. */
export const webDefine: Readonly<Record<string, string>> = {
  'globalThis.Buffer': 'undefined',
  'globalThis.TextDecoder': 'undefined',
  'globalThis.TextEncoder': 'undefined',
  'globalThis.atob': 'undefined',
};

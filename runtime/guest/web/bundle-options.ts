/**
 * What esbuild must know to bundle this folder; paths are relative to the directory that holds `runtime/`.
 * `tr46` and the multi-byte tables of `@exodus/bytes` would add 700 KB to every isolate.
 * `banner`: strict mode for the whole script, so that no call site gives away `this` or the function.
 */
export const webAlias: Readonly<Record<string, string>> = {
  tr46: './runtime/guest/web/tr46.ts',
  '@exodus/bytes/encoding.js': '@exodus/bytes/encoding-lite.js',
};

export const webBanner: string = '"use strict";';

/** What runs when a function first needs it, so that its compiled form has no place in every isolate's code cache. */
export const loadsLate: RegExp =
  /whatwg-url|urlpattern-polyfill|bytes\/(?:fallback\/)?(?:encoding|whatwg|single-byte|utf16|percent)/;

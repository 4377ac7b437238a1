import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { commonParts, parts, piecesMark } from './guest/parts.ts';
import { webAlias, webDefine } from './guest/web/bundle-options.ts';
import type { Plugin } from 'esbuild';
import type { CutBundle } from './guest-parts.ts';

/** The script every isolate is bootstrapped with. */
export interface GuestBundle {
  /** A script whose value is the function `install` (guest/protocol.ts). */
  readonly source: string;
  /** Hex SHA-256 of `source`; keys its code cache. */
  readonly hash: string;
}

/** The name under which the package's build stores what buildGuestBundle gives, beside the compiled form of this file. */
export const guestScriptName: string = 'guest-bundle-script.js';

/**
 * Runs in the host, never in a cell. A clone bundles runtime/guest; the published package reads the file its build
 * wrote (`guestScriptName`).
 */
export async function loadGuestBundle(): Promise<GuestBundle> {
  const inClone = import.meta.url.endsWith('.ts');
  const source = inClone
    ? await buildGuestBundle()
    : await readFile(new URL(guestScriptName, import.meta.url), 'utf8');
  return { source, hash: createHash('sha256').update(source).digest('hex') };
}

/** Bundles runtime/guest of a clone; about 0.4 s. */
export async function buildGuestBundle(): Promise<string> {
  const { core, pieces } = await bundleGuest('runtime/guest/index.ts');
  return `${core}.install${piecesMark}${pieces}`;
}

/** A file of runtime/guest with all it imports, for an isolate. */
export async function bundleGuest(entry: string): Promise<CutBundle> {
  const { cutBundle } = await import('./guest-parts.ts');
  const output = { target: 'esnext', charset: 'ascii', legalComments: 'none', logLevel: 'silent' } as const;
  return await cutBundle({
    entry,
    folder: 'runtime/guest',
    parts,
    common: commonParts,
    options: {
      ...output,
      absWorkingDir: fileURLToPath(new URL('../', import.meta.url)),
      bundle: true,
      platform: 'neutral',
      mainFields: ['module', 'main'],
      alias: { ...webAlias },
      define: { ...webDefine },
      plugins: [urlEncodingPlugin],
    },
    minify: { ...output, minify: true },
  });
}

/** whatwg-url makes a TextEncoder and a TextDecoder of its own; here it has what the rest has. */
const urlEncodingPlugin: Plugin = {
  name: 'url-encoding',
  setup(made) {
    made.onLoad({ filter: /whatwg-url\/lib\/encoding\.js$/ }, () => ({
      contents:
        "export { decodeUtf8 as utf8DecodeWithoutBOM, encodeUtf8 as utf8Encode } from './web/encoding.ts';",
      resolveDir: fileURLToPath(new URL('./guest/', import.meta.url)),
      loader: 'js',
    }));
  },
};

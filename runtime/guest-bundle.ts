import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { webAlias } from './guest/web/bundle-options.ts';

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

/** Bundles runtime/guest of a clone; about 0.1 s. */
export async function buildGuestBundle(): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL('../', import.meta.url)),
    entryPoints: ['./runtime/guest/index.ts'],
    bundle: true,
    write: false,
    minify: true,
    format: 'iife',
    globalName: 'guest',
    target: 'esnext',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    alias: { ...webAlias },
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
  });
  const text = outputFiles[0]?.text ?? '';
  // Inside a strict function: no global holds `install`, and no call site gives away functions or receivers.
  return `(function(){"use strict";${text}return guest.install})()`;
}

import { stat, watch } from 'node:fs/promises';
import { basename, dirname, sep } from 'node:path';

/** Editors write a file in several steps; one save is what happens within this time. */
const settleMs = 100;

/**
 * Yields once for each save in a folder, or of one file, until the signal aborts. Changes while the consumer is busy
 * are one. Folders such as node_modules, dist and those that begin with a dot are left out, unless `named` is one.
 */
export async function* changes(
  path: string,
  signal: AbortSignal,
  named: () => string | undefined = () => undefined,
): AsyncGenerator<void> {
  const isFolder = (await stat(path)).isDirectory();
  const folder = isFolder ? path : dirname(path);
  let dirty = false;
  let wake: (() => void) | undefined;
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const watching = (async (): Promise<void> => {
    try {
      for await (const { filename } of watch(folder, { recursive: isFolder, signal: both })) {
        if (filename === null || (isFolder ? isLeftOut(filename, named()) : filename !== basename(path)))
          continue;
        dirty = true;
        wake?.();
      }
    } catch (error) {
      if (!both.aborted) throw error;
    } finally {
      wake?.();
    }
  })();
  try {
    while (!signal.aborted) {
      if (!dirty) await Promise.race([watching, new Promise<void>((resolve) => (wake = resolve))]);
      if (signal.aborted) break;
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      dirty = false;
      yield;
    }
  } finally {
    stop.abort();
    await watching;
  }
}

function isLeftOut(filename: string, named: string | undefined): boolean {
  const path = filename.split(sep).join('/');
  const own = named !== undefined && path.startsWith(`${named}/`);
  return (own ? path.slice(named.length + 1) : path)
    .split('/')
    .some((part) => part.startsWith('.') || part === 'node_modules' || part === 'dist');
}

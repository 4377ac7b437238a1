import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { serveTasks } from './tasks.ts';

/** Workers KV as people run it at home. It is no dependency: its folder is named, or it is left out. */
export interface MiniflarePlan {
  readonly source: string;
  /** Where it keeps its data. */
  readonly dir: string;
}

export interface MiniflareOpened {
  readonly port: number;
  readonly version: string;
}

/** As much of it as is used here. */
interface Miniflare {
  readonly ready: Promise<URL>;
  dispose(): Promise<void>;
}
type MiniflareClass = new (options: object) => Miniflare;

let opened: Miniflare | undefined;

/** Undefined when it is not installed: `ISLET_BENCH_MINIFLARE` is a folder with it in its node_modules. */
async function open({ source, dir }: MiniflarePlan): Promise<MiniflareOpened | undefined> {
  const folder = process.env['ISLET_BENCH_MINIFLARE'];
  const require = createRequire(folder === undefined ? import.meta.url : join(folder, 'package.json'));
  let found: { readonly Miniflare: MiniflareClass };
  let version: string;
  try {
    found = require('miniflare') as typeof found;
    ({ version } = require('miniflare/package.json') as { readonly version: string });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  opened = new found.Miniflare({ modules: true, script: source, kvNamespaces: ['KV'], kvPersist: dir });
  return { port: Number((await opened.ready).port), version };
}

async function close(): Promise<void> {
  await opened?.dispose();
  opened = undefined;
}

serveTasks({ open, close });

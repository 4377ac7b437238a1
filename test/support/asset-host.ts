import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import type { VersionInfo } from '#host/host.ts';
import { openTestHost, temporaryDir } from './host.ts';
import type { TestHost } from './host.ts';

/** Answers with what it was asked, so that a test sees who answered. */
export const echo: string = `export default {
  fetch(request) {
    return new Response('function ' + request.method + ' ' + new URL(request.url).pathname);
  },
};`;

export interface AssetSite {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly assets?: unknown;
  readonly main?: string;
  readonly manifest?: Readonly<Record<string, unknown>>;
}

/** A folder on disk with these files, a function and a manifest. */
export async function writeSite(t: Test, site: AssetSite): Promise<string> {
  const folder = join(await temporaryDir(t), 'site');
  const manifest = { assets: site.assets ?? 'public', ...site.manifest };
  const all = { 'index.js': site.main ?? echo, 'islet.json': JSON.stringify(manifest), ...site.files };
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

/** The same, deployed as "site" on a host of its own. */
export async function deploySite(
  t: Test,
  site: AssetSite,
): Promise<TestHost & { readonly folder: string; readonly version: VersionInfo }> {
  const folder = await writeSite(t, site);
  const host = await openTestHost(t);
  return { ...host, folder, version: await host.host.deploy(folder) };
}

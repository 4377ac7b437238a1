import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { isFileName } from '#bindings/assets/lookup.ts';
import { HostError } from '#runtime/errors.ts';
import type { DeploySource, InlineSource } from '#host/host.ts';
import type { AssetsManifest } from './manifest-assets.ts';

/** The static files that go with a source, not read yet. */
export interface AssetSource {
  readonly manifest: AssetsManifest;
  readonly files: readonly AssetSourceFile[];
}

export interface AssetSourceFile {
  /** As a decoded URL path, NFC. */
  readonly path: string;
  /** Its bytes, or the hex SHA-256 of bytes that the host was given before. */
  readonly content: { readonly read: () => Promise<Uint8Array> } | { readonly hash: string };
}

/** Of one version. */
export const mostAssets = 20_000;
export const mostAssetBytes: number = 25 * 2 ** 20;
export const mostAssetsBytes: number = 512 * 2 ** 20;

/** Hidden from a web server as a rule; a standard's place for public files (RFC 8615). */
const wellKnown = '.well-known';

/**
 * Lists the files of `assets.dir`. `root` is the source's folder, links followed; files given inline are taken from
 * there. Rejects with HostError ERR_SOURCE_NOT_FOUND, ERR_BUILD for a link that leads out, ERR_DEPLOY_TOO_LARGE.
 */
export async function listAssets(
  manifest: AssetsManifest,
  root: string,
  source: DeploySource,
): Promise<AssetSource> {
  const { dir } = manifest;
  const files = typeof source === 'string' ? await walk(root, dir) : inlineFiles(source, dir);
  if (files.length > 0) return { manifest, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
  throw new HostError(
    'ERR_SOURCE_NOT_FOUND',
    `Cannot deploy: assets are in "${dir}" and there is no file in it`,
  );
}

function inlineFiles({ files, assets }: InlineSource, dir: string): AssetSourceFile[] {
  const found: AssetSourceFile[] = [];
  const count = new Counter();
  for (const [path, content] of Object.entries(files)) {
    if (!path.startsWith(`${dir}/`) || isLeftOut(path.slice(dir.length + 1))) continue;
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    count.add(path, bytes.length);
    found.push({ path: toPath(path.slice(dir.length)), content: { read: async () => bytes } });
  }
  for (const [path, hash] of Object.entries(assets ?? {})) {
    const inside = path.startsWith('/') && path.slice(1).split('/').every(isFileName);
    if (!inside || !/^[0-9a-f]{64}$/.test(hash)) {
      throw new HostError(
        'ERR_BAD_INPUT',
        `Cannot deploy asset ${JSON.stringify(path)}: give paths such as "/logo.svg", and hex SHA-256 for each`,
      );
    }
    count.add(path, 0);
    found.push({ path: toPath(path), content: { hash } });
  }
  return found;
}

async function walk(root: string, dir: string): Promise<AssetSourceFile[]> {
  const top = await realpath(join(root, dir)).catch(() => undefined);
  if (top === undefined || !(await stat(top)).isDirectory())
    throw new HostError(
      'ERR_SOURCE_NOT_FOUND',
      `Cannot deploy: assets are in "${dir}" and there is no such folder`,
    );
  if (!top.startsWith(root + sep)) throw leadsOut(dir);
  const found: AssetSourceFile[] = [];
  const count = new Counter();
  await walkFolder('', [top]);
  return found;

  /** `above`: the real paths of this folder and those it lies in. */
  async function walkFolder(folder: string, above: readonly string[]): Promise<void> {
    for (const name of await readdir(join(root, dir, folder))) {
      if (isLeftOut(name)) continue;
      const path = `${folder}/${name}`;
      const real = await realpath(join(root, dir, path)).catch(() => undefined);
      if (real === undefined || !real.startsWith(root + sep) || above.includes(real))
        throw leadsOut(dir + path);
      const info = await stat(real);
      if (info.isDirectory()) await walkFolder(path, [...above, real]);
      if (!info.isFile()) continue;
      if (!isFileName(name))
        throw new HostError('ERR_BUILD', `Cannot deploy asset ${JSON.stringify(path)}: rename it`);
      count.add(dir + path, info.size);
      found.push({ path: toPath(path), content: { read: () => readFile(real) } });
    }
  }
}

/** Left out unless `assets.dir` itself names them: what is hidden, and packages. */
function isLeftOut(path: string): boolean {
  return path
    .split('/')
    .some((name) => (name.startsWith('.') && name !== wellKnown) || name === 'node_modules');
}

function toPath(path: string): string {
  return path.normalize('NFC');
}

class Counter {
  #files = 0;
  #bytes = 0;

  add(path: string, bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
    const problem = this.#problem(path, bytes);
    if (problem === undefined) return;
    throw new HostError(
      'ERR_DEPLOY_TOO_LARGE',
      `Cannot deploy the assets: ${problem}; move out what is not needed`,
    );
  }

  #problem(path: string, bytes: number): string | undefined {
    if (bytes > mostAssetBytes) return `${path} has ${bytes} bytes, a file may have ${mostAssetBytes}`;
    if (this.#files > mostAssets) return `there are more than ${mostAssets} files`;
    return this.#bytes > mostAssetsBytes
      ? `together they have more than ${mostAssetsBytes} bytes`
      : undefined;
  }
}

function leadsOut(path: string): HostError {
  return new HostError(
    'ERR_BUILD',
    `Cannot deploy ${path}: it is a link that leads out of the folder, round in it or nowhere; copy what it names`,
  );
}

import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { isCompressible } from '#bindings/assets/content-type.ts';
import { encodeList } from '#bindings/assets/list.ts';
import type { AssetBlob, AssetFile, AssetList } from '#bindings/assets/list.ts';
import type { AssetsHead, FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { mostAssetsBytes } from './assets-files.ts';
import type { AssetSource, AssetSourceFile } from './assets-files.ts';
import type { AssetStage, Staging } from './assets-stage.ts';
import type { AssetsManifest } from './manifest-assets.ts';

/** Below this a file fits the first packets anyway. */
const leastCompressed = 1024;
/** Brotli's best takes about a second for each MiB; what is larger gets a quicker one. */
const bestUpTo = 512 * 1024;

const toBrotli = promisify(brotliCompress);
const toGzip = promisify(gzip);

export interface PackContext {
  readonly name: FunctionName;
  readonly stage: AssetStage;
  /** The list of an earlier version: what is the same is not compressed again. */
  readonly earlier: AssetList | undefined;
}

/**
 * Puts the files into the store, text compressed beside, one file in memory at a time. The same files give the same
 * head. Rejects with HostError ERR_MANIFEST when a file that the manifest names is not there.
 */
export async function packAssets(
  source: AssetSource,
  { name, stage, earlier }: PackContext,
): Promise<AssetsHead> {
  const { manifest } = source;
  requireFile(source, 'fallback');
  requireFile(source, 'notFound');
  const staging = await stage.open(name);
  const known = new Map(earlier?.files.map((file) => [`${file.path}\n${file.hash}`, file]));
  const packed = new Map<string, Packed>();
  const files: AssetFile[] = [];
  let bytes = 0;
  for (const file of source.files) {
    const read = (): Promise<Uint8Array> =>
      'hash' in file.content ? stage.read(name, file.content.hash) : file.content.read();
    const done = await packFile(file, { read, staging, known, packed });
    files.push(done);
    bytes += done.bytes;
    // Files that were sent before are counted here first.
    if (bytes > mostAssetsBytes)
      throw new HostError(
        'ERR_DEPLOY_TOO_LARGE',
        `Cannot deploy "${name}": its assets have more than ${mostAssetsBytes} bytes; move out what is not needed`,
      );
  }
  const list = await staging.put(encodeList(toList(manifest, files)));
  await staging.flush();
  const { fallback, first = 'assets' } = manifest;
  return { hash: list.hash, ...(fallback === undefined ? {} : { fallback }), first };
}

function toList(
  { fallback, notFound, cache = {}, headers = {} }: AssetsManifest,
  files: AssetFile[],
): AssetList {
  return {
    format: 1,
    ...(fallback === undefined ? {} : { fallback }),
    ...(notFound === undefined ? {} : { notFound }),
    cache,
    headers,
    files,
  };
}

type Packed = Omit<AssetFile, 'path'>;

interface Packing {
  readonly read: () => Promise<Uint8Array>;
  readonly staging: Staging;
  readonly known: ReadonlyMap<string, AssetFile>;
  /** Files of this version by hash, so that one that is there twice is read and compressed once. */
  readonly packed: Map<string, Packed>;
}

async function packFile({ path, content }: AssetSourceFile, packing: Packing): Promise<AssetFile> {
  const { read, staging, known, packed } = packing;
  const given = 'hash' in content ? known.get(`${path}\n${content.hash}`) : undefined;
  if (given !== undefined && isThere(given, staging)) return given;
  const kind = isCompressible(path) ? 'text' : 'other';
  const again = 'hash' in content ? packed.get(`${kind} ${content.hash}`) : undefined;
  if (again !== undefined) return { path, ...again };
  const bytes = await read();
  const blob = await staging.put(bytes);
  const same = known.get(`${path}\n${blob.hash}`);
  if (same !== undefined && isThere(same, staging)) return same;
  const twin = packed.get(`${kind} ${blob.hash}`);
  if (twin !== undefined) return { path, ...twin };
  const file = { ...blob, ...(await compressed(path, bytes, staging)) };
  packed.set(`${kind} ${blob.hash}`, file);
  return { path, ...file };
}

function isThere({ hash, brotli, gzip }: AssetFile, staging: Staging): boolean {
  return [hash, brotli?.hash, gzip?.hash].every((each) => each === undefined || staging.has(each));
}

async function compressed(
  path: string,
  bytes: Uint8Array,
  staging: Staging,
): Promise<{ readonly brotli?: AssetBlob; readonly gzip?: AssetBlob }> {
  if (bytes.length <= leastCompressed || !isCompressible(path)) return {};
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: bytes.length <= bestUpTo ? 11 : 9,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const [br, gz] = await Promise.all([toBrotli(bytes, { params }), toGzip(bytes, { level: 9 })]);
  return {
    ...(br.length < bytes.length ? { brotli: await staging.put(br) } : {}),
    ...(gz.length < bytes.length ? { gzip: await staging.put(gz) } : {}),
  };
}

function requireFile({ manifest, files }: AssetSource, key: 'fallback' | 'notFound'): void {
  const path = manifest[key];
  if (path === undefined || files.some((file) => file.path === path)) return;
  throw new HostError(
    'ERR_MANIFEST',
    `Cannot deploy: assets.${key} is "${path}" and there is no such file in "${manifest.dir}"`,
  );
}

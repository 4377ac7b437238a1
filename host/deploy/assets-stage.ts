import { assetsOf, blobKeys, partBytes, partKey } from '#bindings/assets/keys.ts';
import { blobsOf, decodeList, hashOfBlob } from '#bindings/assets/list.ts';
import type { AssetBlob, AssetList } from '#bindings/assets/list.ts';
import type { Change, Store } from '#bindings/store/store.ts';
import type { FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { VersionRecord } from './records.ts';

/** How long blobs that no version uses yet are safe from being swept. */
const freshMs = 60 * 60_000;
/** Small files are written together, one durable write for this many bytes or changes. */
const batchBytes = 2 ** 20;
const batchChanges = 200;

/**
 * Static files in the store: blobs by their hash, of one function each, shared by its versions. They are written before
 * the version that needs them, a few at a time; the version's own batch holds only if they are all there.
 */
export class AssetStage {
  readonly #store: Store;
  readonly #now: () => number;
  /** When blobs were given or asked for, by function and hash. */
  readonly #fresh: Map<string, number> = new Map();

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Begins to write: must be flushed. `present`: what is there, where that is known. */
  async open(name: FunctionName, present?: Set<string>): Promise<Staging> {
    return new Staging(this.#store, name, {
      present: present ?? (await this.#present(name)),
      touch: (hash) => this.#touch(`${name}/${hash}`),
    });
  }

  /** Bytes of a blob that was given before. Rejects with HostError ERR_BAD_INPUT when it is not there. */
  async read(name: FunctionName, hash: string): Promise<Uint8Array> {
    const entries = await this.#store.list({ prefix: blobKeys(name, hash) });
    if (entries.length > 0) return Buffer.concat(entries.map(({ value }) => value));
    throw new HostError(
      'ERR_BAD_INPUT',
      `Cannot deploy "${name}": the asset ${hash} was not sent; send it first`,
    );
  }

  /** Rejects with HostError ERR_CONFLICT unless everything this version needs is there. Part of its plan. */
  async require(name: FunctionName, hash: string): Promise<void> {
    const present = await this.#present(name);
    const needed = present.has(hash) ? blobsOf(await this.#list(name, hash)) : undefined;
    if (needed?.every((blob) => present.has(blob.hash)) === true) return;
    throw new HostError(
      'ERR_CONFLICT',
      `Cannot deploy "${name}": its assets were deleted meanwhile; deploy it again`,
    );
  }

  async holds(name: FunctionName, hash: string): Promise<boolean> {
    this.#touch(`${name}/${hash}`);
    return (await this.#store.list({ prefix: blobKeys(name, hash), keysOnly: true, limit: 1 })).length > 0;
  }

  /** A version with this list is stored: it is what holds its files from now on. */
  async release(name: FunctionName, hash: string): Promise<void> {
    this.#fresh.delete(`${name}/${hash}`);
    for (const blob of blobsOf(await this.#list(name, hash))) this.#fresh.delete(`${name}/${blob.hash}`);
  }

  /** Deletes of all that none of the versions left needs; part of the plan that removes the others. */
  async sweep(name: FunctionName, left: Iterable<VersionRecord>): Promise<readonly Change[]> {
    const keys = await this.#store.list({ prefix: assetsOf(name), keysOnly: true });
    if (keys.length === 0) return [];
    const used = await this.#used(name, left);
    const unused = keys.filter(({ key }) => {
      const hash = hashIn(key);
      return !used.has(hash) && !this.#isFresh(`${name}/${hash}`);
    });
    return unused.map(({ key }) => ({ kind: 'delete', key }));
  }

  /** The list of a version that is stored. */
  async list(name: FunctionName, { assets }: VersionRecord): Promise<AssetList | undefined> {
    return assets === undefined ? undefined : this.#list(name, assets.hash);
  }

  async #list(name: FunctionName, hash: string): Promise<AssetList> {
    return decodeList(await this.read(name, hash));
  }

  async #used(name: FunctionName, versions: Iterable<VersionRecord>): Promise<ReadonlySet<string>> {
    const used = new Set<string>();
    for (const { assets } of versions) {
      if (assets === undefined || used.has(assets.hash)) continue;
      used.add(assets.hash);
      for (const { hash } of blobsOf(await this.#list(name, assets.hash))) used.add(hash);
    }
    return used;
  }

  #touch(key: string): void {
    const now = this.#now();
    this.#fresh.delete(key);
    this.#fresh.set(key, now);
    // Those touched longest ago come first.
    for (const [old, at] of this.#fresh) {
      if (now - at < freshMs) break;
      this.#fresh.delete(old);
    }
  }

  #isFresh(key: string): boolean {
    const at = this.#fresh.get(key);
    if (at === undefined) return false;
    if (this.#now() - at < freshMs) return true;
    this.#fresh.delete(key);
    return false;
  }

  /** A blob is written whole, in one batch: where one part is, all are. */
  async #present(name: FunctionName): Promise<Set<string>> {
    const keys = await this.#store.list({ prefix: assetsOf(name), keysOnly: true });
    return new Set(keys.map(({ key }) => hashIn(key)));
  }
}

interface StagingNeeds {
  readonly present: Set<string>;
  readonly touch: (hash: string) => void;
}

/** Writes blobs of one function. */
export class Staging {
  readonly #store: Store;
  readonly #name: FunctionName;
  readonly #present: Set<string>;
  readonly #touch: (hash: string) => void;
  #changes: Change[] = [];
  #bytes = 0;

  constructor(store: Store, name: FunctionName, { present, touch }: StagingNeeds) {
    this.#store = store;
    this.#name = name;
    this.#present = present;
    this.#touch = touch;
  }

  /** True when it is there; nobody sweeps it for a while. */
  has(hash: string): boolean {
    const there = this.#present.has(hash);
    if (there) this.#touch(hash);
    return there;
  }

  /** Takes the bytes: nobody may change them before they are flushed. */
  async put(bytes: Uint8Array): Promise<AssetBlob> {
    const hash = hashOfBlob(bytes);
    const blob = { hash, bytes: bytes.length };
    if (this.has(hash)) return blob;
    this.#present.add(hash);
    this.#touch(hash);
    for (let part = 0; part === 0 || part * partBytes < bytes.length; part++) {
      const value = bytes.subarray(part * partBytes, (part + 1) * partBytes);
      this.#changes.push({ kind: 'put', key: partKey(this.#name, hash, part), value });
    }
    this.#bytes += bytes.length;
    if (this.#bytes >= batchBytes || this.#changes.length >= batchChanges) await this.flush();
    return blob;
  }

  async flush(): Promise<void> {
    const changes = this.#changes;
    this.#changes = [];
    this.#bytes = 0;
    if (changes.length > 0) await this.#store.write(changes);
  }
}

function hashIn(key: string): string {
  return key.split('/')[2] ?? '';
}

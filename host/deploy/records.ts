import { createHash } from 'node:crypto';
import type { Entry } from '#bindings/store/store.ts';
import type { Allowance } from '#runtime/allowance.ts';
import type {
  AccessRule,
  AssetsHead,
  DeploymentId,
  EgressPolicy,
  FunctionName,
  WasmProgram,
} from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import type { Limits } from '#runtime/limits.ts';

/** `fn/<name>`: one per function, also after its deletion, so that version numbers go on. Guards all its other keys. */
export interface FunctionRecord {
  readonly format: 1;
  /** Number of the next new version. */
  readonly next: number;
  /** Percent by version, those above 0 only; adds up to 100, or is empty before the first activation. */
  readonly weights: Readonly<Record<string, number>>;
  /** Versions that had all the traffic, the latest last; where a rollback leads. */
  readonly earlier: readonly number[];
  readonly updatedAt: number;
  readonly deleted: boolean;
}

/** `dep/<name>/<version>`: one version, never changed. */
export interface VersionRecord {
  readonly format: 1;
  readonly id: DeploymentId;
  readonly createdAt: number;
  readonly code: CodeRecord;
  readonly limits: Limits;
  /** Config as the manifest has it; parsed anew by its binding whenever the store is opened. */
  readonly bindings: readonly { readonly name: string; readonly kind: string; readonly config: unknown }[];
  readonly vars: Readonly<Record<string, string>>;
  readonly cordon: string;
  readonly minWarm: number;
  readonly routes: readonly string[];
  /** Absent, as in versions of before they were: nobody is asked who they are. */
  readonly access?: readonly AccessRule[];
  /** Absent: defaultEgress. */
  readonly egress?: EgressPolicy;
  /** Absent: nothing. */
  readonly allow?: readonly Allowance[];
  readonly assets?: AssetsHead;
}

/** What a version's code is and where it lies. */
export type CodeRecord = ScriptRecord | WasmRecord;

/** Parts under `code/<name>/<hash>/`, the source followed by its map. */
export interface ScriptRecord {
  readonly kind: 'script';
  /** Hex SHA-256 of the source and its map. */
  readonly hash: string;
  readonly sourceBytes: number;
  /** 0 when there is no map. */
  readonly mapBytes: number;
}

/** The module lies under `module/<module>/`, whoever uses it; its files in parts under `code/<name>/<hash>/`. */
export interface WasmRecord {
  readonly kind: 'wasm';
  /** Hex SHA-256 of the files (wasm-files.ts). */
  readonly hash: string;
  /** What limits.bundleBytes counted. */
  readonly sourceBytes: number;
  /** Hex SHA-256 of the module. */
  readonly module: string;
  readonly moduleBytes: number;
  readonly program: WasmProgram;
  /** Number of files. */
  readonly files: number;
}

/** `module/<SHA-256>`: who uses the module. Guards its parts: every change of them rewrites it. */
export interface ModuleRecord {
  readonly format: 1;
  readonly bytes: number;
  /** Names of functions with a version of it, sorted. */
  readonly users: readonly string[];
}

/** A version with its number and no id yet. */
export type VersionContent = Omit<VersionRecord, 'format' | 'id' | 'createdAt'>;

const digits = 10;

export const functionPrefix: string = 'fn/';
export const versionPrefix: string = 'dep/';
export const secretPrefix: string = 'secret/';

export function functionKey(name: FunctionName): string {
  return functionPrefix + name;
}

export function versionKey(name: FunctionName, version: number): string {
  return versionsOf(name) + String(version).padStart(digits, '0');
}

export function versionsOf(name: FunctionName): string {
  return `${versionPrefix}${name}/`;
}

export function secretKey(name: FunctionName, secret: string): string {
  return secretsOf(name) + secret;
}

export function secretsOf(name: FunctionName): string {
  return `${secretPrefix}${name}/`;
}

/** Parts of one code: keys under this prefix, numbered in order. */
export function codeParts(name: FunctionName, hash: string): string {
  return `code/${name}/${hash}/`;
}

export function moduleKey(hash: string): string {
  return `module/${hash}`;
}

/** Parts of one module: keys under this prefix, numbered in order. */
export function moduleParts(hash: string): string {
  return `${moduleKey(hash)}/`;
}

/** `route/<pattern>` holds the name of the function that has it. */
export function routeKey(route: string): string {
  return `route/${route}`;
}

/** The last segment of a key. */
export function lastSegment(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** The segment after the prefix: the function of `dep/…` and `secret/…` keys. */
export function ownerOf(key: string): FunctionName {
  return key.split('/')[1] as FunctionName;
}

export function encodeRecord(record: FunctionRecord | VersionRecord | ModuleRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

export function decodeFunction(entry: Entry): FunctionRecord {
  return decode(entry) as FunctionRecord;
}

export function decodeVersion(entry: Entry): VersionRecord {
  return decode(entry) as VersionRecord;
}

export function decodeModule(entry: Entry): ModuleRecord {
  return decode(entry) as ModuleRecord;
}

/** The same content always has the same id: SHA-256 over its JSON with sorted keys, the first 32 digits. */
export function deploymentId(name: FunctionName, content: VersionContent): DeploymentId {
  const text = JSON.stringify({ function: name, ...content }, sortKeys);
  return createHash('sha256').update(text).digest('hex').slice(0, 32) as DeploymentId;
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function decode(entry: Entry): unknown {
  const record = parse(entry);
  const format = (record as { format?: unknown } | null)?.format;
  if (format === 1) return record;
  if (typeof format === 'number') {
    throw new HostError(
      'ERR_STORE_VERSION',
      `Cannot read ${entry.key}: its format is ${format}, this islet knows 1; use the islet that wrote it`,
    );
  }
  throw new HostError(
    'ERR_STORE_CORRUPT',
    `Cannot read ${entry.key}: not a record; restore a copy of the store`,
  );
}

function parse(entry: Entry): unknown {
  try {
    return JSON.parse(Buffer.from(entry.value).toString());
  } catch (cause) {
    throw new HostError(
      'ERR_STORE_CORRUPT',
      `Cannot read ${entry.key}: not JSON; restore a copy of the store`,
      { cause },
    );
  }
}

import { createHash } from 'node:crypto';
import type { Change, Entry, Store } from '#bindings/store/store.ts';
import type { Code, FunctionName, ScriptCode, WasmCode } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { codeParts, moduleParts } from './records.ts';
import type { CodeRecord, ScriptRecord, WasmRecord } from './records.ts';
import { hashOfFiles, packFiles, unpackFiles } from './wasm-files.ts';

/** A part fits one message of every store there will be: NATS takes 1 MiB with its headers. */
const partBytes = 512 * 1024;

/** What a version's record says of this code; `sourceBytes` is what limits.bundleBytes counted. */
export function toCodeRecord(code: Code, sourceBytes: number): CodeRecord {
  if (code.kind === 'wasm') {
    return {
      kind: 'wasm',
      hash: hashOfFiles(packFiles(code.files)),
      sourceBytes,
      module: hashOfModule(code.module),
      moduleBytes: code.module.length,
      program: code.program,
      files: code.files.length,
    };
  }
  const mapBytes = Buffer.byteLength(code.sourceMap ?? '');
  return { kind: 'script', hash: hashOf(sourceBytes, toBytes(code)), sourceBytes, mapBytes };
}

/** Hex SHA-256 of a module: its name in the store and in the code cache. */
export function hashOfModule(module: Uint8Array): string {
  return createHash('sha256').update(module).digest('hex');
}

/** The puts that store the code, without the module of WebAssembly (modules.ts). */
export function putCode(name: FunctionName, record: CodeRecord, code: Code): readonly Change[] {
  return putParts(codeParts(name, record.hash), code.kind === 'wasm' ? packFiles(code.files) : toBytes(code));
}

/** Puts under `prefix`, numbered in order, one at the least. */
export function putParts(prefix: string, bytes: Uint8Array): readonly Change[] {
  const changes: Change[] = [];
  for (let start = 0; start === 0 || start < bytes.length; start += partBytes) {
    const part = String(changes.length).padStart(4, '0');
    changes.push({ kind: 'put', key: prefix + part, value: bytes.subarray(start, start + partBytes) });
  }
  return changes;
}

/** The deletes that remove it. */
export async function deleteCode(store: Store, name: FunctionName, hash: string): Promise<readonly Change[]> {
  return deleteParts(store, codeParts(name, hash));
}

/** Deletes of all there is under `prefix`. */
export async function deleteParts(store: Store, prefix: string): Promise<readonly Change[]> {
  const parts = await store.list({ prefix, keysOnly: true });
  return parts.map(({ key }) => ({ kind: 'delete', key }));
}

/** Reads the code and compares its hash. Rejects with HostError ERR_NO_VERSION when it is gone, or ERR_STORE_CORRUPT. */
export async function readCode(store: Store, name: FunctionName, record: CodeRecord): Promise<Code> {
  const bytes = await readParts(store, codeParts(name, record.hash), name);
  if (record.kind === 'script') return toScript(name, record, bytes);
  return toWasm(name, record, {
    packed: bytes,
    module: await readParts(store, moduleParts(record.module), name),
  });
}

async function readParts(store: Store, prefix: string, name: FunctionName): Promise<Buffer> {
  const parts: readonly Entry[] = await store.list({ prefix });
  if (parts.length > 0) return Buffer.concat(parts.map((part) => part.value));
  throw new HostError('ERR_NO_VERSION', `Cannot load code of "${name}": the version was deleted`);
}

function toScript(name: FunctionName, record: ScriptRecord, bytes: Buffer): ScriptCode {
  if (hashOf(record.sourceBytes, bytes) !== record.hash) corrupt(name);
  const source = bytes.toString('utf8', 0, record.sourceBytes);
  if (record.mapBytes === 0) return { kind: 'script', source };
  return { kind: 'script', source, sourceMap: bytes.toString('utf8', record.sourceBytes) };
}

function toWasm(
  name: FunctionName,
  record: WasmRecord,
  { packed, module }: { readonly packed: Buffer; readonly module: Buffer },
): WasmCode {
  if (hashOfFiles(packed) !== record.hash || hashOfModule(module) !== record.module) corrupt(name);
  return { kind: 'wasm', module, program: record.program, files: unpackFiles(packed) };
}

function corrupt(name: FunctionName): never {
  throw new HostError(
    'ERR_STORE_CORRUPT',
    `Cannot load code of "${name}": what is stored is not what was deployed; restore a copy of the store`,
  );
}

function toBytes(code: ScriptCode): Buffer {
  return Buffer.concat([Buffer.from(code.source), Buffer.from(code.sourceMap ?? '')]);
}

function hashOf(sourceBytes: number, bytes: Uint8Array): string {
  return createHash('sha256').update(`script:${sourceBytes}:`).update(bytes).digest('hex');
}

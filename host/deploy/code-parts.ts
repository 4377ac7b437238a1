import { createHash } from 'node:crypto';
import type { Change, Store } from '#bindings/store/store.ts';
import type { Code, FunctionName } from '#runtime/deployment.ts';
import { HostError } from '#runtime/errors.ts';
import { codeParts } from './records.ts';
import type { CodeRecord } from './records.ts';

/** A part fits one message of every store there will be: NATS takes 1 MiB with its headers. */
const partBytes = 512 * 1024;

/** What a version's record says of this code. */
export function toCodeRecord(code: Code): CodeRecord {
  const sourceBytes = Buffer.byteLength(code.source);
  const mapBytes = Buffer.byteLength(code.sourceMap ?? '');
  return { kind: code.kind, hash: hashOf(sourceBytes, toBytes(code)), sourceBytes, mapBytes };
}

/** The puts that store the code. */
export function putCode(name: FunctionName, record: CodeRecord, code: Code): readonly Change[] {
  const bytes = toBytes(code);
  const changes: Change[] = [];
  for (let start = 0; start === 0 || start < bytes.length; start += partBytes) {
    const part = String(changes.length).padStart(4, '0');
    const value = bytes.subarray(start, start + partBytes);
    changes.push({ kind: 'put', key: codeParts(name, record.hash) + part, value });
  }
  return changes;
}

/** The deletes that remove it. */
export async function deleteCode(store: Store, name: FunctionName, hash: string): Promise<readonly Change[]> {
  const parts = await store.list({ prefix: codeParts(name, hash), keysOnly: true });
  return parts.map(({ key }) => ({ kind: 'delete', key }));
}

/** Reads the code and compares its hash. Rejects with HostError ERR_NO_VERSION when it is gone, or ERR_STORE_CORRUPT. */
export async function readCode(store: Store, name: FunctionName, record: CodeRecord): Promise<Code> {
  const parts = await store.list({ prefix: codeParts(name, record.hash) });
  if (parts.length === 0) {
    throw new HostError('ERR_NO_VERSION', `Cannot load code of "${name}": the version was deleted`);
  }
  const bytes = Buffer.concat(parts.map((part) => part.value));
  if (hashOf(record.sourceBytes, bytes) !== record.hash) {
    throw new HostError(
      'ERR_STORE_CORRUPT',
      `Cannot load code of "${name}": what is stored is not what was deployed; restore a copy of the store`,
    );
  }
  const source = bytes.toString('utf8', 0, record.sourceBytes);
  if (record.mapBytes === 0) return { kind: record.kind, source };
  return { kind: record.kind, source, sourceMap: bytes.toString('utf8', record.sourceBytes) };
}

function toBytes(code: Code): Buffer {
  return Buffer.concat([Buffer.from(code.source), Buffer.from(code.sourceMap ?? '')]);
}

function hashOf(sourceBytes: number, bytes: Uint8Array): string {
  return createHash('sha256').update(`script:${sourceBytes}:`).update(bytes).digest('hex');
}

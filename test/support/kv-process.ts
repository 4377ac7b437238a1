import { Buffer } from 'node:buffer';
import process from 'node:process';
import { createKvBinding } from '#bindings/kv/kv.ts';
import { openSqliteStore } from '#bindings/store/sqlite.ts';
import { HostError } from '#runtime/errors.ts';
import { grantOf } from '#test/contract/binding.ts';
import { call } from '#test/support/kv-calls.ts';

/** What a process to be killed is asked, and what it answers: each operation at the time given. */
export interface KvRequest {
  readonly id: number;
  readonly nowMs: number;
  readonly method: string;
  readonly args: object;
  readonly body?: string;
}

export interface KvReply {
  readonly id: number;
  readonly value?: unknown;
  readonly text?: string | undefined;
  readonly code?: string;
}

let nowMs = 0;

async function serve(path: string): Promise<void> {
  const now = (): number => nowMs;
  const grant = grantOf(createKvBinding(openSqliteStore(path, { now }), { now }));
  const answer = async ({ id, method, args, body }: KvRequest): Promise<KvReply> => {
    try {
      return { id, ...(await call(grant, method, args, body)) };
    } catch (error) {
      return { id, code: error instanceof HostError ? error.code : String(error) };
    }
  };
  process.on('message', (request: KvRequest) => {
    nowMs = request.nowMs;
    void answer(request).then((reply) => process.send?.(reply));
  });
  process.send?.({ id: -1 } satisfies KvReply);
}

const [path] = process.argv.slice(2);
if (path !== undefined && import.meta.main) await serve(Buffer.from(path).toString());

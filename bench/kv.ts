import { get, type BenchRun } from './bench-run.ts';
import { kvSource } from './guests.ts';
import { median } from './histogram.ts';
import type { OnceResult } from './load-generator.ts';
import type { KvReport, KvRow } from './report.ts';

const kinds: readonly {
  readonly what: string;
  readonly verb: 'put' | 'get' | 'list';
  readonly width: number;
}[] = [
  { what: 'put, one after the other', verb: 'put', width: 1 },
  { what: 'put, 32 at once', verb: 'put', width: 32 },
  { what: 'get, one after the other', verb: 'get', width: 1 },
  { what: 'get, 32 at once', verb: 'get', width: 32 },
  { what: 'list of 100, one after the other', verb: 'list', width: 1 },
];

/** KV operations per second from within one invocation; bare node:sqlite takes turns with it on the same disk. */
export async function measureKv(run: BenchRun): Promise<KvReport> {
  const { operations, repeats } = run.scale;
  const load = run.program('load-generator', { place: 'load' });
  const sqlite = run.program('sqlite-program', { place: 'server' });
  const dir = await run.folder();
  const { program, port } = await run.islet();
  await program.call('deploy', [
    {
      name: 'kv',
      source: kvSource,
      manifest: { bindings: { KV: { kind: 'kv' } }, limits: { subrequests: 10_000, cpuMs: 60_000 } },
    },
  ]);
  const islet = async (verb: string, count: number, width: number): Promise<number> => {
    const request = get(`/kv/?verb=${verb}&count=${count}&width=${width}`);
    const { ms } = await load.call<OnceResult>('once', { port, request });
    return ms;
  };
  // Both have every key before anything is timed.
  await islet('put', 1000, 32);
  await sqlite.call('work', { dir, verb: 'put', count: 1000, width: 32 });
  const rows: KvRow[] = [];
  for (const { what, verb, width } of kinds) {
    run.progress(`kv: ${what}`);
    const own: number[] = [];
    const bare: number[] = [];
    for (let i = 0; i < repeats; i++) {
      own.push(operations / ((await islet(verb, operations, width)) / 1000));
      bare.push(
        operations / ((await sqlite.call<number>('work', { dir, verb, count: operations, width })) / 1000),
      );
    }
    rows.push({ what, width, islet: median(own), sqlite: median(bare) });
  }
  await run.stop(program, sqlite, load);
  return { rows };
}

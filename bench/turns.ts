import type { BenchRun } from './bench-run.ts';
import type { CpuUse } from './cpu.ts';
import { median } from './histogram.ts';
import type { LoadPlan, LoadResult } from './load-generator.ts';
import type { Program } from './programs.ts';
import type { WarmRow } from './report.ts';

/** One run of load on a server, with what CPU a request took there. */
export interface Measured extends LoadResult {
  readonly hostCpuMicros?: number;
  readonly cellCpuMicros?: number;
}

/** CPU a server has used so far. */
export type CpuOf = () => Promise<CpuUse>;

/** A server under load. */
export interface Subject {
  readonly what: string;
  readonly cpu: CpuOf;
  readonly plan: Pick<LoadPlan, 'port' | 'request'>;
}

/** Loads the subjects in turns, so that all see the same machine; medians over the rounds. */
export async function measureInTurns(options: {
  readonly run: BenchRun;
  readonly load: Program;
  readonly label: string;
  readonly subjects: readonly Subject[];
}): Promise<readonly WarmRow[]> {
  const { run, load, label, subjects } = options;
  const { connections, warmupMs, measureMs, rounds } = run.scale;
  const results = subjects.map((): Measured[] => []);
  for (let round = 1; round <= rounds; round++) {
    run.progress(`${label}: round ${round} of ${rounds}`);
    for (const [i, { cpu, plan }] of subjects.entries())
      results[i]?.push(await loaded(load, cpu, { ...plan, connections, warmupMs, measureMs }));
  }
  return subjects.map(({ what }, i) => toRow(what, connections, results[i] ?? []));
}

/** Runs the plan against the server; the warm-up is not counted. */
export async function loaded(load: Program, cpu: CpuOf, plan: LoadPlan): Promise<Measured> {
  await load.call('run', { ...plan, measureMs: 0 });
  const before = await cpu();
  const result = await load.call<LoadResult>('run', { ...plan, warmupMs: 0 });
  const after = await cpu();
  const each = (ms: number): number => (ms * 1000) / Math.max(1, result.requests);
  return {
    ...result,
    hostCpuMicros: each(after.hostMs - before.hostMs),
    ...(after.cellsMs === undefined || before.cellsMs === undefined
      ? {}
      : { cellCpuMicros: each(after.cellsMs - before.cellsMs) }),
  };
}

/** Medians over the rounds. */
export function toRow(what: string, connections: number, results: readonly Measured[]): WarmRow {
  const host = results.flatMap(({ hostCpuMicros }) => hostCpuMicros ?? []);
  const cell = results.flatMap(({ cellCpuMicros }) => cellCpuMicros ?? []);
  return {
    what,
    connections,
    requestsPerSecond: median(results.map(({ requestsPerSecond }) => requestsPerSecond)),
    p50: median(results.map(({ latencyMs }) => latencyMs.p50)),
    p99: median(results.map(({ latencyMs }) => latencyMs.p99)),
    errors: results.reduce((sum, { errors }) => sum + errors, 0),
    ...(host.length === 0 ? {} : { hostCpuMicros: median(host) }),
    ...(cell.length === 0 ? {} : { cellCpuMicros: median(cell) }),
  };
}

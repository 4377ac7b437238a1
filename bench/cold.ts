import { spawnSync } from 'node:child_process';
import process from 'node:process';
import type { LoadedReport } from '#runtime/frames.ts';
import { get, type BenchRun } from './bench-run.ts';
import { helloSource } from './guests.ts';
import { spreadOf, type Spread } from './histogram.ts';
import type { DeployPlan } from './islet-server.ts';
import type { OnceResult } from './load-generator.ts';
import type { Program } from './programs.ts';
import type { ColdReport, FirstRow, StartRow } from './report.ts';

/** Before each request whose latency is told, in ms. */
const pauseMs = 50;

/** Cold starts: the engine's phases by themselves, then the first requests of functions over HTTP. */
export async function measureCold(run: BenchRun): Promise<ColdReport> {
  return {
    phases: await measurePhases(run),
    http: await measureFirsts(run),
    nodeProcess: measureNode(Math.min(20, run.scale.starts)),
  };
}

async function measurePhases(run: BenchRun): Promise<readonly StartRow[]> {
  const rows: StartRow[] = [];
  const engine = run.program('engine-program', { place: 'server', flags: ['--no-node-snapshot'] });
  for (const code of ['hello', 'large'] as const)
    for (const spare of [true, false])
      for (const cached of [true, false]) {
        run.progress(`cold: ${code}, ${spare ? 'a' : 'no'} spare, ${cached ? 'a' : 'no'} code cache`);
        rows.push(await engine.call('starts', { code, spare, cached, starts: run.scale.starts }));
      }
  await run.stop(engine);
  return rows;
}

async function measureFirsts(run: BenchRun): Promise<readonly FirstRow[]> {
  const plans = Array.from({ length: run.scale.firsts }, (_, i): DeployPlan => {
    // A var makes each of them a deployment of its own, with an instance and code of its own.
    return { name: `first-${i}`, source: helloSource, manifest: { vars: { NUMBER: String(i) } } };
  });
  const load = run.program('load-generator', { place: 'load' });
  const options = { warmBytes: 2 ** 33 };
  run.progress(`cold: ${plans.length} first requests after deploy`);
  const fresh = await run.islet(options);
  await fresh.program.call('deploy', plans);
  const afterDeploy = await firsts('after deploy', fresh, { load, plans, spares: 2 });
  await run.stop(fresh.program);

  run.progress(`cold: ${plans.length} first requests after a restart`);
  const again = await run.islet({ ...options, dir: fresh.dir });
  const afterRestart = await firsts('after a restart', again, { load, plans, spares: 2 });
  await run.stop(again.program);

  run.progress(`cold: ${plans.length} first requests without a spare`);
  const bare = await run.islet({ ...options, dir: fresh.dir, spares: 0 });
  const noSpare = await firsts('no spare', bare, { load, plans, spares: 0 });
  await run.stop(bare.program, load);
  return [afterDeploy, afterRestart, noSpare];
}

interface Firsts {
  readonly load: Program;
  readonly plans: readonly DeployPlan[];
  readonly spares: number;
}

/** As many spares as are kept, and then nothing for a while: whatever is asked next finds the same. */
async function rested(program: Program, spares: number): Promise<void> {
  await program.call('spares', spares);
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}

async function firsts(
  what: FirstRow['what'],
  { program, port }: { readonly program: Program; readonly port: number },
  { load, plans, spares }: Firsts,
): Promise<FirstRow> {
  const request = async (name: string): Promise<number> => {
    const { ms } = await load.call<OnceResult>('once', { port, request: get(`/${name}/`) });
    return ms;
  };
  // One function warms the whole path up first; it is not counted.
  const [guide, ...rest] = plans;
  for (let i = 0; i < 50; i++) await request(guide?.name ?? '');
  await program.call('takeStarts');
  const times: { cold: number; warm: number; hot: number }[] = [];
  for (const { name } of rest) {
    await rested(program, spares);
    const cold = await request(name);
    await rested(program, spares);
    times.push({ cold, warm: await request(name), hot: await request(name) });
  }
  const reports = await program.call<LoadedReport[]>('takeStarts');
  const spread = (key: 'cold' | 'warm' | 'hot'): Spread => spreadOf(times.map((time) => time[key]));
  const [cold, warm, hot] = [spread('cold'), spread('warm'), spread('hot')];
  return {
    what,
    cold,
    warm,
    hot,
    overWarm: cold.p50 - warm.p50,
    overHot: cold.p50 - hot.p50,
    spares: reports.filter(({ spare }) => spare).length,
    cached: reports.filter(({ cached }) => cached).length,
    load: spreadOf(reports.map(({ phases }) => phases.load)),
    topLevel: spreadOf(reports.map(({ phases }) => phases.topLevel)),
  };
}

function measureNode(count: number): Spread {
  return spreadOf(
    Array.from({ length: count }, () => {
      const began = performance.now();
      spawnSync(process.execPath, ['-e', '0']);
      return performance.now() - began;
    }),
  );
}

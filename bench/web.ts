import type { BenchRun } from './bench-run.ts';
import type { Program } from './programs.ts';
import type { WebCaseRow, WebReport } from './report.ts';

interface Weighed extends Pick<WebReport, 'bundleBytes' | 'cacheBytes' | 'bootstrap'> {
  readonly rssBytes: number;
}

/** The guest's web classes beside Node's own, and what they cost a spare. */
export async function measureWeb(run: BenchRun): Promise<WebReport> {
  const { rounds, operations, starts } = run.scale;
  const open = (): Program => run.program('web-program', { place: 'server', flags: ['--no-node-snapshot'] });
  run.progress('web: classes in a guest and in node, in turns');
  const classes = open();
  const rows = await classes.call<readonly WebCaseRow[]>('classes', { rounds, calls: operations * 20 });
  await run.stop(classes);
  const weigh = async (kind: 'blank' | 'spare'): Promise<Weighed> => {
    run.progress(`web: ${kind} isolates`);
    const program = open();
    const weighed = await program.call<Weighed>('spares', { kind, count: Math.min(50, starts) });
    await run.stop(program);
    return weighed;
  };
  const blank = await weigh('blank');
  const { bundleBytes, cacheBytes, bootstrap, rssBytes } = await weigh('spare');
  return {
    rows,
    bundleBytes,
    cacheBytes,
    bootstrap,
    blankBytes: blank.rssBytes,
    overBlankBytes: rssBytes - blank.rssBytes,
  };
}

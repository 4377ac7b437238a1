import type { BenchRun } from './bench-run.ts';
import type { WebCaseRow } from './report.ts';

/** `crypto.subtle` in a function, whose cell does the work, beside Node's own. */
export async function measureCrypto(run: BenchRun): Promise<readonly WebCaseRow[]> {
  const { rounds, operations } = run.scale;
  run.progress('crypto: calls of crypto.subtle in a function and in node, in turns');
  const program = run.program('crypto-program', { place: 'server', flags: ['--no-node-snapshot'] });
  const rows = await program.call<readonly WebCaseRow[]>('calls', { rounds, calls: operations });
  await run.stop(program);
  return rows;
}

import { get, type BenchRun } from './bench-run.ts';
import { helloSource } from './guests.ts';
import type { DensityReport, DensityStep } from './report.ts';

const GB = 2 ** 30;

/** RSS of a cell as it fills with warm hello functions. */
export async function measureDensity(run: BenchRun): Promise<DensityReport> {
  const { instances } = run.scale;
  const load = run.program('load-generator', { place: 'load' });
  const options = { warmBytes: 2 ** 34 };
  run.progress(`density: deploying ${instances} functions`);
  const first = await run.islet(options);
  await first.program.call(
    'deploy',
    Array.from({ length: instances }, (_, i) => ({
      name: `dense-${i}`,
      source: helloSource,
      manifest: { vars: { NUMBER: String(i) } },
    })),
  );
  // A deploy starts every function once for proof; a new cell has no trace of that.
  await run.stop(first.program);
  const { program, port } = await run.islet({ ...options, dir: first.dir });
  const steps: DensityStep[] = [];
  for (let count = 1; count <= instances; count++) {
    await load.call('once', { port, request: get(`/dense-${count - 1}/`) });
    if (count !== 1 && count !== instances && count % 25 !== 0) continue;
    run.progress(`density: ${count} warm instances`);
    await program.call('spares', 2);
    steps.push({ instances: count, rssBytes: await program.call<number>('rss') });
  }
  const node = run.program('node-server', { place: 'server' });
  await node.call('open');
  const nodeBytes = await node.call<number>('rss');
  await run.stop(program, node, load);
  const bytesPerInstance = slope(steps);
  return {
    steps,
    bytesPerInstance,
    instancesPerGb: bytesPerInstance > 0 ? Math.floor(GB / bytesPerInstance) : 0,
    nodeBytes,
    nodesPerGb: Math.floor(GB / nodeBytes),
  };
}

/** Least squares. */
function slope(steps: readonly DensityStep[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanCount = mean(steps.map(({ instances }) => instances));
  const meanBytes = mean(steps.map(({ rssBytes }) => rssBytes));
  const over = steps.reduce((sum, s) => sum + (s.instances - meanCount) * (s.rssBytes - meanBytes), 0);
  const under = steps.reduce((sum, s) => sum + (s.instances - meanCount) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

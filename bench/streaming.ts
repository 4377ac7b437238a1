import { get, type BenchRun } from './bench-run.ts';
import { pipeSource } from './guests.ts';
import { median } from './histogram.ts';
import type { StreamingReport } from './report.ts';

/** MB/s of a body that goes in and comes out again. */
export async function measureStreaming(run: BenchRun): Promise<StreamingReport> {
  const bytes = run.scale.streamBytes;
  const load = run.program('load-generator', { place: 'load' });
  const node = run.program('node-server', { place: 'server' });
  const nodePort = (await node.call<{ port: number }>('open')).port;
  const { program, port } = await run.islet();
  const most = 16 * 2 ** 30;
  await program.call('deploy', [
    {
      name: 'pipe',
      source: pipeSource,
      manifest: {
        limits: { requestBodyBytes: most, responseBodyBytes: most, cpuMs: 60_000, wallMs: 600_000 },
      },
    },
  ]);
  const rate = async (plan: { readonly port: number; readonly path: string }): Promise<number> => {
    const ms = await load.call<number>('stream', { ...plan, bytes });
    return bytes / 2 ** 20 / (ms / 1000);
  };
  await load.call('once', { port, request: get('/pipe/') });
  const own: number[] = [];
  const bare: number[] = [];
  for (let round = 1; round <= Math.min(3, run.scale.rounds); round++) {
    run.progress(`streaming: round ${round}`);
    bare.push(await rate({ port: nodePort, path: '/pipe' }));
    own.push(await rate({ port, path: '/pipe/' }));
  }
  await run.stop(program, node, load);
  return { bytes, isletMbPerSecond: median(own), nodeMbPerSecond: median(bare) };
}

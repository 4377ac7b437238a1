import type { BenchRun } from './bench-run.ts';
import { socketSource } from './guests.ts';
import { median } from './histogram.ts';
import type { EchoFigures, SocketsReport } from './report.ts';

/** Echoes over WebSockets: a function's beside those of ws alone, in turns. */
export async function measureSockets(run: BenchRun): Promise<SocketsReport> {
  const { connections, warmupMs, measureMs, rounds } = run.scale;
  const load = run.program('socket-load', { place: 'load' });
  const bare = run.program('socket-server', { place: 'server' });
  const wsPort = (await bare.call<{ port: number }>('open')).port;
  const { program, port } = await run.islet();
  const manifest = { limits: { cpuMs: 60_000 } };
  await program.call('deploy', [{ name: 'sockets', source: socketSource, manifest }]);
  const rows = [];
  for (const count of [1, connections]) {
    const own: EchoFigures[] = [];
    const others: EchoFigures[] = [];
    for (let round = 1; round <= Math.min(3, rounds); round++) {
      run.progress(`sockets: ${count} at once, round ${round}`);
      const plan = { connections: count, warmupMs, measureMs };
      others.push(await load.call<EchoFigures>('echo', { ...plan, port: wsPort, path: '/' }));
      own.push(await load.call<EchoFigures>('echo', { ...plan, port, path: '/sockets/' }));
    }
    rows.push({ connections: count, islet: middle(own), ws: middle(others) });
  }
  await run.stop(program, bare, load);
  return { rows };
}

function middle(figures: readonly EchoFigures[]): EchoFigures {
  return {
    perSecond: median(figures.map(({ perSecond }) => perSecond)),
    p50: median(figures.map(({ p50 }) => p50)),
    p99: median(figures.map(({ p99 }) => p99)),
  };
}

import { get, getAsBrowser, post, type BenchRun } from './bench-run.ts';
import { echoSource, helloSource, lambdaSource } from './guests.ts';
import { median } from './histogram.ts';
import type { LoadPlan } from './load-generator.ts';
import type { Program } from './programs.ts';
import type { Ratio, WarmReport } from './report.ts';
import { loaded, toRow, type Measured } from './turns.ts';

interface Subject {
  readonly what: string;
  readonly connections: number;
  readonly measure: () => Promise<Measured>;
}

export const helloRow = 'islet hello';
export const nodeRow = 'node:http hello';

/** Throughput and latency of warm functions. islet and node:http take turns, so both see the same machine. */
export async function measureWarm(run: BenchRun): Promise<WarmReport> {
  const load = run.program('load-generator', { place: 'load' });
  const node = run.program('node-server', { place: 'server' });
  const nodePort = (await node.call<{ port: number }>('open')).port;
  const { program: islet, port } = await run.islet();
  await islet.call('deploy', [
    { name: 'hello', source: helloSource },
    { name: 'lambda', source: lambdaSource },
    { name: 'echo', source: echoSource },
  ]);
  const { connections, warmupMs, measureMs } = run.scale;
  const subject = (
    what: string,
    server: Program,
    plan: Pick<LoadPlan, 'port' | 'request'>,
    many = connections,
  ): Subject => ({
    what,
    connections: many,
    measure: () =>
      loaded(load, () => server.call('cpu'), { ...plan, connections: many, warmupMs, measureMs }),
  });
  const kilobyte = JSON.stringify({
    items: Array.from({ length: 16 }, (_, i) => ({ id: i, text: 'x'.repeat(40) })),
  });
  const subjects: readonly Subject[] = [
    subject(nodeRow, node, { port: nodePort, request: get('/') }),
    subject(helloRow, islet, { port, request: get('/hello/') }),
    subject('node:http, a browser’s headers', node, { port: nodePort, request: getAsBrowser('/') }),
    subject('islet, a browser’s headers', islet, { port, request: getAsBrowser('/hello/') }),
    subject('islet lambda handler', islet, { port, request: get('/lambda/') }),
    subject('node:http echo, 1 KB JSON', node, { port: nodePort, request: post('/echo', kilobyte) }),
    subject('islet echo, 1 KB JSON', islet, { port, request: post('/echo/', kilobyte) }),
    subject('node:http hello, alone', node, { port: nodePort, request: get('/') }, 1),
    subject('islet hello, alone', islet, { port, request: get('/hello/') }, 1),
    {
      what: 'islet hello, host.fetch',
      connections,
      measure: () => islet.call('embedded', { name: 'hello', lanes: connections, warmupMs, measureMs }),
    },
  ];
  const results = subjects.map((): Measured[] => []);
  for (let round = 1; round <= run.scale.rounds; round++) {
    run.progress(`warm: round ${round} of ${run.scale.rounds}`);
    for (const [i, { measure }] of subjects.entries()) results[i]?.push(await measure());
  }
  await run.stop(load, node, islet);
  return {
    connections,
    rows: subjects.map(({ what, connections }, i) => toRow(what, connections, results[i] ?? [])),
    ratio: toRatio(results[0] ?? [], results[1] ?? []),
  };
}

function toRatio(node: readonly Measured[], islet: readonly Measured[]): Ratio {
  const cpuOf = (result: Measured | undefined): number =>
    (result?.hostCpuMicros ?? 0) + (result?.cellCpuMicros ?? 0);
  const throughput = islet.map((own, i) => own.requestsPerSecond / (node[i]?.requestsPerSecond ?? 1));
  const cpu = islet.map((own, i) => cpuOf(node[i]) / cpuOf(own));
  return { throughput, throughputMedian: median(throughput), cpu, cpuMedian: median(cpu) };
}

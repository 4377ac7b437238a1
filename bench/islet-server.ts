import { createHost } from '#host/create-host.ts';
import type { Host, HostOptions } from '#host/host.ts';
import type { LoadedReport } from '#runtime/frames.ts';
import { cpuMsOf, ownCpuMs } from './cpu.ts';
import { serveTasks } from './tasks.ts';

export interface OpenPlan {
  readonly options: HostOptions;
}

export interface DeployPlan {
  readonly name: string;
  readonly source: string;
  readonly manifest?: Readonly<Record<string, unknown>>;
}

let host: Host | undefined;
let starts: LoadedReport[] = [];

function running(): Host {
  if (host === undefined) throw new Error('Cannot use the host: open it first');
  return host;
}

async function open(plan: OpenPlan): Promise<{ port: number }> {
  host = await createHost(
    {
      ...plan.options,
      log: ({ level, message }) => {
        if (level !== 'info') process.stderr.write(`islet ${level}: ${message}\n`);
      },
    },
    { started: (_, report) => starts.push(report) },
  );
  const { url } = await host.listen({ port: 0, adminPort: false });
  return { port: Number(new URL(url).port) };
}

async function deploy(plan: DeployPlan): Promise<void> {
  const { name, source, manifest = {} } = plan;
  await running().deploy({ files: { 'index.js': source } }, { name, manifest });
}

/** CPU of the host and of each cell so far, in ms. */
async function cpu(): Promise<{ host: number; cells: number }> {
  const { cells } = await running().health();
  return { host: ownCpuMs(), cells: cells.reduce((sum, { pid }) => sum + (cpuMsOf(pid) ?? 0), 0) };
}

serveTasks({ open, deploy, cpu });

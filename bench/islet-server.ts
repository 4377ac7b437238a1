import process from 'node:process';
import { createHost } from '#host/create-host.ts';
import type { CellInfo, Host, HostOptions } from '#host/host.ts';
import { HostError } from '#runtime/errors.ts';
import type { LoadedReport } from '#runtime/frames.ts';
import { cpuMsOf, ownCpuMs, type CpuUse } from './cpu.ts';
import { Histogram } from './histogram.ts';
import type { LoadResult } from './load-generator.ts';
import { serveTasks } from './tasks.ts';

export interface DeployPlan {
  readonly name: string;
  /** index.js, or `files` instead of it. */
  readonly source?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export interface EmbeddedPlan {
  readonly name: string;
  readonly lanes: number;
  readonly warmupMs: number;
  readonly measureMs: number;
}

let host: Host | undefined;
let starts: LoadedReport[] = [];

function running(): Host {
  if (host === undefined) throw new Error('Cannot use the host: open it first');
  return host;
}

async function open(options: HostOptions): Promise<{ port: number }> {
  const log: HostOptions['log'] = ({ level, message }) => {
    if (level !== 'info') process.stderr.write(`islet ${level}: ${message}\n`);
  };
  host = await createHost({ ...options, log }, { started: (_, report) => starts.push(report) });
  const { url } = await host.listen({ port: 0, adminPort: false });
  await until((cells) => cells.every(({ state }) => state === 'ready'));
  return { port: Number(new URL(url).port) };
}

async function close(): Promise<void> {
  await host?.close();
  host = undefined;
}

async function deploy(plans: readonly DeployPlan[]): Promise<void> {
  for (const { name, source = '', files = { 'index.js': source }, manifest = {} } of plans)
    await running().deploy({ files }, { name, manifest });
}

/** The same, but gives the message where an interpreter or the addon is missing. */
async function tryDeploy(plans: readonly DeployPlan[]): Promise<string | undefined> {
  try {
    await deploy(plans);
    return undefined;
  } catch (error) {
    if (error instanceof HostError && ['ERR_NO_INTERPRETER', 'ERR_NO_WASM'].includes(error.code))
      return error.message;
    throw error;
  }
}

/** Resolves when every cell has this many spares. */
async function spares(count: number): Promise<void> {
  await until((cells) => cells.every(({ spares }) => spares >= count));
}

async function until(holds: (cells: readonly CellInfo[]) => boolean): Promise<void> {
  const late = performance.now() + 20_000;
  for (;;) {
    const { cells } = await running().health();
    if (cells.length > 0 && holds(cells)) return;
    if (performance.now() > late) throw new Error(`The cells did not become ready: ${JSON.stringify(cells)}`);
  }
}

/** What the cells reported of each start since the last call. */
function takeStarts(): readonly LoadedReport[] {
  const taken = starts;
  starts = [];
  return taken;
}

async function cpu(): Promise<CpuUse> {
  const { cells } = await running().health();
  const used = cells.map(({ pid }) => cpuMsOf(pid));
  if (used.includes(undefined)) return { hostMs: ownCpuMs() };
  return { hostMs: ownCpuMs(), cellsMs: used.reduce<number>((sum, ms) => sum + (ms ?? 0), 0) };
}

async function rss(): Promise<number> {
  const { cells } = await running().health();
  return cells.reduce((sum, { rssBytes }) => sum + rssBytes, 0);
}

/** `host.fetch` from this very process, in lanes that each wait for their answer. */
async function embedded(plan: EmbeddedPlan): Promise<LoadResult> {
  const histogram = new Histogram();
  const from = performance.now() + plan.warmupMs;
  const to = from + plan.measureMs;
  let errors = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const began = performance.now();
      const response = await running().fetch(plan.name, new Request('http://bench.localhost/'));
      await response.text();
      const ended = performance.now();
      if (ended >= to) return;
      if (response.status !== 200) errors++;
      else if (ended >= from) histogram.add((ended - began) * 1000);
    }
  };
  await Promise.all(Array.from({ length: plan.lanes }, lane));
  return {
    requestsPerSecond: histogram.count / (plan.measureMs / 1000),
    requests: histogram.count,
    errors,
    latencyMs: histogram.spreadMs(),
  };
}

serveTasks({ open, close, deploy, tryDeploy, spares, takeStarts, cpu, rss, embedded });

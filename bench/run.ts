import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { measureAuth } from './auth.ts';
import { BenchRun } from './bench-run.ts';
import { toSvg } from './chart.ts';
import { measureCold } from './cold.ts';
import { measureDensity } from './density.ts';
import { measureKv } from './kv.ts';
import { currentLoad, describeMachine, listVersions } from './machine.ts';
import { parseCommandLine, parts, scales, usage, type BenchOptions, type CommandLine } from './options.ts';
import { canPin } from './programs.ts';
import type { BenchReport } from './report.ts';
import { measureSockets } from './sockets.ts';
import { measureStreaming } from './streaming.ts';
import { toText } from './tables.ts';
import { measureWarm } from './warm.ts';
import { measureCrypto } from './crypto.ts';
import { measureWeb } from './web.ts';
import { measureWasm } from './wasm.ts';

export type { BenchOptions } from './options.ts';
export type { BenchReport } from './report.ts';

/**
 * Measures this machine and writes islet-bench.json and islet-bench.svg. Takes some minutes at size `full`. Rejects
 * when a function under test does not answer as it must, or a file cannot be written.
 */
export async function runBench(options: BenchOptions = {}): Promise<BenchReport> {
  const { only = parts, size = 'full', progress = () => undefined } = options;
  const out = resolve(options.out ?? join('bench', 'out'));
  await mkdir(out, { recursive: true });
  const loadBefore = currentLoad();
  const run = await BenchRun.open({ scale: scales[size], pin: canPin(), progress });
  try {
    const measured = {
      ...(only.includes('cold') ? { cold: await measureCold(run) } : {}),
      ...(only.includes('warm') ? { warm: await measureWarm(run) } : {}),
      ...(only.includes('density') ? { density: await measureDensity(run) } : {}),
      ...(only.includes('kv') ? { kv: await measureKv(run) } : {}),
      ...(only.includes('auth') ? { auth: await measureAuth(run) } : {}),
      ...(only.includes('streaming') ? { streaming: await measureStreaming(run) } : {}),
      ...(only.includes('sockets') ? { sockets: await measureSockets(run) } : {}),
      ...(only.includes('web') ? { web: await measureWeb(run) } : {}),
      ...(only.includes('crypto') ? { crypto: await measureCrypto(run) } : {}),
      ...(only.includes('wasm') ? await wasmOf(run) : {}),
    };
    const report: BenchReport = {
      format: 1,
      date: new Date().toISOString(),
      size,
      machine: { ...describeMachine(), loadBefore, loadAfter: currentLoad() },
      versions: listVersions(),
      pinned: run.pin,
      ...measured,
    };
    await writeFile(join(out, 'islet-bench.json'), `${JSON.stringify(report, null, 2)}\n`);
    await writeFile(join(out, 'islet-bench.svg'), toSvg(report));
    return report;
  } finally {
    await run.close();
  }
}

async function wasmOf(run: BenchRun): Promise<Pick<BenchReport, 'wasm'>> {
  const wasm = await measureWasm(run);
  return wasm === undefined ? {} : { wasm };
}

/** Says what is wrong with it, for exit code 2, and gives undefined. */
function readCommandLine(words: readonly string[]): CommandLine | undefined {
  try {
    return parseCommandLine(words);
  } catch (error) {
    process.stderr.write(`islet bench: ${(error as Error).message}\nislet bench --help tells more\n`);
    process.exitCode = 2;
    return undefined;
  }
}

async function main(words: readonly string[]): Promise<void> {
  const line = readCommandLine(words);
  if (line === undefined) return;
  const { options, json, help } = line;
  if (help) {
    process.stdout.write(usage);
    return;
  }
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  const report = await runBench({ ...options, progress });
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : toText(report));
}

if (import.meta.main)
  main(process.argv.slice(2)).catch((error: unknown) => {
    process.stderr.write(
      `islet bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
    process.exitCode = 1;
  });

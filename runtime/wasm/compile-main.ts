// oxlint-disable-next-line no-restricted-imports -- writes to the descriptor its parent opened; it has no right to open any
import { writeSync } from 'node:fs';
// oxlint-disable-next-line no-restricted-imports -- the pipe it inherits, as a cell's main has one
import { Socket } from 'node:net';
import process from 'node:process';
import { loadAddon } from './addon.ts';
import type { CompileReport } from './compile-report.ts';

/**
 * Program of a process that compiles one module and ends. Started by the host (host/cells/wasm-process.ts) with no
 * environment and no rights but to read this package, dropped before the first byte of the module comes: what it is
 * given is the guest's, and may kill it. Arguments: `describe`, or `compile`, the most bytes of memory (RSS) and the most
 * ms of CPU it may take. Descriptor 3: the module, until its end; then the report, one line of JSON. Descriptor 4: the
 * artifact.
 */
const channelDescriptor = 3;
const artifactDescriptor = 4;
const watchMs = 20;

const addon = loadAddon();
if ('drop' in process.permission) process.permission.drop('fs');
const channel = new Socket({ fd: channelDescriptor, readable: true, writable: true, allowHalfOpen: true });
channel.on('error', () => process.exit(1));
const [mode = '', mostBytes = '', mostCpuMs = ''] = process.argv.slice(2);
void run().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});

async function run(): Promise<void> {
  if (!addon.ok) return report({ kind: 'absent', reason: addon.reason });
  const { native } = addon;
  if (mode === 'describe')
    return report({ kind: 'addon', engineHash: native.engineHash(), sourceHash: native.sourceHash() });
  const module = await readAll();
  watch({ bytes: Number(mostBytes), cpuMs: Number(mostCpuMs) });
  const compiled = await native.compile(module);
  if (!compiled.ok) {
    const { reason, message, missing } = compiled;
    return report({ kind: 'refused', reason, message, missing });
  }
  const { artifact, guest } = compiled;
  for (let at = 0; at < artifact.length;) at += writeSync(artifactDescriptor, artifact, at);
  return report({ kind: 'made', guest, bytes: artifact.length });
}

function readAll(): Promise<Buffer> {
  const pieces: Buffer[] = [];
  channel.on('data', (piece: Buffer) => pieces.push(piece));
  return new Promise((resolve) => {
    channel.on('end', () => resolve(Buffer.concat(pieces)));
  });
}

/** The compiler's threads leave this one free, so it sees how much they take. */
function watch(most: { readonly bytes: number; readonly cpuMs: number }): void {
  const timer = setInterval(() => {
    const { user, system } = process.cpuUsage();
    const limit =
      process.memoryUsage.rss() > most.bytes
        ? 'memory'
        : (user + system) / 1000 > most.cpuMs
          ? 'cpu'
          : undefined;
    if (limit === undefined) return;
    clearInterval(timer);
    report({ kind: 'exceeded', limit });
  }, watchMs);
  timer.unref();
}

/** The last thing this process does: threads that still compile do not keep it. */
function report(line: CompileReport): void {
  channel.end(`${JSON.stringify(line)}\n`, () => process.kill(process.pid, 'SIGKILL'));
}

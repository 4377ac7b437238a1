import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cpuMsOf } from './cpu.ts';

/** `wasmtime serve` with the component, on the core that servers have. */
export interface WasmtimeServer extends AsyncDisposable {
  readonly version: string;
  readonly port: number;
  /** CPU so far, in ms; undefined where the system does not tell. */
  cpuMs(): number | undefined;
}

/**
 * Starts it and waits until it answers; undefined where there is no program `wasmtime` on PATH. Rejects when there is
 * one and it does not serve.
 */
export async function openWasmtime(options: {
  readonly component: string;
  readonly folder: string;
  readonly pin: boolean;
}): Promise<WasmtimeServer | undefined> {
  const version = await versionOf();
  if (version === undefined) return undefined;
  const file = join(options.folder, 'hello.wat');
  await writeFile(file, options.component);
  const port = await freePort();
  const words = ['wasmtime', 'serve', '-W', 'component-model', '--addr', `127.0.0.1:${port}`, file];
  const [command = '', ...rest] = options.pin ? ['taskset', '-c', '0', ...words] : words;
  const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  try {
    await answers(port, child);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`wasmtime does not serve: ${said || (error as Error).message}`, { cause: error });
  }
  return {
    version,
    port,
    cpuMs: () => (child.pid === undefined ? undefined : cpuMsOf(child.pid)),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

async function versionOf(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('wasmtime', ['--version']);
    return stdout.trim();
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  for (const late = performance.now() + 30_000; performance.now() < late; await sleep(50)) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    const response = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (response?.status === 200) return;
  }
  throw new Error('no answer within 30 s');
}

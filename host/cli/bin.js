#!/usr/bin/env node
// Plain JavaScript that Node 20 can read: in a clone it hands over to the Node 24 or newer that npm installed there.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const file = fileURLToPath(import.meta.url);
const root = join(dirname(file), '..', '..');
const least = 24;

if (Number(process.versions.node.split('.')[0]) >= least) {
  // Node strips no types under node_modules: the package runs what was built, a clone runs its source.
  const built = join(root, 'dist', 'host', 'cli', 'main.js');
  const source = join(root, 'host', 'cli', 'main.ts');
  const installed = root.split(sep).includes('node_modules') || !existsSync(source);
  const { main } = await import(pathToFileURL(installed ? built : source).href);
  await main();
} else {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(own) && process.env.ISLET_LAUNCHER === undefined) {
    handOver(own);
  } else {
    process.stderr.write(`islet needs Node ${least} or newer; this is Node ${process.versions.node}\n`);
    process.exitCode = 1;
  }
}

/** Runs the same command line on another node. The IPC channel tells it when this process is gone. */
function handOver(node) {
  const child = spawn(node, [file, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ISLET_LAUNCHER: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`islet cannot start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 1;
    if (child.connected) child.disconnect();
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
    if (signal !== null) process.kill(process.pid, signal);
  });
}

import { spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Verb } from '../verb.ts';

export const bench: Verb = {
  name: 'bench',
  summary: 'Measure cold starts, throughput and density on this machine',
  operands: '[flags of the bench]',
  count: { least: 0, most: 0 },
  flags: {},
  passThrough: true,
  run(args, context) {
    // bench/run.ts in a clone, dist/bench/run.js in the package: as far from here, and of the same kind.
    const file = fileURLToPath(new URL(`../../../bench/run${extname(import.meta.url)}`, import.meta.url));
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [file, ...args.operands], { stdio: 'inherit' });
      const stop = (): void => void child.kill('SIGTERM');
      context.signal.addEventListener('abort', stop, { once: true });
      child.on('error', reject);
      child.on('exit', (code) => resolve(code ?? 1));
    });
  },
};

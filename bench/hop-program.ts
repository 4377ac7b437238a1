import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { median } from './histogram.ts';
import { serveTasks } from './tasks.ts';

/**
 * What the way to another process and back costs in bare node: 120 bytes over a socket pair, as a cell has one, to a
 * process that sends them back. An operation of a guest cannot take less. With `dir` the core has waited for a sync of that
 * disk before each, as it has in a durable put: a core that waited wakes up slowly.
 */
async function hop({ count, dir }: { readonly count: number; readonly dir?: string }): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'echo'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const socket = child.stdio[3] as Socket;
  const frame = Buffer.alloc(120, 'f');
  const page = Buffer.alloc(4096);
  const micros: number[] = [];
  const sync = dir === undefined ? undefined : openSync(join(dir, 'hop.dat'), 'w');
  for (let i = 0; i < count; i++) {
    if (sync !== undefined) {
      writeSync(sync, page.fill(i), 0, page.length, 0);
      fdatasyncSync(sync);
    }
    const began = performance.now();
    socket.write(frame);
    await once(socket, 'data');
    micros.push((performance.now() - began) * 1000);
  }
  if (sync !== undefined) closeSync(sync);
  socket.destroy();
  await once(child, 'exit');
  return median(micros);
}

function echo(): void {
  const socket = new Socket({ fd: 3, readable: true, writable: true });
  socket.on('data', (bytes) => socket.write(bytes));
  socket.on('close', () => process.exit());
}

if (process.argv[2] === 'echo') echo();
else serveTasks({ hop });

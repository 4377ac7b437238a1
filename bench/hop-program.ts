import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { median } from './histogram.ts';
import { serveTasks } from './tasks.ts';

/**
 * What the way to another process and back costs in bare node: 120 bytes over a socket pair, as a cell has one, to a
 * process that sends them back. An operation of a guest cannot take less.
 */
async function hop({ count }: { readonly count: number }): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'echo'], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const socket = child.stdio[3] as Socket;
  const frame = Buffer.alloc(120, 'f');
  const micros: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    socket.write(frame);
    await once(socket, 'data');
    micros.push((performance.now() - began) * 1000);
  }
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

import process from 'node:process';
import { memoryPipes } from '#runtime/channel.ts';
import type { CellProcess } from './process.ts';

/**
 * The cell's program inside this process, behind a pipe in memory: `isolation: 'none'`. For trusted code and for
 * tests; loads isolated-vm into this process, which must then run with --no-node-snapshot where Node asks for it.
 */
export async function openInProcessCell(): Promise<CellProcess> {
  const { Cell } = await import('#runtime/cell.ts');
  const { near, far } = memoryPipes();
  const cell: object = new Cell(far, { exit: () => undefined });
  return {
    pid: process.pid,
    pipe: near,
    kill: () => {
      near.close();
      void cell;
    },
    lastWords: () => '',
  };
}

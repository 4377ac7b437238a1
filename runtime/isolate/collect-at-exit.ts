import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let isPlanned = false;

/**
 * For processes that end by themselves and have isolates: isolated-vm aborts one (`environment != nullptr`) when V8 collects
 * handles of isolates after node has begun to take the process apart. So they are collected right before.
 */
export function collectAtExit(): void {
  if (isPlanned) return;
  isPlanned = true;
  process.once('exit', () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    collect();
  });
}

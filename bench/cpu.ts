import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** CPU a server has used so far, in ms. `cellsMs` is absent where the system does not tell. */
export interface CpuUse {
  readonly hostMs: number;
  readonly cellsMs?: number;
}

/** User and system time this process has used, in ms. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The same of another process; undefined where there is no /proc. */
export function cpuMsOf(pid: number): number | undefined {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    // schedstat counts nanoseconds, thread by thread; `stat` would count ticks of 10 ms.
    const of = (thread: string): number =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
    return threads.reduce((sum, thread) => sum + of(thread), 0) / 1e6;
  } catch {
    return undefined;
  }
}

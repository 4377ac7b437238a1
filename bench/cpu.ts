import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** User and system time this process has used, in ms. */
export function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The same of another process, from its scheduler's books; undefined where there is no /proc. */
export function cpuMsOf(pid: number): number | undefined {
  try {
    let sum = 0;
    // schedstat counts nanoseconds on the processor, one thread each; `stat` would count ticks of 10 ms.
    for (const thread of threadsOf(pid)) sum += Number(readFileSync(thread, 'utf8').split(' ')[0]);
    return sum / 1e6;
  } catch {
    return undefined;
  }
}

function threadsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
}

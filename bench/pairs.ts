import type { BenchRun } from './bench-run.ts';
import { median } from './histogram.ts';
import type { Program } from './programs.ts';
import type { Ratio } from './report.ts';
import { loaded, type Measured, type Subject } from './turns.ts';

/** Length of a turn, in ms: what else runs on the machine changes more slowly. */
const turnMs = 400;

/**
 * Two servers in short turns, `own` right after `beside`, many times: the ratio of each pair, and their median. Rounds of
 * seconds would compare two moments of a shared machine rather than two servers.
 */
export async function measurePairs(options: {
  readonly run: BenchRun;
  readonly load: Program;
  readonly label: string;
  readonly beside: Subject;
  readonly own: Subject;
}): Promise<Ratio> {
  const { run, load, label, beside, own } = options;
  const { connections, pairs, warmupMs } = run.scale;
  const turn = (subject: Subject, before: number): Promise<Measured> =>
    loaded(load, subject.cpu, { ...subject.plan, connections, warmupMs: before, measureMs: turnMs });
  run.progress(`${label}: ${pairs} pairs of turns`);
  for (const subject of [beside, own]) await turn(subject, warmupMs);
  const throughput: number[] = [];
  const cpu: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const [theirs, ours] = [await turn(beside, 0), await turn(own, 0)];
    throughput.push(ours.requestsPerSecond / theirs.requestsPerSecond);
    cpu.push(cpuOf(theirs) / cpuOf(ours));
  }
  return { throughput, throughputMedian: median(throughput), cpu, cpuMedian: median(cpu) };
}

function cpuOf({ hostCpuMicros = 0, cellCpuMicros = 0 }: Measured): number {
  return hostCpuMicros + cellCpuMicros;
}

import type { InvokeResult, LogEntry } from '#host/host.ts';

/** Lambda's words for levels. */
const levels: Readonly<Record<LogEntry['level'], string>> = {
  debug: 'DEBUG',
  log: 'INFO',
  info: 'INFO',
  warn: 'WARN',
  error: 'ERROR',
  system: 'INFO',
};

/**
 * One invocation's log as CloudWatch shows it: START, the lines, END, and the REPORT with durations in ms rounded as
 * Lambda does (billed up to the next whole one) and memory in MB.
 */
export function lambdaLog(
  result: InvokeResult,
  options: { readonly memoryMb: number; readonly failure: object | undefined },
): string {
  const { invocationId: id, usage } = result;
  const lines = result.logs.map(
    (entry) => `${new Date(entry.at).toISOString()}\t${id}\t${levels[entry.level]}\t${entry.message}\n`,
  );
  if (options.failure !== undefined) {
    const at = new Date(result.logs.at(-1)?.at ?? Date.now()).toISOString();
    lines.push(`${at}\t${id}\tERROR\tInvoke Error\t${JSON.stringify(options.failure)}\n`);
  }
  const report = [
    `REPORT RequestId: ${id}`,
    `Duration: ${usage.wallMs.toFixed(2)} ms`,
    `Billed Duration: ${Math.max(1, Math.ceil(usage.wallMs))} ms`,
    `Memory Size: ${options.memoryMb} MB`,
    `Max Memory Used: ${Math.ceil(usage.peakMemoryBytes / 2 ** 20)} MB`,
    '',
  ];
  return [
    `START RequestId: ${id} Version: ${result.version}\n`,
    ...lines,
    `END RequestId: ${id}\n`,
    `${report.join('\t')}\n`,
  ].join('');
}

import { isletVersion } from '#host/version.ts';
import { Terminal } from './terminal.ts';
import { runCli } from './run.ts';

/** Two signals closer than this are one: npm and a launcher pass on what the terminal sent to all already. */
const echoMs = 300;

/** The `islet` command: wires the process to runCli and exits with its code. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const terminal = new Terminal(process);
  const stop = new AbortController();
  onStop(stop);
  // A reader that has seen enough, as in `islet logs | head`, is no failure.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  }
  const env = process.env;
  const code = await runCli(argv, {
    terminal,
    env,
    cwd: process.cwd(),
    version: isletVersion(),
    signal: stop.signal,
  });
  await terminal.flush();
  process.exit(code);
}

/** The first signal asks, the second one ends the process. */
function onStop(stop: AbortController): void {
  let askedAt: number | undefined;
  const handle = (): void => {
    const now = performance.now();
    if (askedAt !== undefined && now - askedAt > echoMs) process.exit(130);
    askedAt ??= now;
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, handle);
  if (process.env['ISLET_LAUNCHER'] === undefined) return;
  delete process.env['ISLET_LAUNCHER'];
  // bin.js on an older Node started this process; when it is gone, so is whoever asked.
  process.once('disconnect', handle);
  process.channel?.unref();
}

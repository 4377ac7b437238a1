import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Host, Listening, LogEntry } from '#host/host.ts';
import { readJsonc } from '#host/deploy/jsonc.ts';
import { HostError } from '#runtime/errors.ts';
import type { Arguments } from '../arguments.ts';
import { defaultDir } from '../locate.ts';
import { nameSource } from '../source-name.ts';
import { changes } from '../watch.ts';
import type { Verb } from '../verb.ts';
import { jsonFlag } from '../verb.ts';
import { toPerson, toProgram } from './dev-report.ts';
import type { DevReport } from './dev-report.ts';
import { hostFlags, openHost, portsOf } from './host.ts';

export const dev: Verb = {
  name: 'dev',
  summary: 'Run a function from source: redeploys on save, logs inline',
  operands: 'PATH',
  count: { least: 1, most: 1 },
  flags: {
    name: {
      type: 'string',
      value: 'NAME',
      help: 'Default: what islet.json says, else the name of the folder',
    },
    ...hostFlags,
    dir: {
      type: 'string',
      value: 'DIR',
      help: 'Data directory. Default: .islet/dev, so that it runs beside a host',
    },
    ...jsonFlag,
  },
  details: [
    'A source that does not build or start is reported; what ran before goes on answering.',
    'With --json every event is one object a line on stdout, its kind is listening, deployed, failed or log.',
  ],
  examples: ['islet dev ./shop', 'islet dev hello.ts --port 3000'],
  async run(args, context) {
    const { terminal, signal } = context;
    const path = resolve(context.cwd, args.operand(0));
    const name = await nameSource(path, args.text('name'));
    const dir = resolve(context.cwd, args.text('dir') ?? join(defaultDir, 'dev'));
    await using running = await terminal.during('starting', openHost(args, { dir, context }));
    const listening = await listen(running.host, args);
    const report = args.is('json') ? toProgram(terminal) : toPerson(terminal);
    report.listening(name, listening, dir);

    const logs = showLogs(running.host, { name, report, signal });
    const deploy = async (): Promise<void> => {
      const began = performance.now();
      try {
        const { version } = await running.host.deploy(path, { name });
        report.deployed(version, performance.now() - began);
      } catch (error) {
        if (!(error instanceof HostError)) throw error;
        report.failed(error);
      }
    };
    await deploy();
    for await (const _ of changes(path, signal, () => assetsFolder(path))) await deploy();
    await logs;
    return 0;
  },
};

/** The folder of static files as islet.json has it at this moment; its files are watched wherever they lie. */
function assetsFolder(path: string): string | undefined {
  try {
    const { assets } = readJsonc(readFileSync(join(path, 'islet.json'), 'utf8')).value as {
      assets?: unknown;
    };
    const dir = typeof assets === 'string' ? assets : (assets as { dir?: unknown } | undefined)?.dir;
    return typeof dir === 'string' ? dir.replace(/^\.\/|\/+$/g, '') : undefined;
  } catch {
    // Missing or being written; the deployment says what is wrong with it.
    return undefined;
  }
}

/** On the ports asked for; where none was, free ones when the usual ones are taken. */
async function listen(host: Host, args: Arguments): Promise<Listening> {
  const ports = portsOf(args);
  try {
    return await host.listen(ports);
  } catch (error) {
    const taken = error instanceof HostError && error.code === 'ERR_PORT_IN_USE';
    if (!taken || ports.port !== undefined || ports.adminPort !== undefined) throw error;
    return host.listen({ port: 0, adminPort: 0 });
  }
}

async function showLogs(
  host: Host,
  {
    name,
    report,
    signal,
  }: { readonly name: string; readonly report: DevReport; readonly signal: AbortSignal },
): Promise<void> {
  const lines: AsyncIterable<LogEntry> = host.logs({ function: name, follow: true, tail: 0, signal });
  for await (const entry of lines) report.log(entry);
}

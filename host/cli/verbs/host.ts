import { join, resolve } from 'node:path';
import type { Host, HostLogLine, HostOptions, Listening } from '#host/host.ts';
import type { Arguments } from '../arguments.ts';
import { deployExamples } from '../examples.ts';
import type { ExampleOptions } from '../examples.ts';
import { defaultDir } from '../locate.ts';
import type { Terminal } from '../terminal.ts';
import { visible } from '../terminal.ts';
import type { Context, Flag, Verb } from '../verb.ts';
import { jsonFlag } from '../verb.ts';

/** Flags of every verb that starts a host. */
export const hostFlags: Readonly<Record<string, Flag>> = {
  port: { type: 'string', value: 'N', help: 'Port of the gateway. Default 8787; 0 takes a free one' },
  'admin-port': {
    type: 'string',
    value: 'N',
    help: 'Port of the admin API. Default 8788; 0 takes a free one',
  },
  dir: { type: 'string', value: 'DIR', help: 'Data directory: store, token, keys. Default: .islet' },
  cells: { type: 'string', value: 'N', help: 'Cell processes. Default: the number of cores' },
  sandbox: { type: 'string', value: 'LEVEL', help: 'auto, require or off; see islet doctor. Default: auto' },
  store: {
    type: 'string',
    value: 'STORE',
    help: 'sqlite, or the path of a file as ./islet.db. Default: sqlite',
  },
  smtp: {
    type: 'string',
    value: 'URL',
    help: 'Mail server, smtp://… or smtps://…; or ISLET_SMTP_URL. Default: mails are files under DIR/mail',
  },
  'mail-from': { type: 'string', value: 'ADDR', help: 'Sender of mails; or ISLET_MAIL_FROM' },
  'public-url': {
    type: 'string',
    value: 'URL',
    help: 'Where people reach the gateway, for links in mails; or ISLET_PUBLIC_URL',
  },
  forbid: {
    type: 'string',
    value: 'LIST',
    help: 'What no manifest may have under allow, e.g. eval,runningClock',
  },
  'trust-proxy': {
    type: 'boolean',
    help: 'Behind one reverse proxy: believe its x-forwarded-for and x-forwarded-proto',
  },
  'no-private-egress': {
    type: 'boolean',
    help: 'Refuse private addresses to fetch, also where a manifest names them',
  },
};

const mostPort = 65_535;

export const host: Verb = {
  name: 'host',
  summary: 'Run a host: the gateway and the admin API, until Ctrl-C',
  operands: '',
  count: { least: 0, most: 0 },
  flags: {
    ...hostFlags,
    examples: { type: 'boolean', help: 'Deploy the examples of the clone that are not there yet' },
    ...jsonFlag,
  },
  examples: ['islet host', 'islet host --port 80 --dir /var/lib/islet'],
  async run(args, context) {
    const { terminal, signal } = context;
    const dir = resolve(context.cwd, args.text('dir') ?? defaultDir);
    const noteLeftOut = (name: string, why: string | undefined): void => {
      if (why === undefined) return;
      terminal.note(`  ${name} is left out: ${visible(why)}; examples/${name}/README.md says what it needs`);
    };
    const ports = portsOf(args);
    await using running = await terminal.during('starting', openHost(args, { dir, context }));
    const examples = args.is('examples') ? toExamples(running.host, dir, context) : undefined;
    if (examples !== undefined)
      await terminal.during('deploying the examples', examples('quick', noteLeftOut));
    const listening = await running.host.listen(ports);
    const names = (await running.host.list()).map((info) => info.name);
    if (args.is('json')) terminal.json({ ...listening, dir, pid: process.pid, functions: names });
    else printRunning(terminal, { listening, dir, names, version: context.version });
    // A minute or so the first time: compilers, and interpreters to compile. The host answers meanwhile, and ends it.
    void examples?.('slow', (name, leftOut) => {
      noteLeftOut(name, leftOut);
      if (leftOut === undefined && !names.includes(name))
        terminal.note(`  ${name} is there: curl ${functionUrl(listening.url, name)}`);
    });
    await aborted(signal);
    if (!args.is('json')) terminal.note('stopping');
    return 0;
  },
};

type Examples = (only: 'quick' | 'slow', done: ExampleOptions['done'] & {}) => Promise<void>;

/** Deploys examples. A host without them is a host: what fails is told, and nothing of it once the host is stopped. */
function toExamples(host: Host, dir: string, { terminal, signal }: Context): Examples {
  return async (only, done) => {
    try {
      await deployExamples(host, dir, { only, signal, done: (...told) => signal.aborted || done(...told) });
    } catch (error) {
      if (!signal.aborted) terminal.note(`  the other examples are left out: ${visible(String(error))}`);
    }
  };
}

export function portsOf(args: Arguments): { port?: number; adminPort?: number } {
  const port = args.number('port', 0, mostPort);
  const adminPort = args.number('admin-port', 0, mostPort);
  return { ...(port === undefined ? {} : { port }), ...(adminPort === undefined ? {} : { adminPort }) };
}

/** A host with the flags of the command line; closed when it is disposed. */
export async function openHost(
  args: Arguments,
  options: { readonly dir: string; readonly context: Context },
): Promise<AsyncDisposable & { readonly host: Host }> {
  const cells = args.number('cells', 1, 256);
  const sandbox = args.choice('sandbox', ['auto', 'require', 'off']);
  const store = args.text('store');
  const forbid = args.text('forbid');
  const { env } = options.context;
  const smtpUrl = args.text('smtp') ?? env['ISLET_SMTP_URL'];
  const mailFrom = args.text('mail-from') ?? env['ISLET_MAIL_FROM'];
  const publicUrl = args.text('public-url') ?? env['ISLET_PUBLIC_URL'];
  const { createHost } = await import('#host/index.ts');
  const host = await createHost({
    dir: options.dir,
    log: (line) => printLog(options.context.terminal, line),
    ...(cells === undefined ? {} : { cells }),
    ...(sandbox === undefined ? {} : { sandbox }),
    ...(store === undefined ? {} : { store }),
    ...(smtpUrl === undefined ? {} : { smtpUrl }),
    ...(mailFrom === undefined ? {} : { mailFrom }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(forbid === undefined ? {} : { forbid: forbid.split(',') as HostOptions['forbid'] & {} }),
    ...(args.is('trust-proxy') ? { trustProxy: true } : {}),
    ...(args.is('no-private-egress') ? { privateEgress: false } : {}),
  });
  return { host, [Symbol.asyncDispose]: () => host.close() };
}

/** Resolves at the first Ctrl-C; the listener keeps no process alive, the host's sockets do. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** `http://127.0.0.1:8787` and `hello` to `http://hello.localhost:8787/`. */
export function functionUrl(gateway: string, name: string): string {
  return `http://${name}.localhost:${new URL(gateway).port || '80'}/`;
}

function printLog(terminal: Terminal, line: HostLogLine): void {
  if (line.level === 'info') return;
  const style = line.level === 'error' ? 'red' : 'yellow';
  terminal.note(`${terminal.noteStyle(style, line.level)} ${visible(line.message)}`);
}

function printRunning(
  terminal: Terminal,
  running: {
    readonly listening: Listening;
    readonly dir: string;
    readonly names: readonly string[];
    readonly version: string;
  },
): void {
  const { listening, dir, names } = running;
  const label = (text: string): string => terminal.style('dim', text.padEnd(9));
  terminal.line(
    `${terminal.style('green', '●')} ${terminal.style('bold', `islet ${running.version}`)} is running\n`,
  );
  terminal.line(`  ${label('gateway')}${listening.url}`);
  if (listening.adminUrl !== undefined) terminal.line(`  ${label('admin')}${listening.adminUrl}`);
  terminal.line(`  ${label('data')}${dir}`);
  terminal.line(`  ${label('token')}${join(dir, 'token')}\n`);
  const width = Math.max(0, ...names.map((name) => name.length));
  for (const name of names) {
    terminal.line(
      `  ${terminal.style('cyan', name.padEnd(width))}  curl ${functionUrl(listening.url, name)}`,
    );
  }
  if (names.length === 0) terminal.line('  No function yet. Try: islet deploy ./hello.js --name hello');
  terminal.line('\n  Ctrl-C stops it');
}

// oxlint-disable-next-line import/no-unassigned-import -- for its effect, see there
import '#test/support/plain-spawn.ts';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { CliProcess } from '#test/support/cli.ts';
import { request } from '#test/support/host.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dropped = ['NODE_OPTIONS', 'FORCE_COLOR', 'ISLET_ADMIN', 'ISLET_TOKEN'].flatMap((name) => ['-u', name]);

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
}

/** A command in the clone, in a process group of its own, as a terminal has it. */
class Command {
  readonly child: ChildProcess;
  out = '';
  readonly #closed: Promise<unknown>;

  constructor(...argv: readonly string[]) {
    this.child = spawn('/usr/bin/env', [...dropped, ...argv], {
      cwd: root,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (piece) => (this.out += String(piece)));
    this.#closed = once(this.child, 'close');
  }

  async until(text: string): Promise<void> {
    while (!this.out.includes(text)) {
      if (this.child.exitCode !== null) throw new Error(`ended without ${text}: ${this.out}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Signals everybody in the group, as Ctrl-C does; nothing where all have ended. */
  signal(name: NodeJS.Signals): void {
    try {
      process.kill(-Number(this.child.pid), name);
    } catch {
      // Ended.
    }
  }

  /** Once it and all that write where it does have ended. */
  async ended(): Promise<Ended> {
    await this.#closed;
    return { code: this.child.exitCode, signal: this.child.signalCode, out: this.out };
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const free = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  const was = await free;
  await new Promise((resolve) => server.close(resolve));
  return was;
}

void t.test(
  'clone: npm start serves the examples on 8787 and 8788, npx islet finds it, Ctrl-C stops it',
  async (t) => {
    const free = (await isFree(8787)) && (await isFree(8788));
    if (!free)
      t.comment('8787 or 8788 is taken on this machine: other ports are tried, the default ones are not');
    const dir = join(t.testdir({ cwd: {} }), 'data');
    // The data of whoever works in this clone stays out of it.
    const flags = ['--dir', dir, ...(free ? [] : ['--port', '0', '--admin-port', '0'])];
    const start = new Command('npm', 'start', '--', ...flags);
    t.teardown(() => start.signal('SIGKILL'));
    await start.until('Ctrl-C stops it');

    const port = Number(/gateway +http:\/\/127\.0\.0\.1:(\d+)\n/.exec(start.out)?.[1]);
    const admin = Number(/admin +http:\/\/127\.0\.0\.1:(\d+)\n/.exec(start.out)?.[1]);
    if (free) t.same([port, admin], [8787, 8788]);
    t.match(start.out, `data     ${dir}\n`);
    t.match(start.out, `curl http://hello.localhost:${port}/\n`);
    t.equal((await request(port, '/hello/')).status, 200);
    t.equal((await request(port, '/', { host: `hello.localhost:${port}` })).status, 200);

    const listed = await new Command('npx', 'islet', 'list', '--dir', dir, '--json').ended();
    t.equal(listed.code, 0, listed.out);
    t.ok((JSON.parse(listed.out) as { name: string }[]).some(({ name }) => name === 'hello'));
    if (free) {
      const token = (await readFile(join(dir, 'token'), 'utf8')).trim();
      const elsewhere = new CliProcess(['list', '--token', token], { cwd: t.testdirName });
      t.match(await elsewhere.ended(), { code: 0, out: /hello/ }, 'the default address is that of a host');
    }

    start.signal('SIGINT');
    const { code, signal, out } = await start.ended();
    // npm's shell got the signal as well, and some end by it when what they ran has ended.
    t.ok(code === 0 || signal === 'SIGINT', `npm ended by ${code ?? signal}`);
    t.match(out, /\nstopping\n/);
    t.notOk(existsSync(join(dir, 'host.json')), 'the host closed, it was not cut off');
    t.notMatch(start.out, 'npm error');
    await t.rejects(request(port, '/hello/'), { code: 'ECONNREFUSED' });
  },
);

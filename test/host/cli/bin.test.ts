import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { CliProcess } from '#test/support/cli.ts';

const free = ['--port', '0', '--admin-port', '0', '--cells', '1', '--json'];
const root = join(import.meta.dirname, '..', '..', '..');

/** A Node that islet does not run on: the system's, or the one that npm was started with. */
async function olderNode(): Promise<string | undefined> {
  for (const file of ['/usr/bin/node', process.env['npm_node_execpath']])
    if (file !== undefined && existsSync(file) && /^v2[0-3]\./.test(await run(file, '--version')))
      return file;
  return undefined;
}

const old = (await olderNode()) ?? '';
const skip = old === '' ? 'needs a Node 20 to 23: /usr/bin/node, or the one that npm runs on' : false;

void t.test(
  'bin: an older Node hands over to the one npm installed, or says what it needs',
  { skip },
  async (t) => {
    const cwd = t.testdir({});
    t.match(await new CliProcess(['--version'], { cwd, node: old }).ended(), {
      code: 0,
      out: /^\d+\.\d+\.\d+\n$/,
    });
    t.equal((await new CliProcess(['nonsense'], { cwd, node: old }).ended()).code, 2);

    const host = new CliProcess(['host', ...free], { cwd, node: old });
    const [line] = await host.until(/^\{.*\}$/m);
    const { pid } = JSON.parse(line) as { pid: number };
    t.equal((await host.stop('SIGINT')).code, 0);
    t.notOk(isAlive(pid));

    const killed = new CliProcess(['host', ...free], { cwd, node: old });
    const [second] = await killed.until(/^\{.*\}$/m);
    await killed.stop('SIGKILL');
    const orphan = (JSON.parse(second) as { pid: number }).pid;
    while (isAlive(orphan)) await new Promise((resolve) => setTimeout(resolve, 10));
    t.pass('the host ends with the launcher, though that was killed');

    await mkdir(join(cwd, 'copy', 'host', 'cli'), { recursive: true });
    await copyFile(join(root, 'host', 'cli', 'bin.js'), join(cwd, 'copy', 'host', 'cli', 'bin.js'));
    await writeFile(join(cwd, 'copy', 'package.json'), '{"type":"module"}');
    const alone = await run(old, join(cwd, 'copy', 'host', 'cli', 'bin.js'));
    t.match(alone, /^exit 1: islet needs Node 24 or newer; this is Node 2\d\.\d+\.\d+\n$/);
  },
);

void t.test('bin: the launcher works through a link, as npm installs it', async (t) => {
  const cwd = t.testdir({});
  await symlink(join(root, 'host', 'cli', 'bin.js'), join(cwd, 'islet'));
  t.match(await run(join(cwd, 'islet'), '--version'), /^\d+\.\d+\.\d+\n$/);
});

void t.test('cli: a reader that has seen enough is no failure', async (t) => {
  const cli = new CliProcess(['--help'], { cwd: root });
  cli.child.stdout?.destroy();
  t.equal((await cli.ended()).code, 0);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** What a program prints, or how it failed. */
async function run(file: string, ...argv: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(file, argv, (error, stdout, stderr) =>
      resolve(error === null ? stdout : `exit ${error.code}: ${stderr}`),
    );
  });
}

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import t from 'tap';
import { openTestHost, temporaryDir } from '#test/support/host.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const tour = readme.slice(readme.indexOf('## A five-minute tour'), readme.indexOf('## Functions'));
const [first = '', second = ''] = [...tour.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block);
const missing = ['bash', 'curl'].filter((tool) => spawnSync(tool, ['--version']).error !== undefined);
const skip = missing.length === 0 ? false : `there is no ${missing.join(' and no ')} here`;

void t.test(
  'tour: what the README says to type works, line by line, from an empty folder',
  { skip },
  async (t) => {
    const { host, port, dir, adminUrl } = await openTestHost(t);
    for (const name of ['hello', 'counter-kv', 'hello-lambda'])
      await host.deploy(join(root, 'examples', name), { name });
    const cwd = join(await temporaryDir(t), 'empty');
    mkdirSync(cwd);
    const lines = `${first}${second}`
      .replaceAll(':8787', `:${port}`)
      // Names of this machine, which not every resolver knows.
      .replaceAll('curl ', `curl -sS --fail --resolve '*:${port}:127.0.0.1' `);
    const script = `set -euo pipefail
    npx() { shift; "${process.execPath}" "${join(root, 'host/cli/bin.js')}" "$@"; }
    ${lines}`;
    const env = {
      PATH: process.env['PATH'],
      ISLET_ADMIN: adminUrl,
      ISLET_TOKEN: readFileSync(join(dir, 'token'), 'utf8').trim(),
    };
    const shell = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    shell.stdout.on('data', (piece) => (out += String(piece)));
    shell.stderr.on('data', (piece) => (err += String(piece)));
    const [code] = (await once(shell, 'close')) as [number];
    t.equal(code, 0, err);
    for (const said of [
      /Hello, World!/,
      /Hello, Ada!/,
      /Hello from Lambda!/,
      /shop version 1 answers/,
      /\{"item":"tea","price":3,"currency":"EUR"\}/,
      /asked for tea/,
    ])
      t.match(out, said);
    t.same((await host.list()).map(({ name }) => name).sort(), ['counter-kv', 'hello', 'hello-lambda']);
  },
);
